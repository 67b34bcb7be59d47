//! Once a second: show that the publisher lives, and see whether the paths still lead to its files.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use vexil_format::{PathState, Writer, status};

use crate::checkpointer::Checkpointer;
use crate::lock::PublisherLock;
use crate::sse::{Stopper, Waited};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);

/// What the publisher's threads share.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) writer: Mutex<Writer>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) lock: PublisherLock,
    /// The lock file is no longer the one that is held.
    pub(crate) lock_lost: AtomicBool,
    /// What to stop when that happens.
    pub(crate) stop_on_loss: Mutex<Option<Stopper>>,
}

impl Held {
    pub(crate) fn writer(&self) -> std::sync::MutexGuard<'_, Writer> {
        // A writer is whole at every step: a publish that did not finish is repeated.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, complained: &mut bool) {
        let mut writer = self.writer();
        status::beat(writer.status_words());
        let state = writer.path_state();
        if state != PathState::Same {
            match supersede(&mut writer, &self.checkpointer) {
                Ok(()) => tracing::warn!(
                    ?state,
                    "snapshot file was touched by somebody else and has been made anew"
                ),
                Err(error) if !*complained => {
                    *complained = true;
                    tracing::error!(%error, ?state, "snapshot file was touched by somebody else and cannot be made anew");
                }
                Err(_) => {}
            }
        } else {
            *complained = false;
        }
        if !self.lock.still_at_path().unwrap_or(true)
            && !self.lock_lost.swap(true, Ordering::AcqRel)
            && let Some(stopper) = &*self.stop_on_loss.lock().unwrap_or_else(PoisonError::into_inner)
        {
            stopper.stop();
        }
    }
}

fn supersede(writer: &mut Writer, checkpointer: &Checkpointer) -> Result<(), vexil_format::WriteError> {
    writer.supersede()?;
    checkpointer.move_to(writer.checkpoints()?);
    Ok(())
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Keeper {
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(held: Arc<Held>) -> io::Result<Keeper> {
        let stopper = Stopper::new();
        let of_thread = stopper.clone();
        let thread = thread::Builder::new().name("vexil-keeper".to_owned()).spawn(move || {
            let mut complained = false;
            while of_thread.wait(EVERY) == Waited::Elapsed {
                held.look(&mut complained);
            }
        })?;
        Ok(Keeper { stopper, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; if it did, there is nothing left to do for it.
            let _ = thread.join();
        }
    }
}
