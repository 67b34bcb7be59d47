//! `flagstaff.Changes` and `flagstaff.Change`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple};

use crate::snapshot::Snapshot;
use crate::value;

/// The differences between two snapshots that followed each other: iterates over one `Change` for each flag, sorted by key.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct Changes {
    old: Arc<flagstaff::Snapshot>,
    new: Arc<flagstaff::Snapshot>,
    keys: Vec<String>,
}

impl Changes {
    pub(crate) fn of(changes: &flagstaff::Changes) -> Changes {
        Changes { old: changes.old.clone(), new: changes.new.clone(), keys: changes.keys().to_vec() }
    }
}

/// The differences between two snapshots.
#[pyfunction]
pub(crate) fn changes_between(
    py: Python<'_>,
    old: &Bound<'_, Snapshot>,
    new: &Bound<'_, Snapshot>,
) -> Changes {
    let (old, new) = (old.get().rust().clone(), new.get().rust().clone());
    Changes::of(&py.detach(|| flagstaff::Changes::between(old, new)))
}

#[pymethods]
impl Changes {
    /// The flags before.
    #[getter(old)]
    fn old_flags(&self) -> Snapshot {
        Snapshot::new(self.old.clone())
    }

    /// The flags now.
    #[getter(new)]
    fn new_flags(&self) -> Snapshot {
        Snapshot::new(self.new.clone())
    }

    /// The keys of the changed flags, sorted.
    #[getter]
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.keys)
    }

    /// The generation of the flags now.
    #[getter]
    fn generation(&self) -> u64 {
        self.new.generation().0
    }

    fn __len__(&self) -> usize {
        self.keys.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let changes: Vec<Change> = self
            .keys
            .iter()
            .map(|key| Change { key: key.clone(), old: self.old.clone(), new: self.new.clone() })
            .collect();
        PyList::new(py, changes)?.try_iter()
    }

    fn __repr__(&self) -> String {
        format!("<flagstaff.Changes generation={} keys={:?}>", self.generation(), self.keys)
    }
}

/// One changed flag. A value is None where there is no flag, or where the flag is null.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct Change {
    key: String,
    old: Arc<flagstaff::Snapshot>,
    new: Arc<flagstaff::Snapshot>,
}

#[pymethods]
impl Change {
    /// Its key.
    #[getter]
    fn key(&self) -> &str {
        &self.key
    }

    /// The value before.
    #[getter(old)]
    fn old_value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value::or_none(py, self.old.get(self.key.as_str()).as_ref())
    }

    /// The value now.
    #[getter(new)]
    fn new_value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value::or_none(py, self.new.get(self.key.as_str()).as_ref())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (old, new) = (self.old_value(py)?, self.new_value(py)?);
        Ok(format!("<flagstaff.Change {:?}: {} -> {}>", self.key, old.repr()?, new.repr()?))
    }
}
