//! `flagstaff.Reader`.

use std::path::PathBuf;
use std::time::Duration;

use flagstaff::Generation;
use pyo3::prelude::*;

use crate::getter::Flags;
use crate::handle::{BoolFlag, Given, HandleKey, JsonFlag, NumberFlag, StringFlag};
use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::waiting;

/// Reads flags from the snapshot file that somebody else on this host publishes to, such as `flagstaff run`. Has no threads, needs no key.
///
/// Raises `SnapshotError` if there is no good file at `path`, unless `attach` is true: then it returns defaults until one
/// appears, for start-up code that must not fail.
#[pyclass(frozen, weakref, dict, subclass, module = "flagstaff")]
pub(crate) struct Reader {
    reader: flagstaff::Reader,
}

impl Reader {
    pub(crate) fn rust(&self) -> &flagstaff::Reader {
        &self.reader
    }
}

impl Flags for Reader {
    #[inline(always)]
    fn flags(&self) -> &flagstaff::Reader {
        &self.reader
    }
}

#[pymethods]
impl Reader {
    #[new]
    #[pyo3(signature = (path, *, attach=false))]
    fn new(py: Python<'_>, path: PathBuf, attach: bool) -> PyResult<Reader> {
        let reader = if attach {
            py.detach(|| flagstaff::Reader::attach(&path))
        } else {
            match py.detach(|| flagstaff::Reader::open(&path)) {
                Ok(reader) => reader,
                Err(error) => {
                    let class = py.import("flagstaff._errors")?.getattr("SnapshotError")?;
                    return Err(PyErr::from_value(class.call1((error.to_string(),))?));
                }
            }
        };
        Ok(Reader { reader })
    }

    /// Waits until there are flags that are kept fresh. False after `timeout` seconds.
    #[pyo3(signature = (timeout=None))]
    fn wait_until_ready(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let limit = waiting::limit(timeout)?;
        let look = |slice: Duration| {
            let status = self.reader.status();
            if status.generation.0 > 0 && !status.is_stale() {
                return Some(());
            }
            // The link wakes nobody up when it opens.
            self.reader.wait_for_change(status.generation, slice.min(Duration::from_millis(5)));
            None
        };
        Ok(waiting::in_slices(py, limit, look)?.is_some())
    }

    /// Waits until the generation is another one than `generation`, and returns the current one; after `timeout` seconds the same.
    #[pyo3(signature = (generation, timeout=None))]
    fn wait_for_change(this: &Bound<'_, Reader>, generation: u64, timeout: Option<f64>) -> PyResult<u64> {
        let reader = &this.get().reader;
        waiting::for_change(this.as_any(), generation, timeout, || reader)
    }

    /// The flags that may have changed since `generation`: the current generation, and the keys, sorted, or None where they are not known.
    fn changes_since(&self, py: Python<'_>, generation: u64) -> waiting::ChangedKeys {
        waiting::changed_keys(py.detach(|| self.reader.changes_since(Generation(generation))))
    }

    /// As `wait_for_change`, and returns what `changes_since` returns.
    #[pyo3(signature = (generation, timeout=None))]
    fn wait_for_changes(
        this: &Bound<'_, Reader>,
        generation: u64,
        timeout: Option<f64>,
    ) -> PyResult<waiting::ChangedKeys> {
        Reader::wait_for_change(this, generation, timeout)?;
        Ok(this.get().changes_since(this.py(), generation))
    }

    /// As `wait_for_change`, for asyncio. `generation` is the current one by default.
    #[pyo3(signature = (generation=None, timeout=None))]
    fn wait_for_change_async<'py>(
        this: &Bound<'py, Reader>,
        generation: Option<u64>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        waiting::asynchronously(this)?.call_method1("wait_for_change", (this, generation, timeout))
    }

    /// An asynchronous iterator over what changes, from now on: `async for changes in reader.changes()`.
    fn changes<'py>(this: &Bound<'py, Reader>) -> PyResult<Bound<'py, PyAny>> {
        waiting::asynchronously(this)?.call_method1("changes", (this,))
    }

    /// All flags of the current generation, as a mapping that never changes.
    fn snapshot(&self, py: Python<'_>) -> Snapshot {
        Snapshot::new(py.detach(|| self.reader.snapshot()))
    }

    /// State of flags, stream and publisher, as of now.
    fn status(&self) -> Status {
        Status::new(self.reader.status())
    }

    /// A handle to a boolean flag: the fastest way to read one flag often.
    #[pyo3(signature = (key, default=false))]
    fn bool_flag(this: &Bound<'_, Reader>, key: HandleKey, default: bool) -> BoolFlag {
        BoolFlag::new(this.as_any(), &this.get().reader, key, default)
    }

    /// A handle to a number flag.
    #[pyo3(signature = (key, default=Given::NOTHING))]
    #[pyo3(text_signature = "($self, key, default=0)")]
    fn number_flag(this: &Bound<'_, Reader>, key: HandleKey, default: Given) -> PyResult<NumberFlag> {
        NumberFlag::new(this.as_any(), &this.get().reader, key, default)
    }

    /// A handle to a string flag.
    #[pyo3(signature = (key, default=Given::NOTHING))]
    #[pyo3(text_signature = "($self, key, default='')")]
    fn string_flag(this: &Bound<'_, Reader>, key: HandleKey, default: Given) -> StringFlag {
        StringFlag::new(this.as_any(), &this.get().reader, key, default)
    }

    /// A handle to a JSON flag.
    #[pyo3(signature = (key, default=None))]
    fn json_flag(this: &Bound<'_, Reader>, key: HandleKey, default: Option<Py<PyAny>>) -> JsonFlag {
        JsonFlag::new(this.as_any(), &this.get().reader, key, default)
    }

    /// The current generation; 0 if nothing has been published.
    #[getter]
    fn generation(&self) -> u64 {
        self.reader.generation().0
    }

    /// The path of the snapshot file.
    #[getter]
    fn path(&self) -> std::ffi::OsString {
        self.reader.path().into()
    }

    fn __repr__(&self) -> String {
        format!("<flagstaff.Reader of {}>", self.reader.path().display())
    }
}
