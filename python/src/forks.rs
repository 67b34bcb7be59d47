//! Forks that Python does not know of, such as those of a server written in C.
//!
//! The child of such a fork has a copy of the interpreter's lock. If another thread held it in that moment, nobody gives it back there, and
//! the first Python code of the child waits for ever. So a fork waits until no thread of the package has anything to do with the
//! interpreter: each says when it begins, *before* it waits for the lock, and when it has ended, after it has given the lock back.
//! In between it is called inside.
//!
//! Whoever forks with the interpreter, as Python itself does, waits for nothing: no other thread has it then.
//!
//! # Invariants
//! - F1: what runs at a fork touches atomics and plain thread-locals, asks CPython whether this thread has the interpreter, and sleeps. It
//!   takes no lock, does not allocate and does not unwind.
//! - F2: a fork waits for [`PATIENCE`] at most. Whoever forks may be what a thread inside waits for.
//! - F3: a thread is inside until after its last moment with the interpreter: a destructor of the thread says that it has ended.
//!
//! # Limits
//! Threads of others, and a callback that takes longer than that, are as they are without this. So is all of a process with more than one
//! interpreter, where CPython says of every thread that it has one.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long a fork waits at most for threads that are inside. Lines of the log take far less.
const PATIENCE: Duration = Duration::from_millis(500);

const LOOK_EVERY: Duration = Duration::from_micros(50);

/// Threads that are inside, or were started to be.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Forks under way of which Python does not know. Nobody goes inside meanwhile.
static FORKING: AtomicUsize = AtomicUsize::new(0);

static HANDLERS: Once = Once::new();

/// `PyGILState_Check`: whether this thread has the interpreter. Every CPython has it, though not as a part of the stable interface.
static HAS_INTERPRETER: OnceLock<unsafe extern "C" fn() -> c_int> = OnceLock::new();

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
    /// This thread forks, and has told the others.
    static IS_FORKING: Cell<bool> = const { Cell::new(false) };
    static END: End = const { End };
}

/// Ends the time inside when a thread ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        if IS_INSIDE.get() {
            end();
        }
    }
}

/// Installs the handlers, once.
pub(crate) fn install() {
    HANDLERS.call_once(|| {
        // SAFETY: a text that ends in a zero.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PyGILState_Check".as_ptr()) };
        if !found.is_null() {
            // SAFETY: it is the function of this name, which takes nothing and returns an int, or nothing has this name.
            let function = unsafe { mem::transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(found) };
            let _ = HAS_INTERPRETER.set(function);
        }
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
    END.with(|_| ());
}

unsafe extern "C" fn before_fork() {
    // SAFETY: it may be called in any thread, at any time.
    if HAS_INTERPRETER.get().is_some_and(|has| unsafe { has() } != 0) {
        return;
    }
    IS_FORKING.set(true);
    FORKING.fetch_add(1, SeqCst);
    let own = usize::from(IS_INSIDE.get());
    let begun = Instant::now();
    while INSIDE.load(SeqCst) > own && begun.elapsed() < PATIENCE {
        thread::sleep(LOOK_EVERY);
    }
}

unsafe extern "C" fn in_parent() {
    if IS_FORKING.replace(false) {
        FORKING.fetch_sub(1, SeqCst);
    }
}

/// No other thread is here.
unsafe extern "C" fn in_child() {
    IS_FORKING.set(false);
    FORKING.store(0, SeqCst);
    INSIDE.store(usize::from(IS_INSIDE.get()), SeqCst);
}
