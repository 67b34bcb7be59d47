//! A thread that waits for a lock, and those who want it.
//!
//! A wait in the kernel cannot be cancelled. So all in this process that want the same lock share one waiting thread, which also
//! stays when they have gone and serves the next one. Without that, each client that comes and goes beside a publisher would leave
//! another thread behind.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagstaff_format::Epoch;

use super::error::LockError;
use super::lock_file::{FileId, LockMode};
use super::private_table::Isolation;

/// What those who want the lock are told.
#[derive(Debug)]
pub(super) enum Event {
    Held(Grant),
    Failed(LockError),
    /// The stopper was used.
    Stopped,
    /// The shared wait is over, and another owner got its result: wait again.
    Again,
    /// The thread is over. Only of interest if nothing came before it.
    Ended,
}

/// The lock: whoever drops `release` gives it back.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) release: Sender<Infallible>,
    pub(super) id: FileId,
    pub(super) isolation: Isolation,
}

/// The waits of this process. Never waited for without a limit: a thread that was lost in a fork may hold it for ever, and the child
/// then has a thread for each wait.
static WAITING: Mutex<Vec<Arc<Waiter>>> = Mutex::new(Vec::new());

/// How long somebody who wants a lock waits for the list above, which is held for as long as it takes to start a thread.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is tried.
const TRY_EVERY: Duration = Duration::from_micros(100);

pub(super) struct Waiter {
    path: PathBuf,
    mode: LockMode,
    /// A child has a copy of the waiter, but not its thread.
    made: Epoch,
    state: Mutex<State>,
}

struct State {
    /// Who wants the lock, the first one first. They may all have gone.
    owners: VecDeque<Owner>,
    next: u64,
    /// The thread is past its wait.
    is_over: bool,
    thread: Option<JoinHandle<()>>,
}

struct Owner {
    number: u64,
    events: Sender<Event>,
}

/// One who wants the lock.
pub(super) struct Claim {
    waiter: Arc<Waiter>,
    number: u64,
}

impl Claim {
    /// In a wait with a thread of its own, that `spawn` starts.
    pub(super) fn alone(
        path: &Path,
        mode: LockMode,
        owner: Sender<Event>,
        spawn: impl FnOnce(Arc<Waiter>) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<Claim> {
        let owners = VecDeque::from([Owner { number: 0, events: owner }]);
        let state = Mutex::new(State { owners, next: 1, is_over: false, thread: None });
        let waiter = Arc::new(Waiter { path: path.to_owned(), mode, made: Epoch::now(), state });
        let thread = spawn(waiter.clone())?;
        waiter.state().thread = Some(thread);
        Ok(Claim { waiter, number: 0 })
    }

    /// In the wait for this lock that is under way in this process, or in a new one.
    pub(super) fn shared(
        path: &Path,
        mode: LockMode,
        owner: Sender<Event>,
        spawn: impl FnOnce(Arc<Waiter>) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<Claim> {
        let Some(mut waiting) = waiting() else { return Claim::alone(path, mode, owner, spawn) };
        // Those of a parent are left alone: their locks may have been copied while they were taken.
        waiting.retain(|waiter| waiter.made != Epoch::now() || !waiter.state().is_over);
        if let Some(waiter) = waiting.iter().find(|waiter| waiter.is_for(path, mode)) {
            let mut state = waiter.state();
            if !state.is_over {
                let number = state.next;
                state.next += 1;
                state.owners.push_back(Owner { number, events: owner });
                drop(state);
                return Ok(Claim { waiter: waiter.clone(), number });
            }
        }
        let claim = Claim::alone(path, mode, owner, spawn)?;
        waiting.push(claim.waiter.clone());
        Ok(claim)
    }

    /// The thread, for whoever has the lock.
    pub(super) fn into_thread(self) -> Option<JoinHandle<()>> {
        self.waiter.state().thread.take()
    }

    /// Gives it up. If the lock comes when nobody wants it, it is given back at once.
    pub(super) fn give_up(self) {
        self.waiter.state().owners.retain(|owner| owner.number != self.number);
    }
}

impl Waiter {
    /// Tells the first owner that is still there, and says whether there is one. The others have to wait again: this thread is past its
    /// wait.
    pub(super) fn tell(&self, event: Event) -> Told {
        let mut state = self.state();
        state.is_over = true;
        let mut owners = std::mem::take(&mut state.owners);
        drop(state);
        let (mut event, mut told) = (event, Told::Nobody);
        while let Some(owner) = owners.pop_front() {
            match owner.events.send(event) {
                Ok(()) => {
                    told = Told::Owner;
                    break;
                }
                Err(back) => event = back.0,
            }
        }
        for owner in owners {
            // An error means that it has gone.
            owner.events.send(Event::Again).ok();
        }
        told
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

/// `None`: a fork took away who held it.
fn waiting() -> Option<MutexGuard<'static, Vec<Arc<Waiter>>>> {
    let begun = Instant::now();
    loop {
        match WAITING.try_lock() {
            Ok(waiting) => return Some(waiting),
            Err(TryLockError::Poisoned(waiting)) => return Some(waiting.into_inner()),
            Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(TRY_EVERY),
        }
    }
}

/// Who was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Owner,
    Nobody,
}
