//! Notices a file that somebody put at a path without a mark in the old one: one thread for all clients of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::core::Core;
use crate::fork_safe_list::{Entry, ForkSafeList};
use crate::log::{Line, silently};
use crate::process::Process;

/// Twice a second, so that a change is seen within one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Small, because hosts that lock all their memory pay for it in full.
const STACK_BYTES: usize = 256 * 1024;

/// A forked child makes its own: it has lost the thread of its parent, and the lock may have been copied while it was taken.
static LOOKERS: ForkSafeList<Mutex<Looker>> = ForkSafeList::new();

struct Looker {
    /// Weak, so that no client is kept from its end.
    cores: Vec<Weak<Core>>,
    has_thread: bool,
}

/// From now on until it is closed or dropped, the paths of this client are looked at.
pub(crate) fn look_for(core: &Arc<Core>, process: &Process) {
    let make = || Mutex::new(Looker { cores: Vec::new(), has_thread: false });
    let shared = match LOOKERS.get_or_push(make) {
        Entry::New(shared) | Entry::Found(shared) => shared,
    };
    let mut looker = lock(shared);
    looker.cores.push(Arc::downgrade(core));
    if looker.has_thread {
        return;
    }
    let thread = thread::Builder::new().name("flag-look".to_owned()).stack_size(STACK_BYTES);
    match thread.spawn(|| silently(|| work(shared))) {
        Ok(_) => looker.has_thread = true,
        // The next client tries again, for all.
        Err(error) => process.log.push(Line::error(
            "cannot start a thread; a file that is replaced by hand may go unnoticed",
            &error,
        )),
    }
}

/// Ends when there is no client left.
fn work(shared: &Mutex<Looker>) {
    loop {
        thread::sleep(LOOK_EVERY);
        let mut looker = lock(shared);
        looker.cores.retain(|core| core.strong_count() > 0);
        if looker.cores.is_empty() {
            looker.has_thread = false;
            return;
        }
        let cores = looker.cores.clone();
        drop(looker);
        let mut closed = Vec::new();
        for weak in cores {
            // Here a client may find its end, so the lock is not held.
            match weak.upgrade() {
                Some(core) if core.is_closed() => closed.push(weak),
                Some(core) => core.look_at_paths(),
                None => {}
            }
        }
        lock(shared).cores.retain(|core| !closed.iter().any(|closed| closed.ptr_eq(core)));
    }
}

fn lock(shared: &Mutex<Looker>) -> MutexGuard<'_, Looker> {
    // Whole at every step.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
