//! The thread that writes checkpoints, so that publishing never waits for a disk.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_format::counters::{Event, Phase};
use flagstaff_format::{Archive, Checkpoints, WriteError, status};

use crate::causes::with_causes;
use crate::counted::Counted;
use crate::failure_kind;
use crate::options::ThreadLog;

/// Writes the newest archive that it was offered, at most once per interval, and a last one when it stops.
///
/// Dropped without a stop, it ends without writing what is left.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    /// The result of writing the last archive. Behind a lock to be `Sync`; only the owner waits on it.
    ended: Mutex<Receiver<Result<(), WriteError>>>,
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
    /// The one that the disk has got and has not vouched for yet, for another try.
    under_way: Option<Arc<Archive>>,
    /// The writer of another file, after the first one was superseded.
    moved: Option<Checkpoints>,
    /// When the next archive is written, if there is one; `None`: at once.
    not_before: Option<Instant>,
    stop: bool,
}

impl Checkpointer {
    pub(crate) fn start(
        checkpoints: Checkpoints,
        every: Duration,
        log: ThreadLog,
        counted: Arc<Counted>,
    ) -> io::Result<Checkpointer> {
        let shared = Arc::new(Shared::default());
        let (done, ended) = mpsc::channel();
        let of_thread = shared.clone();
        thread::Builder::new().name("flag-disk".to_owned()).spawn(move || {
            let last = log.run(|| of_thread.work_until_stopped(checkpoints, every, &counted));
            // Nobody listens if the wait for this was given up.
            let _ = done.send(last);
        })?;
        Ok(Checkpointer { shared, ended: Mutex::new(ended) })
    }

    /// Offers a newer archive. Never waits.
    pub(crate) fn offer(&self, archive: Arc<Archive>) {
        self.shared.work().newest = Some(archive);
        self.shared.changed.notify_one();
    }

    /// Takes back what is not on the disk yet, so that its memory is free for the next archive. Whether there was anything: then an
    /// archive must be offered again, the next one or else the current one. An archive that is being copied to the kernel in this
    /// moment stays until that is done.
    #[must_use]
    pub(crate) fn take_back(&self) -> bool {
        let mut work = self.shared.work();
        // Both, and dropped without the lock: giving large memory back takes a while.
        let taken = (work.newest.take(), work.under_way.take());
        drop(work);
        taken.0.is_some() || taken.1.is_some()
    }

    /// Gives the newest archive back to its owner, who is about to change it, and then offers it again in any case. Whether there was
    /// anything. One that is due stays, and its owner changes a copy: the disk would otherwise not get any while publishes follow each
    /// other closely.
    #[must_use]
    pub(crate) fn lend(&self) -> bool {
        let mut work = self.shared.work();
        let is_due = work.not_before.is_none_or(|at| at <= Instant::now());
        let newest = if is_due { None } else { work.newest.take() };
        let taken = (newest, work.under_way.take());
        drop(work);
        taken.0.is_some() || taken.1.is_some()
    }

    /// Goes on with the checkpoints of another file. What was not written yet is in its first checkpoint.
    pub(crate) fn move_to(&self, checkpoints: Checkpoints) {
        let mut work = self.shared.work();
        work.moved = Some(checkpoints);
        work.newest = None;
        drop(work);
        // At once, also without anything to write: the thread keeps the old file's blocks until it closes it.
        self.shared.changed.notify_one();
    }

    /// Writes what is left and ends, or gives up waiting for a disk that hangs. The inner result is that of the disk.
    pub(crate) fn stop(&self, patience: Duration) -> Result<Result<(), WriteError>, RecvTimeoutError> {
        self.shared.work().stop = true;
        self.shared.changed.notify_one();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        let mut work = self.shared.work();
        if !work.stop {
            work.stop = true;
            work.newest = None;
        }
        drop(work);
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Work> {
        // Nobody panics while holding it, and it is whole at every step.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the result of writing the last archive.
    fn work_until_stopped(
        &self,
        mut checkpoints: Checkpoints,
        every: Duration,
        counted: &Counted,
    ) -> Result<(), WriteError> {
        let mut before: Option<Instant> = None;
        let mut failing = false;
        loop {
            let (archive, moved, stop) = self.next(before.map(|before| before + every));
            if let Some(moved) = moved {
                checkpoints = moved;
            }
            let mut result = Ok(());
            if let Some(archive) = archive {
                let begun = Instant::now();
                result = checkpoints.write_given(archive);
                match &result {
                    Ok(()) => {
                        counted.add(Event::Checkpoint, 1);
                        counted.took(Phase::Checkpoint, begun.elapsed());
                    }
                    Err(error) => {
                        let kind = failure_kind::of_disk(error);
                        counted.failure(kind);
                        status::set_failure(checkpoints.status_words(), kind);
                    }
                }
                before = Some(Instant::now());
                failing = report(&result, failing);
                let under_way = self.work().under_way.take();
                if let Some(archive) = under_way.filter(|_| failing) {
                    self.put_back(archive);
                }
            }
            if stop {
                // What failed earlier was put back, so it was tried once more just now.
                return result;
            }
        }
    }

    /// An archive that did not reach the disk is written again next time, unless a newer one has come, or another file:
    /// that one has it already, under a higher generation.
    fn put_back(&self, archive: Arc<Archive>) {
        let mut work = self.work();
        if work.moved.is_none() {
            work.newest.get_or_insert(archive);
        }
    }

    /// Waits for another file, or for something to write and for the time to do so.
    fn next(&self, not_before: Option<Instant>) -> (Option<Arc<Archive>>, Option<Checkpoints>, bool) {
        let mut work = self.work();
        work.not_before = not_before;
        loop {
            let left = not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
            let archive = if work.stop || left.is_zero() { work.newest.take() } else { None };
            work.under_way.clone_from(&archive);
            if work.stop || archive.is_some() || work.moved.is_some() {
                return (archive, work.moved.take(), work.stop);
            }
            work = if work.newest.is_some() {
                self.changed.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(work).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

/// Logs once that the disk fails, and once that it works again.
fn report(result: &Result<(), WriteError>, failing: bool) -> bool {
    match result {
        Ok(()) => {
            if failing {
                tracing::info!("checkpoints reach the disk again");
            }
            false
        }
        Err(error) => {
            if !failing {
                let error = with_causes(error);
                tracing::error!(
                    error,
                    "checkpoint failed: flags are served from memory and would not survive a reboot"
                );
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use flagstaff_format::{Facts, Generation, Writer, WriterOptions};

    fn writer(folder: &Path) -> Writer {
        Writer::open(&folder.join("flags.flagstaff"), &WriterOptions::default()).unwrap().writer
    }

    fn archive() -> Arc<Archive> {
        Arc::new(Archive::build(Vec::new(), Generation(1), Facts::default()).unwrap())
    }

    /// Symptom: a recreated file went back to an older checkpoint. Cause: a write into the file before it failed after the
    /// move, and its archive was put back, to be written into the new file. Fix: not if there is another file by now.
    #[test]
    fn an_archive_that_failed_before_a_move_is_not_written_into_the_next_file() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared::default();
        shared.put_back(archive());
        assert!(shared.work().newest.take().is_some());
        shared.work().moved = Some(writer(folder.path()).checkpoints().unwrap());
        shared.put_back(archive());
        assert!(shared.work().newest.is_none());
    }

    /// Symptom: a thread and two descriptors stayed behind whenever a publisher could not start. Cause: without a stop the
    /// thread waited for ever. Fix: it ends when its owner is dropped.
    #[test]
    fn a_checkpointer_that_is_dropped_without_a_stop_ends_its_thread() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path());
        let counted = Arc::new(Counted::of(writer.status_words()));
        let checkpoints = writer.checkpoints().unwrap();
        let checkpointer =
            Checkpointer::start(checkpoints, Duration::from_secs(3600), ThreadLog::On, counted).unwrap();
        let of_thread = Arc::downgrade(&checkpointer.shared);
        drop(checkpointer);
        let begun = Instant::now();
        while of_thread.upgrade().is_some() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the thread lives on");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
