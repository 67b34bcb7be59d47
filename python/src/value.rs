//! Values as Python objects.

use flagstaff::Value;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyString};

/// `bool`, `int`, `float`, `str`, `dict`, `list` or `None`.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::I64(value) => value.into_bound_py_any(py),
        Value::U64(value) => value.into_bound_py_any(py),
        Value::F64(value) => value.into_bound_py_any(py),
        Value::String(text) => Ok(PyString::new(py, text).into_any()),
        Value::Json(text) => parse(py, text),
        Value::HugeNumber(text) => huge(py, text),
        _ => Ok(py.None().into_bound(py)),
    }
}

/// As to_python, with `None` for a missing flag.
pub(crate) fn or_none<'py>(py: Python<'py>, value: Option<&Value<'_>>) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, value.unwrap_or(&Value::Null))
}

/// What `json.loads` makes of an object or array.
///
/// Its scanner is called, and not `json.loads`: that one is Python code, in which signal handlers run, and an exception of
/// theirs must not be taken for one about the value.
pub(crate) fn parse<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    static SCANNER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made;
    let scanner = match SCANNER.get(py) {
        Some(scanner) => scanner.bind(py),
        None => {
            // Not in an initialiser: a fork while another thread imports would leave the cell locked in the child.
            made = py.import("json")?.getattr("JSONDecoder")?.call0()?.getattr("scan_once")?;
            let _ = SCANNER.set(py, made.clone().unbind());
            &made
        }
    };
    scanner.call1((text, 0))?.get_item(0)
}

/// A number beyond a float: an exact integer where it is one, else infinite, as `json.loads` has it.
fn huge<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    match py.get_type::<PyInt>().call1((text,)) {
        Ok(integer) => Ok(integer),
        // A fraction or exponent, or more digits than the interpreter takes.
        Err(_) => py.get_type::<PyFloat>().call1((text,)),
    }
}
