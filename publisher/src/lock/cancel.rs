//! Ending a wait for the lock from another thread.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::thread::Event;

/// Ends every wait that was given this, now and later. Clones share one state.
///
/// Not for use in a forked child: make a new one there.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    next: u64,
    waiting: Vec<(u64, Sender<Event>)>,
}

impl Cancel {
    /// Not cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes every waiter with [`LockError::Cancelled`](super::LockError::Cancelled). Cannot be undone.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        for (_, waiter) in state.waiting.drain(..) {
            // An error means that this waiter has just returned by itself.
            waiter.send(Event::Cancelled).ok();
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    pub(super) fn register(&self, waiter: Sender<Event>) -> Registered<'_> {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.waiting.push((id, waiter));
        Registered { cancel: self, id }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in the guarded sections can stop half way, so the state of a panicked thread is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the waiter off the list when its wait is over.
pub(super) struct Registered<'a> {
    cancel: &'a Cancel,
    id: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.cancel.lock().waiting.retain(|(id, _)| *id != self.id);
    }
}
