//! The only way from threads of ours into the interpreter, and its end.
//!
//! A thread that waits for the interpreter while it is finalised never comes back, or is unwound. So when Python ends, the gate is
//! closed first: nobody goes in any more, and those who are inside get a moment to leave. Then clients are closed, while threads can
//! still end in peace.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::log;

/// How long the end of the process waits for callbacks that are running.
const CALLBACKS: Duration = Duration::from_millis(200);

/// How long it waits for the clients: flags that are not on the disk by then are in the file all the same, and only a power
/// failure loses them.
const CLIENTS: Duration = Duration::from_millis(300);

static CLOSED: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Threads on the way in, and threads that fork.
static ENTERING: AtomicUsize = AtomicUsize::new(0);
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// How long each of them looks away while it waits for the other.
const SHORT: Duration = Duration::from_micros(50);

/// Clients of this process. Locked with the interpreter attached and never while Python code may run, so that no fork finds it
/// taken.
static CLIENTS_HERE: Mutex<Vec<Weak<AtExit>>> = Mutex::new(Vec::new());

/// A client that is closed when Python ends.
pub(crate) struct AtExit(vexil::Client);

impl AtExit {
    /// For as long as the answer lives.
    pub(crate) fn of(client: &vexil::Client) -> Arc<AtExit> {
        let this = Arc::new(AtExit(client.clone()));
        let mut clients = CLIENTS_HERE.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| client.strong_count() > 0);
        clients.push(Arc::downgrade(&this));
        this
    }
}

/// Whether Python is ending.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(SeqCst)
}

/// Calls `call` with the interpreter attached; not at all if Python is ending.
///
/// CPython makes a state for a thread that it does not know yet, under a lock that a child of a fork in that moment finds taken
/// for ever (seen in 3.11: the child stood still inside `os.fork`). So nobody is on the way in while there is a fork.
pub(crate) fn enter(call: impl FnOnce(Python<'_>)) {
    // In this order, against the opposite one in `_at_exit`: either this sees the gate closed, or that one sees somebody inside.
    INSIDE.fetch_add(1, SeqCst);
    if !is_closed() {
        let way = Way::begin();
        let _ = Python::try_attach(|py| {
            drop(way);
            call(py);
        });
    }
    // Not below zero: a child of a fork made in a callback starts to count anew.
    let _ = INSIDE.fetch_update(SeqCst, SeqCst, |inside| Some(inside.saturating_sub(1)));
}

/// The way in, until the interpreter is attached or refused.
struct Way;

impl Way {
    fn begin() -> Way {
        // In this order, against the opposite one in `_before_fork`.
        ENTERING.fetch_add(1, SeqCst);
        while FORKING.load(SeqCst) > 0 {
            ENTERING.fetch_sub(1, SeqCst);
            std::thread::sleep(SHORT);
            ENTERING.fetch_add(1, SeqCst);
        }
        Way
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        ENTERING.fetch_sub(1, SeqCst);
    }
}

/// Called before a fork: waits until nobody is on the way in, letting in those who are.
#[pyfunction]
pub(crate) fn _before_fork(py: Python<'_>) {
    FORKING.fetch_add(1, SeqCst);
    while ENTERING.load(SeqCst) > 0 {
        py.detach(|| std::thread::sleep(SHORT));
    }
}

/// Called in the parent after a fork, a failed one too.
#[pyfunction]
pub(crate) fn _after_fork_in_parent() {
    FORKING.fetch_sub(1, SeqCst);
}

/// Called when Python ends.
#[pyfunction]
pub(crate) fn _at_exit(py: Python<'_>) {
    log::flush(py);
    CLOSED.store(true, SeqCst);
    let clients = std::mem::take(&mut *CLIENTS_HERE.lock().unwrap_or_else(PoisonError::into_inner));
    let clients: Vec<_> = clients.iter().filter_map(Weak::upgrade).collect();
    py.detach(|| {
        let begun = Instant::now();
        while INSIDE.load(SeqCst) > 0 && begun.elapsed() < CALLBACKS {
            std::thread::sleep(Duration::from_millis(1));
        }
        let begun = Instant::now();
        // All are told before one is waited for.
        for client in &clients {
            client.0.close_within(Duration::ZERO);
        }
        for client in &clients {
            client.0.close_within(CLIENTS.saturating_sub(begun.elapsed()));
        }
    });
}

/// Called in the child of a fork, where none of the parent's threads are.
#[pyfunction]
pub(crate) fn _after_fork() {
    INSIDE.store(0, SeqCst);
    ENTERING.store(0, SeqCst);
    FORKING.store(0, SeqCst);
    log::start_anew();
}
