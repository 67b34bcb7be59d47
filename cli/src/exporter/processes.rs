//! How many processes have each file mapped, looked at now and then.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::host::{Attached, attached_to};

/// Shortest time between two looks. They also take at most one part in [`SHARE`] of a processor: a host can have thousands of processes.
const EVERY: Duration = Duration::from_secs(5);
const SHARE: u32 = 50;

/// How many processes have one file mapped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// With the file mapped for reading.
    pub(super) readers: u64,
    /// As those, but an older file of this path: they have not read since it was superseded.
    pub(super) on_old_file: u64,
    /// With the file mapped for writing.
    pub(super) publishers: u64,
    /// Processes of the host that may not be looked at.
    pub(super) hidden: u64,
}

/// The result of the last look for each file, in order.
#[derive(Debug)]
pub(super) struct Processes {
    files: Vec<PathBuf>,
    counts: Mutex<Vec<Count>>,
}

impl Processes {
    pub(super) fn new(files: impl Iterator<Item = PathBuf>) -> Processes {
        Processes { files: files.collect(), counts: Mutex::default() }
    }

    /// Of the file with this place; `None` before the first look.
    pub(super) fn count(&self, file: usize) -> Option<Count> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(file).copied()
    }

    fn look(&self) {
        let counts = self.files.iter().map(|file| {
            let found = attached_to(file);
            let number =
                |kind| found.attached.iter().filter(|(_, attached)| *attached == kind).count() as u64;
            Count {
                readers: number(Attached::Reader),
                on_old_file: number(Attached::Old),
                publishers: number(Attached::Publisher),
                hidden: found.hidden,
            }
        });
        let counts = counts.collect();
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

/// Looks again and again while somebody wants to know.
pub(super) fn look_until_dropped(processes: &Weak<Processes>) {
    while let Some(processes) = processes.upgrade() {
        let begun = Instant::now();
        processes.look();
        drop(processes);
        thread::sleep(EVERY.max(begun.elapsed() * SHARE));
    }
}
