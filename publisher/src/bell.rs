//! Where the heartbeat thread sleeps: on a word of the file, so that another process can wake it.
//!
//! Whoever leaves a command rings until it has the answer, so a ring that comes just before the thread falls asleep is made up for by the
//! next one. Everybody who may read the file may ring: that costs a look, and looks have a pause between them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_format::HeaderPage;
use rustix::io::Errno;

use crate::stopper::{Stopper, Waited};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Why the thread woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time has come.
    Elapsed,
    /// Somebody rang, or it woke for no reason.
    Rung,
    /// It is to end.
    Stopped,
}

#[derive(Debug)]
pub(crate) struct Bell {
    stopper: Stopper,
    /// Of the file that is published into. Without one nobody can ring.
    page: Mutex<Option<Arc<HeaderPage>>>,
}

impl Bell {
    pub(crate) fn on(page: Option<Arc<HeaderPage>>) -> Bell {
        Bell { stopper: Stopper::new(), page: Mutex::new(page) }
    }

    /// Sleeps on another file from now on.
    pub(crate) fn move_to(&self, page: Option<Arc<HeaderPage>>) {
        let before = std::mem::replace(&mut *self.page(), page);
        // Without the lock: it may be the last that keeps a file open.
        drop(before);
    }

    /// Ends the thread, if it is not just about to sleep: then it has to be called again.
    pub(crate) fn stop(&self) {
        self.stopper.stop();
        if let Some(page) = &*self.page() {
            page.map().bell().wake(u32::MAX >> 1);
        }
    }

    /// For the thread.
    pub(crate) fn sleep_until(&self, time: Instant) -> Woken {
        // Not earlier than that after the last look.
        if self.stopper.wait(PAUSE) == Waited::Stopped {
            return Woken::Stopped;
        }
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Woken::Elapsed;
        }
        let page = self.page().clone();
        let slept = page.as_ref().map(|page| {
            let bell = page.map().bell();
            bell.wait(bell.load(), left)
        });
        match slept {
            // Woken, or the word was changed by somebody who may not.
            Some(Ok(()) | Err(Errno::AGAIN | Errno::INTR)) if !self.stopper.is_stopped() => Woken::Rung,
            Some(Ok(()) | Err(Errno::AGAIN | Errno::INTR)) => Woken::Stopped,
            Some(Err(Errno::TIMEDOUT)) => Woken::Elapsed,
            // Nobody can sleep on a word here.
            None | Some(Err(_)) => match self.stopper.wait(left) {
                Waited::Stopped => Woken::Stopped,
                Waited::Elapsed => Woken::Elapsed,
            },
        }
    }

    fn page(&self) -> MutexGuard<'_, Option<Arc<HeaderPage>>> {
        // It is whole at every step.
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
