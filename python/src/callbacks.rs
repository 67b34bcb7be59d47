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

/// A call of a handler. It sees the handler weakly: a client that is gone calls nobody any more.
pub(crate) enum Call {
    Error(Weak<Handler>, ErrorContext),
    Changes(Weak<Handler>, flagstaff::Changes),
}

/// Calls an error handler, unless its client is gone, and waits for it.
pub(crate) fn tell_error(handler: &Weak<Handler>, error: &ErrorContext) {
    relay::call(Call::Error(handler.clone(), error.clone()));
}

/// Calls a handler of changes, unless its client is gone, and waits for it.
pub(crate) fn tell_changes(handler: &Weak<Handler>, changes: &flagstaff::Changes) {
    relay::call(Call::Changes(handler.clone(), changes.clone()));
}

impl Call {
    /// `("error", handler, ...)` or `("changes", handler, ...)`, as `flagstaff._background` takes them apart. `None`: there is no
    /// handler any more. The handler is dropped here, with the interpreter attached: it may be the last one to go, and takes its callable
    /// with it.
    pub(crate) fn arguments(self, py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
        let (Call::Error(handler, _) | Call::Changes(handler, _)) = &self;
        let Some(handler) = handler.upgrade() else { return Ok(None) };
        let handler = handler.call.bind(py);
        match &self {
            Call::Error(_, error) => {
                let since = error.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                let (source, messages) = (error.source.name(), messages(error));
                ("error", handler, source, messages, error.is_transient, since, error.dropped)
                    .into_bound_py_any(py)
            }
            Call::Changes(_, changes) => ("changes", handler, Changes::of(changes)).into_bound_py_any(py),
        }
        .map(Some)
    }
}

/// The message, then those of the causes.
fn messages(error: &ErrorContext) -> Vec<String> {
    let causes = std::iter::successors(error.error.source(), |error| error.source());
    std::iter::once(error.error.to_string()).chain(causes.map(ToString::to_string)).collect()
}
