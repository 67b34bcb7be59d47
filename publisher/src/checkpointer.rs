//! The thread that writes checkpoints, so that publishing never waits for a disk.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use vexil_format::{Archive, Checkpoints, WriteError};

/// Writes the newest archive that it was offered, at most once per interval, and a last one when it stops.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    /// Behind a lock to be `Sync`; only the owner waits on it.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    /// The newest archive that is not on the disk.
    newest: Option<Arc<Archive>>,
    /// The writer of another file, after the first one was superseded.
    moved: Option<Checkpoints>,
    stop: bool,
}

impl Checkpointer {
    pub(crate) fn start(checkpoints: Checkpoints, every: Duration) -> io::Result<Checkpointer> {
        let shared = Arc::new(Shared::default());
        let (done, ended) = mpsc::channel();
        let of_thread = shared.clone();
        thread::Builder::new().name("vexil-disk".to_owned()).spawn(move || {
            of_thread.work_until_stopped(checkpoints, every);
            // Nobody listens if the wait for this was given up.
            let _ = done.send(());
        })?;
        Ok(Checkpointer { shared, ended: Mutex::new(ended) })
    }

    /// Offers a newer archive. Never waits.
    pub(crate) fn offer(&self, archive: Arc<Archive>) {
        self.shared.work().newest = Some(archive);
        self.shared.changed.notify_one();
    }

    /// Goes on with the checkpoints of another file. What was not written yet is in its first checkpoint.
    pub(crate) fn move_to(&self, checkpoints: Checkpoints) {
        let mut work = self.shared.work();
        work.moved = Some(checkpoints);
        work.newest = None;
    }

    /// Writes what is left and ends, or gives up waiting for a disk that hangs.
    pub(crate) fn stop(&self, patience: Duration) -> Result<(), mpsc::RecvTimeoutError> {
        self.shared.work().stop = true;
        self.shared.changed.notify_one();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience)
    }
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Work> {
        // Nobody panics while holding it, and it is whole at every step.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work_until_stopped(&self, mut checkpoints: Checkpoints, every: Duration) {
        let mut before: Option<Instant> = None;
        let mut failing = false;
        loop {
            let (archive, moved, stop) = self.next(before.map(|before| before + every));
            if let Some(moved) = moved {
                checkpoints = moved;
            }
            if let Some(archive) = archive {
                let result = checkpoints.write(&archive);
                before = Some(Instant::now());
                failing = report(result, failing);
                if failing {
                    // Written anew next time, unless a newer one has come.
                    self.work().newest.get_or_insert(archive);
                }
            }
            if stop {
                return;
            }
        }
    }

    /// Waits for something to write and for the time to do so.
    fn next(&self, not_before: Option<Instant>) -> (Option<Arc<Archive>>, Option<Checkpoints>, bool) {
        let mut work = self.work();
        loop {
            let left = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
            if work.stop || (work.newest.is_some() && left.is_zero()) {
                return (work.newest.take(), work.moved.take(), work.stop);
            }
            work = if work.newest.is_some() {
                self.changed.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(work).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

/// Says once that the disk fails, and once that it works again.
fn report(result: Result<(), WriteError>, failing: bool) -> bool {
    match result {
        Ok(()) => {
            if failing {
                tracing::info!("checkpoints reach the disk again");
            }
            false
        }
        Err(error) => {
            if !failing {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::error!(%error, cause, "checkpoint failed: flags are served from memory and would not survive a reboot");
            }
            true
        }
    }
}
