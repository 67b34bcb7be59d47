//! Forks that Python does not hear of, as those of a server written in C.
//!
//! The child of such a fork has a copy of the interpreter's lock. If another thread held it in that moment, nobody gives it back there, and
//! the first Python code of the child waits for ever. So a fork waits until no thread of the package has anything to do with the
//! interpreter: each says when it begins, *before* it waits for the lock, and when it has ended, after it has given the lock back.
//! In between it is called inside.
//!
//! A fork by Python itself has the lock, and needs none of this: `before` of `os.register_at_fork` says so.
//!
//! # Invariants
//! - F1: what runs at a fork touches atomics and plain thread-locals, and sleeps. It takes no lock, does not allocate and does not unwind.
//! - F2: a fork waits for [`PATIENCE`] at most. Whoever forks may be what a thread inside waits for.
//!
//! # Limits
//! Threads of others, and a callback that takes longer than that, are as they are without this.

use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long a fork waits at most for threads that are inside. Lines of the log take far less.
const PATIENCE: Duration = Duration::from_millis(100);

const LOOK_EVERY: Duration = Duration::from_micros(50);

/// Threads that are inside, or were started to be.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Forks under way of which Python does not know. Nobody goes inside meanwhile.
static FORKING: AtomicUsize = AtomicUsize::new(0);

static HANDLERS: Once = Once::new();

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Python forks in this thread.
    static IS_PYTHONS: Cell<bool> = const { Cell::new(false) };
}

/// Installs the handlers, once.
pub(crate) fn install() {
    HANDLERS.call_once(|| {
        // SAFETY: F1 and F2 for the first; the other two only store. Without memory for them it is as without this module.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    });
}

/// Runs what takes long and needs no interpreter. The thread is inside before and afterwards, with the interpreter detached.
pub(crate) fn outside<T>(wait: impl FnOnce() -> T) -> T {
    end();
    let result = wait();
    begin();
    result
}

fn begin() {
    loop {
        INSIDE.fetch_add(1, SeqCst);
        if FORKING.load(SeqCst) == 0 {
            break;
        }
        INSIDE.fetch_sub(1, SeqCst);
        while FORKING.load(SeqCst) != 0 {
            thread::sleep(LOOK_EVERY);
        }
    }
    IS_INSIDE.set(true);
}

fn end() {
    IS_INSIDE.set(false);
    INSIDE.fetch_sub(1, SeqCst);
}

/// Counts a thread that is about to be started.
#[pyfunction]
pub(crate) fn _before_worker() {
    // No wait for a fork: whoever starts it is not a thread of ours, or is inside.
    INSIDE.fetch_add(1, SeqCst);
}

/// Called where it was not started after all.
#[pyfunction]
pub(crate) fn _without_worker() {
    INSIDE.fetch_sub(1, SeqCst);
}

/// Called in the thread that was counted.
#[pyfunction]
pub(crate) fn _in_worker() {
    IS_INSIDE.set(true);
}

/// Called at its end.
#[pyfunction]
pub(crate) fn _after_worker() {
    end();
}

/// Called before Python forks.
#[pyfunction]
pub(crate) fn _before_fork() {
    IS_PYTHONS.set(true);
}

/// Called after Python has forked, in both processes.
pub(crate) fn after_fork() {
    IS_PYTHONS.set(false);
}

unsafe extern "C" fn before_fork() {
    if IS_PYTHONS.get() {
        return;
    }
    FORKING.fetch_add(1, SeqCst);
    let own = usize::from(IS_INSIDE.get());
    let begun = Instant::now();
    while INSIDE.load(SeqCst) > own && begun.elapsed() < PATIENCE {
        thread::sleep(LOOK_EVERY);
    }
}

unsafe extern "C" fn in_parent() {
    if !IS_PYTHONS.get() {
        FORKING.fetch_sub(1, SeqCst);
    }
}

/// No other thread is here.
unsafe extern "C" fn in_child() {
    FORKING.store(0, SeqCst);
    INSIDE.store(usize::from(IS_INSIDE.get()), SeqCst);
}
