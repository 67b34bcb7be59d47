//! What tells that flags changed: a file descriptor for event loops, and a call for whoever tells it on.
//!
//! The threads behind them never touch the interpreter, so that nothing can go wrong between the two when either ends.

use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::callbacks::{self, Handler};
use crate::client::Client;
use crate::reader::Reader;
use crate::relay;

/// For how long the thread outlives its watcher at most.
const SLICE: Duration = Duration::from_millis(500);

/// Watches a client or a reader until it is closed. Its descriptor becomes readable with every change.
#[pyclass(frozen, module = "flagstaff._flagstaff")]
pub(crate) struct Watcher {
    read: UnixStream,
    stop: Arc<AtomicBool>,
}

/// What is watched. The client and not its reader: it may move to another one.
enum Watched {
    Client(flagstaff::Client),
    Reader(flagstaff::Reader),
}

impl Watched {
    fn of(source: &Bound<'_, PyAny>) -> PyResult<Watched> {
        if let Ok(client) = source.cast::<Client>() {
            Ok(Watched::Client(client.get().rust().clone()))
        } else if let Ok(reader) = source.cast::<Reader>() {
            Ok(Watched::Reader(reader.get().rust().clone()))
        } else {
            Err(PyTypeError::new_err("expected a flagstaff.Client or flagstaff.Reader to watch"))
        }
    }

    fn reader(&self) -> &flagstaff::Reader {
        match self {
            Watched::Client(client) => client.reader(),
            Watched::Reader(reader) => reader,
        }
    }
}

#[pymethods]
impl Watcher {
    #[new]
    fn new(py: Python<'_>, source: &Bound<'_, PyAny>) -> PyResult<Watcher> {
        let watched = Watched::of(source)?;
        py.detach(|| watch(watched)).map_err(PyErr::from)
    }

    /// The descriptor.
    fn fileno(&self) -> i32 {
        self.read.as_raw_fd()
    }

    /// Makes the descriptor wait for the next change.
    fn drain(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.read).read(&mut bytes), Ok(64)) {}
    }

    /// Ends the thread within half a second.
    fn close(&self) {
        self.stop.store(true, Release);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.close();
    }
}

fn watch(watched: Watched) -> std::io::Result<Watcher> {
    let (read, mut write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    // Before the thread starts: changes from now on are reported.
    let mut seen = watched.reader().generation();
    thread::Builder::new().name("flag-watcher".to_owned()).spawn(move || {
        while !stopped.load(Acquire) {
            let now = watched.reader().wait_for_change(seen, SLICE);
            if now != seen {
                seen = now;
                // Full: it is readable already. Closed: `stop` follows.
                let _ = write.write(&[1]);
            }
        }
    })?;
    Ok(Watcher { read, stop })
}

/// Calls `callback()` at once and after every change of flags or of their state, until it is closed, in a thread or greenlet of the relay.
/// A forked child needs another one.
#[pyclass(frozen, module = "flagstaff._flagstaff")]
pub(crate) struct Bell {
    stop: Arc<AtomicBool>,
    /// The thread sees it weakly, and so calls nobody once this is gone.
    _handler: Arc<Handler>,
}

#[pymethods]
impl Bell {
    #[new]
    fn new(py: Python<'_>, source: &Bound<'_, PyAny>, callback: &Bound<'_, PyAny>) -> PyResult<Bell> {
        let watched = Watched::of(source)?;
        let handler = Arc::new(Handler::new(callback, "callback")?);
        let weak = Arc::downgrade(&handler);
        relay::prepare();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let ring = move || {
            let mut told = None;
            while !stopped.load(Acquire) {
                let status = watched.reader().status();
                let state = (status.generation, status.is_stale());
                if told != Some(state) {
                    callbacks::ring(&weak);
                    told = Some(state);
                }
                watched.reader().wait_for_change(state.0, SLICE);
            }
        };
        py.detach(|| thread::Builder::new().name("flag-bell".to_owned()).spawn(ring))?;
        Ok(Bell { stop, _handler: handler })
    }

    /// Ends the thread within half a second.
    fn close(&self) {
        self.stop.store(true, Release);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.close();
    }
}
