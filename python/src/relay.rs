//! The way from threads of ours to code of the caller: log lines, errors, changes.
//!
//! No thread of ours ever calls Python. What one has to say becomes a job, and a worker carries it out: a thread that was
//! started by Python, through `_thread`, from a thread of the caller or from another worker. That makes three things right:
//! - Under gevent and eventlet it is a greenlet, and so is what runs a callback. A native thread in there would take locks that
//!   greenlets of another thread wait for, and freeze them.
//! - A native thread that waits for the interpreter while it ends never comes back, or is unwound. Python knows how to end its own.
//! - CPython makes a state for a thread that it does not know under a lock that a child of a fork in that moment finds taken.
//!
//! There is always a worker that waits for a job, without the interpreter, or is about to: whoever takes the last chance to start one starts
//! it. So a job that blocks holds up no other. Under gevent and eventlet one greenlet, the dispatcher, waits and starts another for each job.
//!
//! Whoever hands over a callback waits until it has returned, so that callbacks of one kind run one after the other, and what comes
//! meanwhile is counted or told as one where it came from. Nobody waits for a log line.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{self, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::forks;

/// Lines that wait at most. Then the oldest are dropped: the newest say how things are.
const MOST_WAITING: usize = 256;

/// Workers that wait for jobs at most: one for the next job, and the one that did the last. More would be left from callbacks that ran
/// at the same time.
const MOST_IDLE: usize = 2;

/// Of this process and, before it, those of its ancestors, whose locks may have been copied while they were taken.
static FIRST: OnceLock<Relay> = OnceLock::new();

/// Functions of the package. Set when it is imported, so that nothing is imported later.
static PACKAGE: PyOnceLock<Package> = PyOnceLock::new();

struct Package {
    start: Py<PyAny>,
    greenlets: Py<PyAny>,
}

struct Relay {
    /// Whose it is. A fork that Python does not know of, as in a server written in C, copies it.
    process: u32,
    /// The first becomes readable when there are jobs. Made with the dispatcher of greenlets.
    ends: OnceLock<(UnixStream, UnixStream)>,
    /// A worker, or a dispatcher of greenlets.
    has_worker: AtomicBool,
    state: Mutex<State>,
    /// Wakes a worker.
    has_job: Condvar,
    /// Of the child.
    next: OnceLock<Box<Relay>>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    lines: VecDeque<Line>,
    /// Somebody carries the lines to the log, or is about to.
    is_logging: bool,
    /// Callbacks that are running.
    running: usize,
    /// Workers that wait for a job.
    idle: usize,
    /// Python is ending: nothing is handed over any more.
    is_closed: bool,
}

/// A line for the log.
pub(crate) struct Line {
    pub(crate) level: u8,
    pub(crate) text: String,
}

/// Prepares a call of a callback: its kind, the callable and the arguments. `None` if there is nobody to call any more.
pub(crate) type Call = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> + Send>;

/// Something to do in a thread of Python's.
#[pyclass(frozen, module = "flagstaff._flagstaff")]
pub(crate) struct Job {
    /// `None`: log lines. Taken once.
    call: Mutex<Option<Call>>,
    is_log: bool,
    /// Tells whoever waits for the end of the callback, also by being dropped.
    done: Mutex<Option<Done>>,
}

/// Who waits is a thread of this process. A greenlet that runs a callback lives on in a forked child, where the locks of the channel may
/// have been copied while they were taken.
struct Done {
    process: u32,
    sender: Option<Sender<()>>,
}

impl Drop for Done {
    fn drop(&mut self) {
        if self.process != process::id() {
            std::mem::forget(self.sender.take());
        }
    }
}

impl Relay {
    fn new() -> Relay {
        Relay {
            process: process::id(),
            ends: OnceLock::new(),
            has_worker: AtomicBool::new(false),
            state: Mutex::default(),
            has_job: Condvar::new(),
            next: OnceLock::new(),
        }
    }

    /// That of this process. In a child of which Python has not heard, the one of its parent is left as it was copied.
    fn current() -> &'static Relay {
        let mut relay = FIRST.get_or_init(Relay::new);
        while let Some(next) = relay.next.get() {
            relay = next;
        }
        if relay.process != process::id() {
            relay = relay.next.get_or_init(|| Box::new(Relay::new()));
        }
        relay
    }

    /// Held for a few instructions, never while Python is called.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a job, and returns it with whether nobody waits for the next one now. `None`: enough others wait.
    fn next_job(&self) -> Option<(Job, bool)> {
        let mut state = self.state();
        if state.idle >= MOST_IDLE {
            return None;
        }
        state.idle += 1;
        let job = loop {
            if let Some(job) = state.jobs.pop_front() {
                break job;
            }
            state = self.has_job.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.idle -= 1;
        state.running += usize::from(!job.is_log);
        Some((job, state.idle == 0))
    }

    /// The descriptor that a dispatcher waits at.
    fn descriptor(&self) -> io::Result<RawFd> {
        if self.ends.get().is_none() {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            write.set_nonblocking(true)?;
            // Another thread may have been faster.
            let _ = self.ends.set((read, write));
        }
        self.ends.get().map(|(read, _)| read.as_raw_fd()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn wake(&self) {
        self.has_job.notify_one();
        if let Some((_, write)) = self.ends.get() {
            // Full: it is readable already.
            let _ = (&mut &*write).write(&[1]);
        }
    }
}

/// Takes the function that starts a worker, and the one that finds what waits for greenlets.
#[pyfunction]
pub(crate) fn _start_by(py: Python<'_>, start: Py<PyAny>, greenlets: Py<PyAny>) {
    let _ = PACKAGE.set(py, Package { start, greenlets });
}

/// What waits for greenlets, if a thread that is started here would be one.
pub(crate) fn greenlets(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // It fails at the end of Python, when its module is gone.
    let found = PACKAGE.get(py)?.greenlets.bind(py).call0().ok()?;
    (!found.is_none()).then_some(found)
}

/// Sees to it that somebody carries out jobs in this process. Called in threads of the caller, before there is anything to tell.
pub(crate) fn prepare() {
    let relay = Relay::current();
    if relay.has_worker.swap(true, SeqCst) {
        return;
    }
    let is_started = Python::try_attach(|py| match PACKAGE.get(py).map(|package| package.start.call0(py)) {
        Some(Ok(_)) => true,
        Some(Err(error)) => {
            error.write_unraisable(py, None);
            false
        }
        None => false,
    }) == Some(true);
    // There are too many threads or descriptors, or Python is ending. The next client that starts tries again.
    relay.has_worker.store(is_started, SeqCst);
}

/// For the child of a fork: nothing of the parent's.
pub(crate) fn start_anew() {
    let _ = Relay::current().next.set(Box::new(Relay::new()));
}

/// Hands a line over. Never waits.
pub(crate) fn log(line: Line) {
    let relay = Relay::current();
    let mut state = relay.state();
    if state.is_closed {
        return;
    }
    if state.lines.len() == MOST_WAITING {
        state.lines.pop_front();
    }
    state.lines.push_back(line);
    if !std::mem::replace(&mut state.is_logging, true) {
        state.jobs.push_back(Job { call: Mutex::new(None), is_log: true, done: Mutex::new(None) });
        drop(state);
        relay.wake();
    }
}

/// Hands a callback over and waits until it has returned; not if Python is ending.
pub(crate) fn call(call: Call) {
    let relay = Relay::current();
    let (done, is_done) = mpsc::channel();
    let mut state = relay.state();
    if state.is_closed {
        return;
    }
    let done = Done { process: relay.process, sender: Some(done) };
    let job = Job { call: Mutex::new(Some(call)), is_log: false, done: Mutex::new(Some(done)) };
    state.jobs.push_back(job);
    drop(state);
    relay.wake();
    let _ = is_done.recv();
}

/// Whether Python is ending.
pub(crate) fn is_closed() -> bool {
    Relay::current().state().is_closed
}

/// Takes nothing any more, and gives up what waits but lines for the log.
pub(crate) fn close() {
    let mut state = Relay::current().state();
    state.is_closed = true;
    let jobs = std::mem::take(&mut state.jobs);
    drop(state);
    drop(jobs);
}

/// The next job for a worker, and whether nobody waits for the one after it. `None`: enough others wait.
#[pyfunction]
pub(crate) fn _next_job(py: Python<'_>) -> Option<(Job, bool)> {
    py.detach(|| forks::outside(|| Relay::current().next_job()))
}

/// What a dispatcher of greenlets waits at.
#[pyfunction]
pub(crate) fn _descriptor() -> io::Result<RawFd> {
    Relay::current().descriptor()
}

/// What is to be done, all of it.
#[pyfunction]
pub(crate) fn _jobs() -> Vec<Job> {
    let mut state = Relay::current().state();
    let jobs = Vec::from(std::mem::take(&mut state.jobs));
    state.running += jobs.iter().filter(|job| !job.is_log).count();
    jobs
}

/// How many callbacks are running.
#[pyfunction]
pub(crate) fn _running() -> usize {
    Relay::current().state().running
}

/// The next line for the log, as its level and text. `None`: somebody else is to ask when there is another one.
#[pyfunction]
pub(crate) fn _next_line() -> Option<(u8, String)> {
    let mut state = Relay::current().state();
    let line = state.lines.pop_front();
    state.is_logging = line.is_some();
    line.map(|line| (line.level, line.text))
}

#[pymethods]
impl Job {
    /// Whether it is about lines for the log.
    #[getter]
    fn is_log(&self) -> bool {
        self.is_log
    }

    /// The kind of a callback with its arguments. `None` if its client is gone.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner).take();
        call.map_or(Ok(None), |call| call(py))
    }

    /// Says that a callback has returned, to whoever waits for that.
    fn done(&self) {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        if done.is_some() {
            let mut state = Relay::current().state();
            // Not below zero: a child of a fork made in a callback starts counting at zero.
            state.running = state.running.saturating_sub(1);
        }
    }
}
