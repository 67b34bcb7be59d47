//! Callbacks of the caller.

use std::sync::Weak;
use std::time::UNIX_EPOCH;

use flagstaff::ErrorContext;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt as _, PyTraverseError, PyVisit};

use crate::changes::Changes;
use crate::relay;

/// A callable of the caller.
pub(crate) struct Handler {
    call: Py<PyAny>,
}

impl Handler {
    /// `name` is that of the argument it was given as.
    pub(crate) fn new(call: &Bound<'_, PyAny>, name: &str) -> PyResult<Handler> {
        if call.is_callable() {
            return Ok(Handler { call: call.clone().unbind() });
        }
        let found = call.get_type().name()?;
        Err(PyTypeError::new_err(format!("{name} is a {found}, expected a function or another callable")))
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.call)
    }
}

/// Calls an error handler, unless its client is gone, and waits for it.
pub(crate) fn tell_error(handler: &Weak<Handler>, error: &ErrorContext) {
    let (handler, error) = (handler.clone(), error.clone());
    relay::call(Box::new(move |py| {
        let since = error.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let (source, messages) = (error.source.name(), messages(&error));
        with(&handler, |handler| {
            ("error", handler.call.bind(py), source, messages, error.is_transient, since, error.dropped)
                .into_bound_py_any(py)
        })
    }));
}

/// Calls a handler of changes, unless its client is gone, and waits for it.
pub(crate) fn tell_changes(handler: &Weak<Handler>, changes: &flagstaff::Changes) {
    let (handler, changes) = (handler.clone(), Changes::of(changes));
    relay::call(Box::new(move |py| {
        with(&handler, |handler| ("changes", handler.call.bind(py), changes).into_bound_py_any(py))
    }));
}

/// Calls a handler that wants to know nothing, and waits for it.
pub(crate) fn ring(handler: &Weak<Handler>) {
    let handler = handler.clone();
    relay::call(Box::new(move |py| {
        with(&handler, |handler| ("bell", handler.call.bind(py)).into_bound_py_any(py))
    }));
}

/// What `flagstaff._background` takes apart: a kind, the handler and its arguments. `None`: there is no handler any more. It is seen
/// weakly, so that a client that is gone calls nobody. It is dropped here, with the interpreter attached: this may be the last reference,
/// and takes the callable with it.
fn with<'py>(
    handler: &Weak<Handler>,
    arguments: impl FnOnce(&Handler) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    handler.upgrade().map(|handler| arguments(&handler)).transpose()
}

/// The message, then those of the causes.
fn messages(error: &ErrorContext) -> Vec<String> {
    let causes = std::iter::successors(error.error.source(), |error| error.source());
    std::iter::once(error.error.to_string()).chain(causes.map(ToString::to_string)).collect()
}
