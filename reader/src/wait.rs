//! Waiting for a change, without polling while there is a file.

use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::fence;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex;
use vexil_format::Generation;

use crate::reader::Reader;

/// How long a sleep on the event word lasts at most: then the path is looked at, for a file that was replaced by hand.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a path is looked at that has no file, or still the superseded one: its publisher puts the new one there
/// within microseconds after the wake, or was killed before it could.
const POLL_EVERY: Duration = Duration::from_millis(10);

impl Reader {
    /// Waits until the current generation is another one than `seen`, or `timeout` has passed, and says which it is.
    ///
    /// Wakes within microseconds of a publish. Call it again with the answer to see every change that lasts; changes
    /// that follow each other quickly may be seen as one.
    ///
    /// ```no_run
    /// # let flags = vexil_reader::Reader::attach("/run/flags.vexil");
    /// let mut seen = flags.generation();
    /// loop {
    ///     seen = flags.wait_for_change(seen, std::time::Duration::from_secs(60));
    ///     println!("generation {seen}");
    /// }
    /// ```
    pub fn wait_for_change(&self, seen: Generation, timeout: Duration) -> Generation {
        let start = Instant::now();
        loop {
            let attached = self.shared.attached();
            let map = attached.view.map();
            // Before the generation is looked at: a publish after this wakes the sleep below, or keeps it from starting.
            // Relaxed, then a fence: on a read-only page only relaxed loads are promised to work.
            let event = map.event().load(Relaxed);
            fence(Acquire);
            let now = self.generation();
            let left = timeout.saturating_sub(start.elapsed());
            if now != seen || left.is_zero() {
                return now;
            }
            if attached.view.file().is_none() || attached.view.observe().is_superseded() {
                std::thread::sleep(POLL_EVERY.min(left));
            } else {
                let sleep = LOOK_EVERY.min(left);
                let limit = futex::Timespec {
                    tv_sec: sleep.as_secs() as i64,
                    tv_nsec: i64::from(sleep.subsec_nanos()),
                };
                // Every way to return, also an error, leads to another look.
                if futex::wait(map.event(), futex::Flags::empty(), event, Some(&limit)).is_err_and(is_no_wait)
                {
                    std::thread::sleep(POLL_EVERY.min(left));
                }
            }
            self.shared.follow();
        }
    }
}

/// Whether the kernel did not wait at all. It may lack the call (`ENOSYS`), or a sandbox may refuse it with any number; who
/// does not sleep then, spins.
fn is_no_wait(error: Errno) -> bool {
    !matches!(error, Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symptom: a waiter used a whole processor where a sandbox refuses futexes. Cause: only `ENOSYS` led to a sleep, and
    /// sandboxes answer `EPERM` or `EACCES`. Fix: whatever is no way for a wait to end leads to a sleep.
    #[test]
    fn only_the_ways_in_which_a_wait_ends_go_without_a_sleep() {
        for ended in [Errno::AGAIN, Errno::INTR, Errno::TIMEDOUT] {
            assert!(!is_no_wait(ended), "{ended}");
        }
        for refused in [Errno::NOSYS, Errno::PERM, Errno::ACCESS, Errno::FAULT, Errno::INVAL] {
            assert!(is_no_wait(refused), "{refused}");
        }
    }
}
