//! Callbacks of the caller, called from threads of the client.

use std::sync::Weak;
use std::time::UNIX_EPOCH;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};
use vexil::ErrorContext;

use crate::changes::Changes;
use crate::{fastcall, gate};

/// A callable of the caller.
pub(crate) struct Handler {
    call: Py<PyAny>,
}

impl Handler {
    pub(crate) fn new(call: Py<PyAny>) -> Handler {
        Handler { call }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.call)
    }
}

/// The functions of `vexil._background`. Set when the package is imported, so that no thread of ours imports anything.
static TELL: PyOnceLock<Tell> = PyOnceLock::new();

struct Tell {
    log: Py<PyAny>,
    error: Py<PyAny>,
    changes: Py<PyAny>,
}

/// Takes the functions that threads of the native module call.
#[pyfunction]
pub(crate) fn _tell_by(py: Python<'_>, log: Py<PyAny>, error: Py<PyAny>, changes: Py<PyAny>) {
    let _ = TELL.set(py, Tell { log, error, changes });
}

/// Calls an error handler, unless its client is gone.
pub(crate) fn tell_error(handler: &Weak<Handler>, error: &ErrorContext) {
    let since = error.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    gate::enter(|py| {
        let Some(handler) = callable(py, handler) else { return };
        let mut messages = vec![error.error.to_string()];
        let mut cause = error.error.source();
        while let Some(error) = cause {
            messages.push(error.to_string());
            cause = error.source();
        }
        let source = error.source.name();
        let arguments =
            (handler, source, messages, error.is_transient, since, error.dropped).into_pyobject(py);
        tell(py, |tell| &tell.error, arguments);
    });
}

/// Calls a handler of changes, unless its client is gone.
pub(crate) fn tell_changes(handler: &Weak<Handler>, changes: &vexil::Changes) {
    gate::enter(|py| {
        let Some(handler) = callable(py, handler) else { return };
        tell(py, |tell| &tell.changes, (handler, Changes::of(changes)).into_pyobject(py));
    });
}

/// Hands a line to `logging`.
pub(crate) fn tell_log(py: Python<'_>, level: u8, text: &str) {
    tell(py, |tell| &tell.log, (level, text).into_pyobject(py));
}

/// The callable of a handler. The handler itself is dropped here, while the interpreter is attached: it may be the last one
/// to go, and takes its callable with it.
fn callable<'py>(py: Python<'py>, handler: &Weak<Handler>) -> Option<Bound<'py, PyAny>> {
    Some(handler.upgrade()?.call.bind(py).clone())
}

fn tell(py: Python<'_>, function: impl FnOnce(&Tell) -> &Py<PyAny>, arguments: PyResult<Bound<'_, PyTuple>>) {
    let Some(told) = TELL.get(py) else { return };
    match arguments {
        Ok(arguments) => fastcall::call_from_thread(py, function(told).bind(py), &arguments),
        Err(error) => error.write_unraisable(py, None),
    }
}
