//! Timing: interleaved rounds, medians.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Asks all queries once; the answer keeps the work from being optimised away.
pub type Contender<'a> = &'a mut dyn FnMut(&[String]) -> u64;

/// Nanoseconds per item of several contenders over the same queries: in every round each runs once untimed, because whoever
/// touches a table first pays for the cold cache, and then once timed. The median of the rounds counts.
pub fn contest(queries: &[String], rounds: usize, contenders: &mut [Contender<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            black_box(contender(black_box(queries)));
            let start = Instant::now();
            black_box(contender(black_box(queries)));
            times.push(start.elapsed().as_nanos() as f64 / queries.len() as f64);
        }
    }
    times.into_iter().map(median).collect()
}

/// The median of some figures; 0 if there are none.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// The time of one call.
pub fn time<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let answer = f();
    (answer, start.elapsed())
}
