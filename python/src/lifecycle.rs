//! The end of Python, and forks.
//!
//! When Python ends, nothing is handed over any more, callbacks that are running get a moment to return, and clients are closed
//! while threads can still end in peace.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::relay;

/// How long the end of the process waits for the clients: flags that are not on the disk by then are in the file all the same, and only
/// a power failure loses them.
const CLIENTS: Duration = Duration::from_millis(300);

/// Clients of this process. Locked with the interpreter attached and never while Python code may run, so that no fork finds it
/// taken.
static CLIENTS_HERE: Mutex<Vec<Weak<AtExit>>> = Mutex::new(Vec::new());

/// A client that is closed when Python ends.
pub(crate) struct AtExit(flagstaff::Client);

impl AtExit {
    /// For as long as the returned value lives.
    pub(crate) fn of(client: &flagstaff::Client) -> Arc<AtExit> {
        let this = Arc::new(AtExit(client.clone()));
        let mut clients = CLIENTS_HERE.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| client.strong_count() > 0);
        clients.push(Arc::downgrade(&this));
        this
    }
}

/// Called when Python ends, before callbacks are waited for.
#[pyfunction]
pub(crate) fn _before_exit() {
    relay::close();
}

/// Called when Python ends, as the last thing.
#[pyfunction]
pub(crate) fn _at_exit(py: Python<'_>) {
    let clients = std::mem::take(&mut *CLIENTS_HERE.lock().unwrap_or_else(PoisonError::into_inner));
    let clients: Vec<_> = clients.iter().filter_map(Weak::upgrade).collect();
    py.detach(|| {
        let begun = Instant::now();
        // All are told to end before one is waited for. What is not done in time is in the file all the same.
        for client in &clients {
            let _ = client.0.close_within(Duration::ZERO);
        }
        for client in &clients {
            let _ = client.0.close_within(CLIENTS.saturating_sub(begun.elapsed()));
        }
    });
}

/// Called in the child of a fork, where none of the parent's threads are.
#[pyfunction]
pub(crate) fn _after_fork() {
    relay::start_anew();
}
