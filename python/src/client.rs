//! `flagstaff.Client`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use flagstaff::{ErrorContext, Generation, Guard};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};

use crate::callbacks::{self, Handler};
use crate::getter::{self, Flags};
use crate::handle::{BoolFlag, Given, HandleKey, JsonFlag, NumberFlag, StringFlag};
use crate::lifecycle::AtExit;
use crate::relay;
use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::waiting;

/// Feature flags, kept fresh from a service. Reads come from shared memory and never raise.
///
/// One of all processes of the host that made a client for the same service and key keeps the stream; it is elected, and
/// replaced within milliseconds when it ends. The background starts with the first read, or at once with `preload`. A
/// client that was made before a fork works in every child.
///
/// While this process publishes, a payload that removes all flags, or of 20 or more flags removes more than the share `guard` or gives
/// them another type, is held until `flagstaff accept` or another payload. `None` holds nothing.
///
/// An invalid `api_key`, `base_url` or `guard` raises `ValueError`; errors of network or disk raise nothing here.
#[pyclass(frozen, weakref, dict, subclass, module = "flagstaff")]
pub(crate) struct Client {
    client: flagstaff::Client,
    /// Leads from the end of the process to the client, for as long as this lives.
    _at_exit: Arc<AtExit>,
    shown: String,
    /// The callbacks, which the threads that call them see weakly: so the collector can free a client that its own callback
    /// refers to. Locked with the interpreter attached and never while Python code may run, so that no fork finds it taken.
    handlers: Mutex<Vec<Arc<Handler>>>,
}

impl Client {
    pub(crate) fn rust(&self) -> &flagstaff::Client {
        &self.client
    }

    fn keep(&self, handler: Handler) -> Weak<Handler> {
        let handler = Arc::new(handler);
        let weak = Arc::downgrade(&handler);
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).push(handler);
        weak
    }
}

impl Flags for Client {
    #[inline(always)]
    fn flags(&self) -> &flagstaff::Reader {
        self.client.reader()
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (api_key, *, base_url="https://api.soasap.com", preload=false, cache_directory=None, on_error=None, file=None, memory_directory=None, guard=Some(0.5)))]
    #[pyo3(
        text_signature = "(api_key, *, base_url='https://api.soasap.com', preload=False, cache_directory=None, on_error=None, file=None, memory_directory=None, guard=0.5)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn new(
        py: Python<'_>,
        api_key: &str,
        base_url: &str,
        preload: bool,
        cache_directory: Option<PathBuf>,
        on_error: Option<Bound<'_, PyAny>>,
        file: Option<PathBuf>,
        memory_directory: Option<PathBuf>,
        guard: Option<f64>,
    ) -> PyResult<Client> {
        let mut builder = flagstaff::Client::builder(api_key).base_url(base_url).preload(preload);
        builder = builder.on_start(relay::prepare);
        if let Some(directory) = cache_directory {
            builder = builder.cache_dir(directory);
        }
        if let Some(file) = file {
            builder = builder.file(file);
        }
        if let Some(directory) = memory_directory {
            builder = builder.memory_dir(directory);
        }
        let guard = match guard {
            None => Guard::OFF,
            Some(share) => Guard::share(share)
                .ok_or_else(|| PyValueError::new_err("guard must be above 0 and at most 1, or None"))?,
        };
        builder = builder.guard(guard);
        let mut handlers = Vec::new();
        if let Some(handler) = on_error {
            let handler = Arc::new(Handler::new(&handler, "on_error")?);
            let weak = Arc::downgrade(&handler);
            handlers.push(handler);
            builder = builder.on_error(move |error: &ErrorContext| callbacks::tell_error(&weak, error));
        }
        // Opens and checks a file.
        let client =
            py.detach(|| builder.start()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let _at_exit = AtExit::of(&client);
        let shown = format!("<flagstaff.Client of {base_url}>");
        Ok(Client { client, _at_exit, shown, handlers: Mutex::new(handlers) })
    }

    /// Ends the background in this process within `timeout` seconds: closes the stream and writes the last flags to the disk.
    ///
    /// Takes a few milliseconds if there is nothing to write. Reads go on afterwards. What is not done in time goes on behind.
    #[pyo3(signature = (timeout=None))]
    #[pyo3(text_signature = "($self, timeout=5.0)")]
    fn close(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        // Anything that is not a number of seconds means the default: an odd argument never raises here.
        let seconds = timeout.and_then(|timeout| timeout.extract::<f64>().ok()).unwrap_or(5.0);
        let limit = waiting::duration(if seconds.is_nan() { 5.0 } else { seconds });
        waiting::in_slices(py, limit, |slice| self.client.close_within(slice).ok())?;
        Ok(())
    }

    /// Waits until the publisher of this host, whichever process that is, has an open stream. False after `timeout` seconds.
    #[pyo3(signature = (timeout=None))]
    fn wait_until_ready(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let limit = waiting::limit(timeout)?;
        Ok(waiting::in_slices(py, limit, |slice| self.client.wait_until_ready(slice).then_some(()))?
            .is_some())
    }

    /// Calls `callback(changes)` with what changed, from now on, in a thread beside yours (a greenlet under gevent and eventlet).
    ///
    /// Callbacks run one after the other; one that raises is logged and called again. Changes that come while one is busy are
    /// told as one. In a forked child they begin with its first read.
    fn on_change(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let weak = self.keep(Handler::new(callback, "callback")?);
        let call = move |changes: &flagstaff::Changes| callbacks::tell_changes(&weak, changes);
        callback.py().detach(|| self.client.on_change(call));
        Ok(())
    }

    /// Waits until the generation is another one than `generation`, and returns the current one; after `timeout` seconds the same.
    #[pyo3(signature = (generation, timeout=None))]
    fn wait_for_change(this: &Bound<'_, Client>, generation: u64, timeout: Option<f64>) -> PyResult<u64> {
        let client = &this.get().client;
        waiting::for_change(this.as_any(), generation, timeout, || client.reader())
    }

    /// The flags that may have changed since `generation`: the current generation, and the keys, sorted, or None where they are not known.
    fn changes_since(&self, py: Python<'_>, generation: u64) -> waiting::ChangedKeys {
        waiting::changed_keys(py.detach(|| self.client.changes_since(Generation(generation))))
    }

    /// As `wait_for_change`, and returns what `changes_since` returns.
    #[pyo3(signature = (generation, timeout=None))]
    fn wait_for_changes(
        this: &Bound<'_, Client>,
        generation: u64,
        timeout: Option<f64>,
    ) -> PyResult<waiting::ChangedKeys> {
        Client::wait_for_change(this, generation, timeout)?;
        Ok(this.get().changes_since(this.py(), generation))
    }

    /// As `wait_for_change`, for asyncio. `generation` is the current one by default.
    #[pyo3(signature = (generation=None, timeout=None))]
    fn wait_for_change_async<'py>(
        this: &Bound<'py, Client>,
        generation: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        waiting::asynchronously(this)?.call_method1("wait_for_change", (this, generation, timeout))
    }

    /// An asynchronous iterator over what changes, from now on: `async for changes in client.changes()`.
    fn changes<'py>(this: &Bound<'py, Client>) -> PyResult<Bound<'py, PyAny>> {
        waiting::asynchronously(this)?.call_method1("changes", (this,))
    }

    /// Flags of any type, all of one generation, as a list in the order of `keys`: None for each that is missing.
    fn get_many<'py>(&self, py: Python<'py>, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        getter::get_many(py, self.flags(), keys)
    }

    /// All flags of the current generation, as a mapping that never changes.
    fn snapshot(&self, py: Python<'_>) -> Snapshot {
        Snapshot::new(py.detach(|| self.client.snapshot()))
    }

    /// State of flags, stream and publisher, as of now.
    fn status(&self) -> Status {
        Status::new(self.client.status())
    }

    /// A handle to a boolean flag: the fastest way to read one flag often.
    #[pyo3(signature = (key, default=false))]
    fn bool_flag(this: &Bound<'_, Client>, key: HandleKey, default: bool) -> BoolFlag {
        BoolFlag::new(this.as_any(), this.get().client.reader(), key, default)
    }

    /// A handle to a number flag.
    #[pyo3(signature = (key, default=Given::NOTHING))]
    #[pyo3(text_signature = "($self, key, default=0)")]
    fn number_flag(this: &Bound<'_, Client>, key: HandleKey, default: Given) -> PyResult<NumberFlag> {
        NumberFlag::new(this.as_any(), this.get().client.reader(), key, default)
    }

    /// A handle to a string flag.
    #[pyo3(signature = (key, default=Given::NOTHING))]
    #[pyo3(text_signature = "($self, key, default='')")]
    fn string_flag(this: &Bound<'_, Client>, key: HandleKey, default: Given) -> StringFlag {
        StringFlag::new(this.as_any(), this.get().client.reader(), key, default)
    }

    /// A handle to a JSON flag.
    #[pyo3(signature = (key, default=None))]
    fn json_flag(this: &Bound<'_, Client>, key: HandleKey, default: Option<Py<PyAny>>) -> JsonFlag {
        JsonFlag::new(this.as_any(), this.get().client.reader(), key, default)
    }

    /// The current generation; 0 if nothing has been published.
    #[getter]
    fn generation(&self) -> u64 {
        self.client.generation().0
    }

    /// The path of the snapshot file.
    #[getter]
    fn path(&self) -> std::ffi::OsString {
        self.client.path().into()
    }

    fn __enter__(this: Py<Client>) -> Py<Client> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py, None)
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Taken: somebody is just adding one, and this is looked at again.
        let Ok(handlers) = self.handlers.try_lock() else { return Ok(()) };
        handlers.iter().try_for_each(|handler| handler.visit(&visit))
    }

    fn __clear__(&self) {
        let handlers = std::mem::take(&mut *self.handlers.lock().unwrap_or_else(PoisonError::into_inner));
        drop(handlers);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The last clone waits for the background when it goes.
        let limit = if relay::is_closed() { Duration::ZERO } else { Duration::from_secs(5) };
        let client = self.client.clone();
        let is_closed = Python::try_attach(|py| py.detach(|| client.close_within(limit).is_ok()));
        if is_closed != Some(true) {
            // Whatever is not done goes on behind; the last one to go must not wait for it again.
            std::mem::forget(client);
        }
    }
}
