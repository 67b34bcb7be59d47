//! Notices a file that somebody put at a path without marking the old one: one thread for all clients of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::log::{Line, silently};
use crate::process::Process;
use crate::state::State;
use flagstaff_publisher::{Entry, ForkSafeList};

/// Twice a second, so that a change is seen within one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Small, because hosts that lock all their memory pay for it in full.
const STACK_BYTES: usize = 256 * 1024;

/// A forked child makes its own: it has lost the thread of its parent, and the lock may have been copied while it was taken.
static WATCHES: ForkSafeList<Mutex<PathWatch>> = ForkSafeList::new();

struct PathWatch {
    /// Weak, so that no client is kept from its end.
    states: Vec<Weak<State>>,
    has_thread: bool,
}

/// From now on until it is closed or dropped, the paths of this client are looked at.
pub(crate) fn watch_paths_of(state: &Arc<State>, process: &Process) {
    let make = || Mutex::new(PathWatch { states: Vec::new(), has_thread: false });
    let shared = match WATCHES.get_or_push(make) {
        Entry::New(shared) | Entry::Found(shared) => shared,
    };
    let mut watch = lock(shared);
    watch.states.push(Arc::downgrade(state));
    if watch.has_thread {
        return;
    }
    let thread = thread::Builder::new().name("flag-look".to_owned()).stack_size(STACK_BYTES);
    match thread.spawn(|| silently(|| work(shared))) {
        Ok(_) => watch.has_thread = true,
        // The next client tries again, for all.
        Err(error) => process.log.push(Line::error(
            "cannot start a thread; a file that is replaced by hand may go unnoticed",
            &error,
        )),
    }
}

/// Ends when there is no client left.
fn work(shared: &Mutex<PathWatch>) {
    loop {
        thread::sleep(LOOK_EVERY);
        let mut watch = lock(shared);
        watch.states.retain(|state| state.strong_count() > 0);
        if watch.states.is_empty() {
            watch.has_thread = false;
            return;
        }
        let states = watch.states.clone();
        drop(watch);
        let mut closed = Vec::new();
        for weak in states {
            // Here a client may find its end, so the lock is not held.
            match weak.upgrade() {
                Some(state) if state.is_closed() => closed.push(weak),
                Some(state) => state.look_at_paths(),
                None => {}
            }
        }
        lock(shared).states.retain(|state| !closed.iter().any(|closed| closed.ptr_eq(state)));
    }
}

fn lock(shared: &Mutex<PathWatch>) -> MutexGuard<'_, PathWatch> {
    // Whole at every step.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
