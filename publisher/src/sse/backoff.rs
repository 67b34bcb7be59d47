//! How long to wait before the next connection.
//!
//! No clock and no wait in here: the time of each event is passed in, and the delay is handed out.

use std::fmt;
use std::time::{Duration, Instant};

use super::failure::{Failure, Pace};
use super::retry::{RETRY_MAX, RETRY_MIN};

/// Mean delays of the first, second .. failure in a row; the last one goes on.
pub(super) const STEPS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];
/// Shortest delay.
pub(super) const FLOOR: Duration = Duration::from_millis(100);
/// A connection that lived this long, with a sign of life, ends the row of failures.
pub(super) const GOOD_AFTER: Duration = Duration::from_secs(30);
/// Mean delay after a failure that needs a change by somebody.
pub(super) const SLOW: Duration = Duration::from_secs(60);
/// Mean delay after status 204.
pub(super) const LONG_PAUSE: Duration = Duration::from_secs(300);
/// Longest `Retry-After` that is honoured.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Delays with full jitter, so that a thousand hosts do not come back in the same instant.
///
/// - The delay for a step of `d` is uniform over `(0, 2d]`, at least `FLOOR`. So its mean is `d`, and no two hosts agree.
/// - The step goes back only after a connection that lived for `GOOD_AFTER` and brought an event or a comment. A server
///   that accepts and closes at once sees growing delays.
/// - A `retry` field of the stream is a lower bound: uniform over `[retry, max(2d, 2 retry)]`, kept for later connections.
/// - `Retry-After` is a lower bound too, up to `RETRY_AFTER_MAX`; up to a tenth of it, at least 1 s, is added at random.
/// - After a failure that needs a change (401, 403, 404 ..) it is 60 s, after 204 it is 5 min, both with 20 % of jitter up or
///   down.
pub struct Backoff {
    random: Box<dyn FnMut() -> f64 + Send>,
    step: usize,
    server_retry: Duration,
    opened: Option<Instant>,
    alive: bool,
}

impl Backoff {
    /// Delays at random.
    #[must_use]
    pub fn new() -> Backoff {
        let mut random = fastrand::Rng::new();
        Backoff::with_random(move || random.f64())
    }

    /// Delays from a source of numbers from 0 up to, but not including, 1.
    #[must_use]
    pub fn with_random(random: impl FnMut() -> f64 + Send + 'static) -> Backoff {
        Backoff {
            random: Box::new(random),
            step: 0,
            server_retry: Duration::ZERO,
            opened: None,
            alive: false,
        }
    }

    /// A connection was opened.
    pub fn opened(&mut self, now: Instant) {
        self.opened = Some(now);
        self.alive = false;
    }

    /// The open connection brought an event or a comment.
    pub fn alive(&mut self) {
        self.alive = true;
    }

    /// The server sent a `retry` field.
    pub fn server_retry(&mut self, delay: Duration) {
        self.server_retry = delay.clamp(RETRY_MIN, RETRY_MAX);
    }

    /// How long to wait after a failure at the given time.
    #[must_use]
    pub fn delay_after(&mut self, failure: &Failure, now: Instant) -> Duration {
        let lived = self.opened.take().map(|opened| now.saturating_duration_since(opened));
        if self.alive && lived.is_some_and(|lived| lived >= GOOD_AFTER) {
            self.step = 0;
        }
        self.alive = false;
        let delay = match failure.pace() {
            Pace::Growing => self.growing(),
            Pace::Slow => self.between(SLOW * 4 / 5, SLOW * 6 / 5),
            Pace::Rare => self.between(LONG_PAUSE * 4 / 5, LONG_PAUSE * 6 / 5),
        };
        match failure.retry_after() {
            Some(asked) => delay.max(self.asked(asked.min(RETRY_AFTER_MAX))),
            None => delay,
        }
    }

    fn growing(&mut self) -> Duration {
        let mean = STEPS[self.step];
        self.step = (self.step + 1).min(STEPS.len() - 1);
        let low = self.server_retry;
        self.between(low, (mean * 2).max(low * 2)).max(FLOOR)
    }

    fn asked(&mut self, asked: Duration) -> Duration {
        let spread = (asked / 10).max(Duration::from_secs(1));
        self.between(asked, asked + spread).min(RETRY_AFTER_MAX)
    }

    fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let unit = (self.random)().clamp(0.0, 1.0);
        // Counted from the top, so that 0 is left out and the upper end is not.
        low + (high - low).mul_f64(1.0 - unit)
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new()
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff")
            .field("step", &self.step)
            .field("server_retry", &self.server_retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seconds(backoff: &mut Backoff, failure: &Failure) -> f64 {
        backoff.delay_after(failure, Instant::now()).as_secs_f64()
    }

    fn status(code: u16, retry_after: Option<u64>) -> Failure {
        Failure::Status { code, retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn delays_grow_around_1_2_5_10_30_and_stay_there() {
        let mut middle = Backoff::with_random(|| 0.5);
        let delays: Vec<f64> = (0..7).map(|_| seconds(&mut middle, &Failure::Ended)).collect();
        assert_eq!(delays, [1.0, 2.0, 5.0, 10.0, 30.0, 30.0, 30.0]);
    }

    #[test]
    fn jitter_is_full_with_a_floor_and_the_right_mean() {
        assert_eq!(seconds(&mut Backoff::with_random(|| 0.0), &Failure::Ended), 2.0);
        assert_eq!(seconds(&mut Backoff::with_random(|| 0.999_999_9), &Failure::Ended), 0.1);
        let mut rng = fastrand::Rng::with_seed(7);
        let sum: f64 = (0..20_000)
            .map(|_| {
                let unit = rng.f64();
                let delay = seconds(&mut Backoff::with_random(move || unit), &Failure::Ended);
                assert!((0.1..=2.0).contains(&delay));
                delay
            })
            .sum();
        assert!((sum / 20_000.0 - 1.0).abs() < 0.02, "mean {}", sum / 20_000.0);
    }

    #[test]
    fn a_connection_that_ends_at_once_does_not_reset_even_with_events() {
        let mut backoff = Backoff::with_random(|| 0.5);
        let mut now = Instant::now();
        for expected in [1, 2, 5, 10, 30, 30] {
            backoff.opened(now);
            backoff.alive();
            now += SECOND;
            assert_eq!(backoff.delay_after(&Failure::Ended, now), SECOND * expected);
        }
    }

    #[test]
    fn only_a_long_connection_with_a_sign_of_life_resets() {
        let mut backoff = Backoff::with_random(|| 0.5);
        let start = Instant::now();
        assert_eq!(backoff.delay_after(&Failure::Ended, start), SECOND);
        backoff.opened(start);
        assert_eq!(backoff.delay_after(&Failure::Ended, start + GOOD_AFTER), SECOND * 2);
        backoff.opened(start);
        backoff.alive();
        assert_eq!(backoff.delay_after(&Failure::Ended, start + GOOD_AFTER - SECOND), SECOND * 5);
        backoff.opened(start);
        backoff.alive();
        assert_eq!(backoff.delay_after(&Failure::Ended, start + GOOD_AFTER), SECOND);
        assert_eq!(backoff.delay_after(&Failure::Ended, start + GOOD_AFTER), SECOND * 2);
    }

    #[test]
    fn retry_of_the_server_raises_the_floor_and_is_clamped() {
        let mut low = Backoff::with_random(|| 1.0);
        low.server_retry(Duration::from_secs(3));
        assert_eq!(seconds(&mut low, &Failure::Ended), 3.0);
        low.server_retry(Duration::from_secs(3_000));
        assert_eq!(seconds(&mut low, &Failure::Ended), 60.0);
        low.server_retry(Duration::ZERO);
        assert_eq!(seconds(&mut low, &Failure::Ended), 0.1);
        let mut high = Backoff::with_random(|| 0.0);
        high.server_retry(Duration::from_secs(3));
        assert_eq!(seconds(&mut high, &Failure::Ended), 6.0);
    }

    #[test]
    fn retry_after_is_never_undercut_and_capped_at_an_hour() {
        for unit in [0.0, 0.5, 1.0] {
            let mut backoff = Backoff::with_random(move || unit);
            let delay = seconds(&mut backoff, &status(503, Some(120)));
            assert!((120.0..=132.0).contains(&delay), "{delay}");
            assert_eq!(seconds(&mut backoff, &status(429, Some(u64::MAX))), 3600.0);
        }
    }

    #[test]
    fn a_small_retry_after_does_not_shorten_the_delay() {
        let mut backoff = Backoff::with_random(|| 0.5);
        for expected in [1.0, 2.0, 5.0] {
            assert_eq!(seconds(&mut backoff, &status(503, Some(0))), expected);
        }
    }

    #[test]
    fn failures_that_need_a_change_are_retried_about_once_a_minute() {
        for unit in [0.0, 0.5, 1.0] {
            let mut backoff = Backoff::with_random(move || unit);
            let delay = seconds(&mut backoff, &status(401, None));
            assert!((48.0..=72.0).contains(&delay), "{delay}");
        }
    }

    #[test]
    fn no_content_is_a_long_pause() {
        for unit in [0.0, 0.5, 1.0] {
            let delay = seconds(&mut Backoff::with_random(move || unit), &Failure::NoContent);
            assert!((240.0..=360.0).contains(&delay), "{delay}");
        }
    }
}
