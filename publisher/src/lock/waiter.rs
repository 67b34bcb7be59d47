//! A thread that waits for a lock, and whoever wants it.
//!
//! A wait in the kernel cannot be called off. So a waiter whose owner has gone is kept here, and the next one in this process
//! that wants the same lock goes on with its wait. Without that, each client that comes and goes beside a publisher would leave
//! another thread behind.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use vexil_format::Epoch;

use super::LockMode;
use super::thread::Event;

/// Waiters without an owner. Only ever tried: a thread that was lost in a fork may hold it for ever.
static ABANDONED: Mutex<Vec<Arc<Waiter>>> = Mutex::new(Vec::new());

pub(super) struct Waiter {
    path: PathBuf,
    mode: LockMode,
    /// A child has a copy of the waiter, but not its thread.
    made: Epoch,
    state: Mutex<State>,
}

struct State {
    /// `None`: nobody wants the lock.
    owner: Option<Sender<Event>>,
    /// The thread is past its wait.
    is_over: bool,
    thread: Option<JoinHandle<()>>,
}

impl Waiter {
    pub(super) fn new(path: PathBuf, mode: LockMode, owner: Sender<Event>) -> Arc<Waiter> {
        let state = Mutex::new(State { owner: Some(owner), is_over: false, thread: None });
        Arc::new(Waiter { path, mode, made: Epoch::now(), state })
    }

    /// Keeps the handle of the thread for whoever gets the lock.
    pub(super) fn keep(&self, thread: JoinHandle<()>) {
        self.state().thread = Some(thread);
    }

    pub(super) fn handle(&self) -> Option<JoinHandle<()>> {
        self.state().thread.take()
    }

    /// Finds one that waits for this lock already, and owns it from now on.
    pub(super) fn adopt(path: &Path, mode: LockMode, owner: &Sender<Event>) -> Option<Arc<Waiter>> {
        let mut abandoned = ABANDONED.try_lock().ok()?;
        while let Some(at) = abandoned.iter().position(|waiter| waiter.is_for(path, mode)) {
            let waiter = abandoned.swap_remove(at);
            let mut state = waiter.state();
            if !state.is_over {
                state.owner = Some(owner.clone());
                drop(state);
                return Some(waiter);
            }
        }
        None
    }

    /// Gives it up. If the lock comes before somebody adopts it, it is given back at once.
    pub(super) fn abandon(self: Arc<Waiter>) {
        let mut state = self.state();
        state.owner = None;
        let is_over = state.is_over;
        drop(state);
        if let (false, Ok(mut abandoned)) = (is_over, ABANDONED.try_lock()) {
            // Those of a parent are left alone: their locks may have been copied while they were taken.
            abandoned.retain(|waiter| waiter.made != Epoch::now() || !waiter.state().is_over);
            abandoned.push(self);
        }
    }

    /// Tells the owner, and says whether there is one. Only the first call does: the wait is over then.
    pub(super) fn tell(&self, event: Event) -> Told {
        let mut state = self.state();
        state.is_over = true;
        match state.owner.take() {
            // An error gives the event back, to be dropped here.
            Some(owner) if owner.send(event).is_ok() => Told::Owner,
            _ => Told::Nobody,
        }
    }

    // The epoch first: the state of a parent's waiter is not to be looked at.
    fn is_for(&self, path: &Path, mode: LockMode) -> bool {
        self.made == Epoch::now() && self.path == path && self.mode == mode
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Owner,
    Nobody,
}
