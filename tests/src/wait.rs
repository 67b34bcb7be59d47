//! Waiting for a condition, with a deadline.

#![allow(clippy::panic, reason = "a condition that does not come true fails its test")]

use std::time::{Duration, Instant};

/// Far more than anything here needs, so that a loaded machine does not fail a test.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `condition` is true, and says how long that took.
///
/// # Panics
/// After `deadline`, naming `what`.
#[track_caller]
pub fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}
