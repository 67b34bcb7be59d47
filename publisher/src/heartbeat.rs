//! Twice a second: show that the publisher lives and gets on with its work, see whether the paths still lead to its files, and try again
//! what did not get into the file.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flagstaff_format::{PathCheck, WriteError, Writer, boot, status};

use crate::checkpointer::Checkpointer;
use crate::failure_kind;
use crate::feed::{Feed, LastPayload};
use crate::lock::PublisherLock;
use crate::options::ThreadLog;
use crate::payload::Limits;
use crate::sse::{Stopper, Waited};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);

/// After how long with one payload, or one line of the log, the publishing thread is taken for hanging. The largest payload takes well
/// below a second.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// What the publisher's threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) writer: Mutex<Writer>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) lock: PublisherLock,
    /// The lock file is no longer the one that is held.
    pub(crate) lock_lost: AtomicBool,
    /// What to stop when that happens.
    pub(crate) stop_on_loss: Mutex<Option<Stopper>>,
    /// The file was made anew since a payload came last, perhaps with older flags or without any.
    pub(crate) superseded: AtomicBool,
    /// The publisher is open. Before, the file does not say that there is one.
    pub(crate) is_started: AtomicBool,
    pub(crate) feed: Mutex<Feed>,
    pub(crate) last: LastPayload,
    pub(crate) limits: Limits,
    pub(crate) identity: [u8; 32],
    /// Coarse time, in milliseconds, since which the publishing thread has something to do; 0 while it waits for its source.
    pub(crate) working_since: AtomicU64,
}

impl Shared {
    pub(crate) fn writer(&self) -> std::sync::MutexGuard<'_, Writer> {
        // A writer is whole at every step: a publish that did not finish is repeated.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks afresh whether the lock file is still the one that is held, and stops whoever publishes if not.
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

    fn makes_progress(&self) -> bool {
        let since = self.working_since.load(Ordering::Relaxed);
        since == 0 || coarse_millis().saturating_sub(since) < HANGS_AFTER.as_millis() as u64
    }

    fn look(&self, complained: &mut bool) {
        // First of all: without the lock the file may be that of another publisher, whose heartbeat this is not, and
        // what stands at the path may be its new file.
        if !self.has_lock() {
            return;
        }
        let mut writer = self.writer();
        // This thread is alive in any case. What readers want to know is whether flags would come.
        if self.makes_progress() {
            status::beat(writer.status_words());
        }
        let (state, damage) = (writer.path_state(), writer.damage());
        if state != PathCheck::Same || damage.is_some() {
            match self.supersede(&mut writer) {
                Ok(()) => {
                    self.superseded.store(true, Ordering::Release);
                    tracing::warn!(
                        ?state,
                        damage,
                        "snapshot file was touched by somebody else and has been made anew"
                    );
                }
                Err(error) => {
                    status::set_failure(writer.status_words(), failure_kind::of_disk(&error));
                    if !std::mem::replace(complained, true) {
                        tracing::error!(%error, ?state, damage, "snapshot file was touched by somebody else and cannot be made anew");
                    }
                }
            }
        } else {
            *complained = false;
            writer.keep_live_link();
        }
        drop(writer);
        self.catch_up();
    }

    /// Makes the file anew, with what was published last also where the file has lost that.
    pub(crate) fn supersede(&self, writer: &mut Writer) -> Result<(), WriteError> {
        writer.supersede_with(|found| self.last.or(found, &self.limits, self.identity))?;
        self.checkpointer.move_to(writer.checkpoints()?);
        Ok(())
    }
}

/// Never 0.
pub(crate) fn coarse_millis() -> u64 {
    (boot::coarse().as_millis() as u64).max(1)
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    stopper: Stopper,
    thread: JoinHandle<()>,
    /// Behind a lock to be `Sync`; only the owner waits on it.
    ended: Mutex<Receiver<()>>,
}

impl Heartbeat {
    pub(crate) fn start(shared: Arc<Shared>, log: ThreadLog) -> io::Result<Heartbeat> {
        let mut complained = false;
        Heartbeat::spawn(EVERY, move || log.run(|| shared.look(&mut complained)))
    }

    fn spawn(every: Duration, mut look: impl FnMut() + Send + 'static) -> io::Result<Heartbeat> {
        let stopper = Stopper::new();
        let of_thread = stopper.clone();
        let (done, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("flag-heartbeat".to_owned()).spawn(move || {
            while of_thread.wait(every) == Waited::Elapsed {
                look();
            }
            // Before the owner goes on: who drops the last one gives the lock back.
            drop(look);
            // Nobody listens if the wait for this was given up.
            let _ = done.send(());
        })?;
        Ok(Heartbeat { stopper, thread, ended: Mutex::new(ended) })
    }

    /// Ends the thread, or gives up waiting for one that makes a file anew on a disk that hangs. That one then holds the
    /// writer and the lock until the disk answers.
    pub(crate) fn stop(self, patience: Duration) -> Result<(), RecvTimeoutError> {
        self.stopper.stop();
        match self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => return Err(RecvTimeoutError::Timeout),
            // It panics nowhere; if it did, there is nothing left to do for it.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
        }
        let _ = self.thread.join();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symptom: a publisher did not end while its disk hung. Cause: it waited for its heartbeat thread without limit, and that one
    /// may be making a file anew. Fix: it waits as long as for the last checkpoint.
    #[test]
    fn a_heartbeat_that_hangs_is_waited_for_with_patience_only() {
        let (looks, is_looking) = mpsc::channel();
        let (answer, disk) = mpsc::channel::<()>();
        let heartbeat = Heartbeat::spawn(Duration::ZERO, move || {
            looks.send(()).unwrap();
            let _ = disk.recv();
        });
        is_looking.recv().unwrap();
        assert_eq!(heartbeat.unwrap().stop(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
        drop(answer);
    }

    #[test]
    fn what_a_heartbeat_holds_is_dropped_when_its_stop_returns() {
        let shared = Arc::new(());
        let of_heartbeat = shared.clone();
        let heartbeat =
            Heartbeat::spawn(EVERY, move || assert!(Arc::strong_count(&of_heartbeat) > 0)).unwrap();
        assert_eq!(heartbeat.stop(Duration::from_secs(60)), Ok(()));
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
