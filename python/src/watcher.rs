//! A file descriptor that becomes readable when flags change: for event loops.
//!
//! The thread behind it never touches the interpreter, so that nothing can go wrong between the two when either ends.

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

use crate::client::Client;
use crate::reader::Reader;

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
        let watched = if let Ok(client) = source.cast::<Client>() {
            Watched::Client(client.get().rust().clone())
        } else if let Ok(reader) = source.cast::<Reader>() {
            Watched::Reader(reader.get().rust().clone())
        } else {
            return Err(PyTypeError::new_err("expected a flagstaff.Client or flagstaff.Reader to watch"));
        };
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
