//! What the threads of a publisher share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flagstaff_format::{Archive, FailureKind, Records as _, WriteError, Writer, boot, status};

use crate::checkpointer::Checkpointer;
use crate::counted::Counted;
use crate::feed::{Feed, LastPayload};
use crate::history::{History, MOST_ARCHIVE};
use crate::local::Local;
use crate::lock::PublisherLock;
use crate::payload::Limits;
use crate::stopper::Stopper;

/// After how long with one payload, or one line of the log, the publishing thread is taken for hung. The largest payload takes well
/// below a second.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// What the publisher's threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) writer: Mutex<Writer>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) counted: Arc<Counted>,
    pub(crate) lock: PublisherLock,
    /// The lock file is no longer the one that is held.
    pub(crate) lock_lost: AtomicBool,
    /// Stopped when that happens.
    pub(crate) stop_on_loss: Mutex<Option<Stopper>>,
    /// The file was recreated since the last payload, perhaps with older flags or without any.
    pub(crate) superseded: AtomicBool,
    /// The publisher is open. Before, the file does not say that there is one.
    pub(crate) is_started: AtomicBool,
    pub(crate) feed: Mutex<Feed>,
    pub(crate) last: LastPayload,
    pub(crate) local: Local,
    pub(crate) history: Arc<History>,
    pub(crate) limits: Limits,
    pub(crate) identity: [u8; 32],
    /// Coarse time, in milliseconds, since which the publishing thread has something to do; 0 while it waits for its source.
    pub(crate) working_since: AtomicU64,
}

impl Shared {
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        // A writer is whole at every step: a publish that did not finish is repeated.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What readers have, unless it is too large to be kept.
    pub(crate) fn newest_for_history(&self) -> Option<Archive> {
        let writer = self.writer();
        let bytes = writer.current_in_place()?.frame().archive_bytes;
        if bytes <= MOST_ARCHIVE as u64 { writer.current() } else { None }
    }

    /// Records in the file what failed, and counts it.
    pub(crate) fn failed(&self, writer: &Writer, kind: FailureKind) {
        self.counted.failure(kind);
        status::set_failure(writer.status_words(), kind);
    }

    /// Checks again whether the lock file is still the one that is held, and stops whoever publishes if not.
    pub(crate) fn has_lock(&self) -> bool {
        // A path that cannot be examined is no reason to stop: nothing says that somebody else has started.
        if self.lock.still_at_path().unwrap_or(true) && !self.lock_lost.load(Ordering::Acquire) {
            return true;
        }
        if !self.lock_lost.swap(true, Ordering::AcqRel)
            && let Some(stopper) = &*self.stop_on_loss.lock().unwrap_or_else(PoisonError::into_inner)
        {
            stopper.stop();
        }
        false
    }

    /// The publishing thread has something to do. Until it waits again, which should be soon, its silence counts as a hang.
    pub(crate) fn begins_work(&self) {
        self.working_since.store(coarse_millis(), Ordering::Relaxed);
    }

    /// The publishing thread waits for its source, which may take as long as it likes.
    pub(crate) fn ends_work(&self) {
        self.working_since.store(0, Ordering::Relaxed);
    }

    /// Whether the publishing thread waits for its source, or has not been at work for long.
    pub(crate) fn makes_progress(&self) -> bool {
        let since = self.working_since.load(Ordering::Relaxed);
        since == 0 || coarse_millis().saturating_sub(since) < HANGS_AFTER.as_millis() as u64
    }

    /// Recreates the file, with the payload that was published last even if the file has lost it.
    pub(crate) fn supersede(&self, writer: &mut Writer) -> Result<(), WriteError> {
        writer.supersede_with(|found| self.last.or(found, &self.limits, self.identity))?;
        self.checkpointer.move_to(writer.checkpoints()?);
        Ok(())
    }
}

/// Never 0.
fn coarse_millis() -> u64 {
    (boot::coarse().as_millis() as u64).max(1)
}
