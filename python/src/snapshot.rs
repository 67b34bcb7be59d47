//! `flagstaff.Snapshot`.

use std::sync::Arc;

use flagstaff::Value;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyIterator, PyList, PyString, PyTuple};

use crate::status::date;
use crate::value;

/// All flags of one generation, as a mapping that never changes. Values are made when they are asked for.
///
/// Usable as `with client.snapshot() as flags:` too, where leaving the block does nothing.
#[pyclass(frozen, mapping, module = "flagstaff")]
pub(crate) struct Snapshot {
    snapshot: Arc<flagstaff::Snapshot>,
}

impl Snapshot {
    pub(crate) fn new(snapshot: Arc<flagstaff::Snapshot>) -> Snapshot {
        Snapshot { snapshot }
    }

    pub(crate) fn rust(&self) -> &Arc<flagstaff::Snapshot> {
        &self.snapshot
    }

    /// What is no text has no flag.
    fn find(&self, key: &Bound<'_, PyAny>) -> Option<Value<'_>> {
        let key = key.cast::<PyString>().ok()?;
        self.snapshot.get(key.to_str().ok()?)
    }

    /// One of the views of `collections.abc`, which know all operators of a `dict`'s.
    fn view<'py>(this: &Bound<'py, Snapshot>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        this.py().import("_collections_abc")?.getattr(name)?.call1((this,))
    }

    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let flags = PyDict::new(py);
        for (key, value) in self.snapshot.iter() {
            flags.set_item(key, value::to_python(py, &value)?)?;
        }
        Ok(flags)
    }
}

#[pymethods]
impl Snapshot {
    /// The generation; 0 if nothing had been published.
    #[getter]
    fn generation(&self) -> u64 {
        self.snapshot.generation().0
    }

    /// When these flags were published first, as an aware datetime; None if nothing had been.
    #[getter]
    fn published_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        date(py, self.snapshot.published_at())
    }

    fn __len__(&self) -> usize {
        self.snapshot.len()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        self.find(key).is_some()
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.find(key) {
            Some(value) => value::to_python(key.py(), &value),
            None => Err(PyKeyError::new_err((key.clone().unbind(),))),
        }
    }

    /// The value of a flag, or `default` if there is none.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.find(key) {
            Some(value) => value::to_python(key.py(), &value).map(Some),
            None => Ok(default),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.snapshot.iter().map(|(key, _)| key).collect::<Vec<_>>())?.try_iter()
    }

    /// A view of the keys.
    fn keys<'py>(this: &Bound<'py, Snapshot>) -> PyResult<Bound<'py, PyAny>> {
        Snapshot::view(this, "KeysView")
    }

    /// A view of the values.
    fn values<'py>(this: &Bound<'py, Snapshot>) -> PyResult<Bound<'py, PyAny>> {
        Snapshot::view(this, "ValuesView")
    }

    /// A view of keys and values.
    fn items<'py>(this: &Bound<'py, Snapshot>) -> PyResult<Bound<'py, PyAny>> {
        Snapshot::view(this, "ItemsView")
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let other = match other.cast::<Snapshot>() {
            Ok(other) if Arc::ptr_eq(&self.snapshot, &other.get().snapshot) => {
                return Ok(PyBool::new(py, true).to_owned().into_any());
            }
            Ok(other) => other.get().as_dict(py)?.into_any(),
            Err(_) if other.is_instance(&py.import("_collections_abc")?.getattr("Mapping")?)? => {
                py.get_type::<PyDict>().call1((other,))?
            }
            Err(_) => return Ok(py.NotImplemented().into_bound(py)),
        };
        self.as_dict(py)?.rich_compare(other, CompareOp::Eq)
    }

    fn __enter__(this: Py<Snapshot>) -> Py<Snapshot> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {}

    fn __repr__(&self) -> String {
        format!("<flagstaff.Snapshot generation={} flags={}>", self.generation(), self.snapshot.len())
    }
}
