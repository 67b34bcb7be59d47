//! What this publisher has done, counted in its memory and written to the file about twice a second.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flagstaff_format::counters::{Event, Phase};
use flagstaff_format::{Counters, FailureKind, HeaderPage, status};

/// The counters of the file, and those that it does not have yet.
#[derive(Debug)]
pub(crate) struct Counted(Mutex<Counters>);

impl Counted {
    /// Goes on where the publisher before this one stopped.
    pub(crate) fn of(page: &HeaderPage) -> Counted {
        Counted(Mutex::new(status::counters(page.map())))
    }

    pub(crate) fn add(&self, event: Event, times: u64) {
        self.counters().add(event, times);
    }

    pub(crate) fn failure(&self, kind: FailureKind) {
        self.counters().add_failure(kind);
    }

    pub(crate) fn payload_is_of(&self, bytes: usize) {
        self.counters().set_payload_bytes(bytes as u64);
    }

    pub(crate) fn took(&self, phase: Phase, time: Duration) {
        self.counters().add_duration(phase, time);
    }

    /// Writes them to the file, unless it has them already. An error only makes metrics older: the next call tries again.
    pub(crate) fn write(&self, page: &HeaderPage) {
        let counters = *self.counters();
        if counters != status::counters(page.map()) {
            let _ = page.set_counters(&counters);
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        // It is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
