//! Waiting for a change, without polling while there is a file.

use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

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
            let event = map.event().load(Acquire);
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
                if futex::wait(map.event(), futex::Flags::empty(), event, Some(&limit))
                    .is_err_and(|e| e == rustix::io::Errno::NOSYS)
                {
                    std::thread::sleep(POLL_EVERY.min(left));
                }
            }
            self.shared.follow();
        }
    }
}
