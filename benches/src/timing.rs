//! Timing: interleaved rounds, medians, and answers that are compared with the right ones.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::queries::{Pace, Queries, Tally};
use crate::rivals::Contender;

/// Nanoseconds per item of each contender in each round; `None` where one sat out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Vec<Option<f64>>>);

impl Times {
    /// The median of one contender's rounds, in nanoseconds.
    pub(crate) fn median(&self, who: usize) -> f64 {
        median(self.0[who].iter().flatten().copied().collect())
    }

    /// The median, over the rounds that both ran in, of one contender's time divided by another's.
    pub(crate) fn ratio(&self, who: usize, beside: usize) -> f64 {
        let pairs = self.0[who].iter().zip(&self.0[beside]);
        median(pairs.filter_map(|(a, b)| Some((*a)? / (*b)?)).collect())
    }
}

/// One time that a contest takes: does its work and says how many items it did.
pub(crate) type Work<'a> = &'a mut dyn FnMut() -> Outcome<usize>;

/// Works with their names: in every round each one runs once untimed, because whoever touches a table first pays for the cold cache, and then once
/// timed.
pub(crate) fn contest<N>(rounds: usize, works: &mut [(N, Work<'_>)]) -> Outcome<Times> {
    let mut times = Times(vec![Vec::new(); works.len()]);
    for _ in 0..rounds {
        for ((_, work), times) in works.iter_mut().zip(&mut times.0) {
            times.push(Some(timed(work)?));
        }
    }
    Ok(times)
}

fn timed(work: &mut Work<'_>) -> Outcome<f64> {
    black_box(work()?);
    let start = Instant::now();
    let items = black_box(work()?);
    Ok(start.elapsed().as_nanos() as f64 / items.max(1) as f64)
}

/// A contest of look-ups. Slow contenders sit out most rounds or ask only the first queries.
pub(crate) fn race(
    rounds: usize,
    pace: Pace,
    queries: &Queries,
    contenders: &mut [Box<dyn Contender>],
) -> Outcome<Times> {
    let mut times = Times(vec![Vec::new(); contenders.len()]);
    for round in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times.0) {
            let effort = contender.effort();
            if !round.is_multiple_of(effort.every) {
                times.push(None);
                continue;
            }
            let keys = &queries.keys[..queries.keys.len() / effort.part];
            let expected = queries.expected(pace, keys.len());
            let mut work = || {
                let found = contender.pass(pace, black_box(keys))?;
                check(contender.name(), expected, found)?;
                Ok(found.asked)
            };
            times.push(Some(timed(&mut (&mut work as Work<'_>))?));
        }
    }
    Ok(times)
}

/// Fails if two tallies differ.
pub(crate) fn check(who: &str, expected: Tally, found: Tally) -> Outcome<()> {
    if expected == found {
        return Ok(());
    }
    Err(format!("wrong answers: {who} answered {found:?}, expected {expected:?}").into())
}

/// Asks `look` for all items and compares the sum of its answers, which wraps around, with what it must be.
#[inline(always)]
pub(crate) fn check_sum<K>(expected: u64, items: &[K], look: impl Fn(&K) -> u64) -> Outcome<usize> {
    let found = items.iter().map(look).fold(0, u64::wrapping_add);
    if found == expected {
        return Ok(items.len());
    }
    Err(format!("wrong answers: their sum is {found}, expected {expected}").into())
}

/// The median of some figures; 0 if there are none.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// The time of one call.
pub(crate) fn time<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let answer = f();
    (answer, start.elapsed())
}

/// Microseconds of a duration.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::keys;
    use crate::queries::Mix;
    use crate::rivals::Rival;

    /// Answers "no" to everything.
    struct Liar;

    impl Rival for Liar {
        const NAME: &str = "liar";

        fn look(&mut self, _key: &str) -> Outcome<bool> {
            Ok(false)
        }
    }

    #[test]
    fn a_wrong_answer_ends_the_race() {
        let queries = Queries::new(&keys(10), Mix::Hit, 100);
        let error = race(1, Pace::Throughput, &queries, &mut [Box::new(Liar)]).unwrap_err();
        assert!(error.to_string().contains("wrong answers: liar"), "{error}");
    }

    #[test]
    fn the_middle_one_is_the_median() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let times = Times(vec![vec![Some(2.0), Some(20.0), Some(3.0)], vec![Some(1.0), Some(10.0), None]]);
        assert_eq!(times.ratio(0, 1), 2.0);
    }
}
