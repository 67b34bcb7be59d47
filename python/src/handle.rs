//! Handles: one flag each, remembered with its generation.
//!
//! A handle keeps the client or reader alive that it came from: a client that is gone keeps nothing fresh.

use std::ffi::CStr;

use flagstaff::Value;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyString};
use pyo3::{IntoPyObjectExt as _, PyTraverseError, PyVisit};

use crate::fastcall::{self, Handle};
use crate::getter::parsed_or_none;

/// Puts `get` on all handles.
pub(crate) fn add_getters(py: Python<'_>) -> PyResult<()> {
    fastcall::add_get::<BoolFlag>(py)?;
    fastcall::add_get::<NumberFlag>(py)?;
    fastcall::add_get::<StringFlag>(py)?;
    fastcall::add_get::<JsonFlag>(py)
}

/// A default that the caller gave, `None` included.
pub(crate) struct Given(Option<Py<PyAny>>);

impl Given {
    pub(crate) const NOTHING: Given = Given(None);
}

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = std::convert::Infallible;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> Result<Given, Self::Error> {
        Ok(Given(Some(object.to_owned().unbind())))
    }
}

/// The key of a handle.
pub(crate) struct HandleKey {
    /// `None`: it has lone surrogates. No flag has such a key, so the handle returns its default.
    text: Option<String>,
    given: Py<PyString>,
}

impl<'py> FromPyObject<'_, 'py> for HandleKey {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> Result<HandleKey, PyErr> {
        let given = object.cast::<PyString>()?;
        Ok(HandleKey { text: given.to_str().ok().map(str::to_owned), given: given.to_owned().unbind() })
    }
}

impl HandleKey {
    fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// As `<flagstaff.BoolFlag "key">`.
    fn shown(&self, class: &str, py: Python<'_>) -> PyResult<String> {
        Ok(match &self.text {
            Some(text) => format!("<flagstaff.{class} {text:?}>"),
            None => format!("<flagstaff.{class} {}>", self.given.bind(py).repr()?),
        })
    }
}

/// A boolean flag. `flag.get()` or its truth value is the value now.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct BoolFlag {
    flag: Option<flagstaff::BoolFlag>,
    key: HandleKey,
    default: bool,
    owner: Py<PyAny>,
}

impl BoolFlag {
    pub(crate) fn new(
        owner: &Bound<'_, PyAny>,
        reader: &flagstaff::Reader,
        key: HandleKey,
        default: bool,
    ) -> BoolFlag {
        let flag = key.text().map(|key| reader.bool_flag_or(key, default));
        BoolFlag { flag, key, default, owner: owner.clone().unbind() }
    }
}

impl BoolFlag {
    #[inline(always)]
    fn now(&self) -> bool {
        self.flag.as_ref().map_or(self.default, flagstaff::BoolFlag::get)
    }
}

impl Handle for BoolFlag {
    const DOC: &'static CStr = c"get($self)\n--\n\nThe value now. Never raises.";

    #[inline(always)]
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyBool::new(py, self.now()).to_owned().into_any())
    }
}

/// A number flag. `flag.get()` returns a float, or the default as it was given.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct NumberFlag {
    /// NaN if it is missing: JSON has none.
    flag: Option<flagstaff::NumberFlag>,
    key: HandleKey,
    default: Py<PyAny>,
    owner: Py<PyAny>,
}

impl NumberFlag {
    pub(crate) fn new(
        owner: &Bound<'_, PyAny>,
        reader: &flagstaff::Reader,
        key: HandleKey,
        default: Given,
    ) -> PyResult<NumberFlag> {
        let default = match default.0 {
            Some(default) => default,
            None => 0i32.into_py_any(owner.py())?,
        };
        let flag = key.text().map(|key| reader.number_flag_or(key, f64::NAN));
        Ok(NumberFlag { flag, key, default, owner: owner.clone().unbind() })
    }
}

impl Handle for NumberFlag {
    const DOC: &'static CStr = c"get($self)\n--\n\nThe value now. Never raises.";

    #[inline(always)]
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let number = self.flag.as_ref().map_or(f64::NAN, flagstaff::NumberFlag::get);
        Ok(if number.is_nan() { self.default.bind(py).clone() } else { PyFloat::new(py, number).into_any() })
    }
}

/// A string flag. `flag.get()` returns a str, or the default as it was given.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct StringFlag {
    reader: flagstaff::Reader,
    key: HandleKey,
    default: Py<PyAny>,
    owner: Py<PyAny>,
}

impl StringFlag {
    pub(crate) fn new(
        owner: &Bound<'_, PyAny>,
        reader: &flagstaff::Reader,
        key: HandleKey,
        default: Given,
    ) -> StringFlag {
        let default = default.0.unwrap_or_else(|| PyString::new(owner.py(), "").into_any().unbind());
        StringFlag { reader: reader.clone(), key, default, owner: owner.clone().unbind() }
    }
}

impl Handle for StringFlag {
    const DOC: &'static CStr = c"get($self)\n--\n\nThe value now. Never raises.";

    #[inline(always)]
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = |text: Option<&str>| text.map(|text| PyString::new(py, text).into_any());
        let now = self.key.text().and_then(|key| self.reader.with_str(key, text));
        Ok(now.unwrap_or_else(|| self.default.bind(py).clone()))
    }
}

/// A JSON flag. `flag.get()` returns a fresh dict or list, or the default as it was given.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct JsonFlag {
    reader: flagstaff::Reader,
    key: HandleKey,
    default: Py<PyAny>,
    owner: Py<PyAny>,
}

impl JsonFlag {
    pub(crate) fn new(
        owner: &Bound<'_, PyAny>,
        reader: &flagstaff::Reader,
        key: HandleKey,
        default: Option<Py<PyAny>>,
    ) -> JsonFlag {
        let default = default.unwrap_or_else(|| owner.py().None());
        JsonFlag { reader: reader.clone(), key, default, owner: owner.clone().unbind() }
    }
}

impl Handle for JsonFlag {
    const DOC: &'static CStr = c"get($self)\n--\n\nThe value now. Never raises.";

    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = match self.key.text().and_then(|key| self.reader.get(key)) {
            Some(Value::Json(text)) => parsed_or_none(py, &text)?,
            _ => None,
        };
        Ok(value.unwrap_or_else(|| self.default.bind(py).clone()))
    }
}

#[pymethods]
impl BoolFlag {
    fn __bool__(&self) -> bool {
        self.now()
    }

    /// The key of the flag.
    #[getter]
    fn key(&self, py: Python<'_>) -> Py<PyString> {
        self.key.given.clone_ref(py)
    }

    /// Returned if the flag is missing or no boolean.
    #[getter]
    fn default(&self) -> bool {
        self.default
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.key.shown("BoolFlag", py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)
    }
}

/// What the handles with any default have in common.
macro_rules! describe {
    ($class:ident) => {
        #[pymethods]
        impl $class {
            /// The key of the flag.
            #[getter]
            fn key(&self, py: Python<'_>) -> Py<PyString> {
                self.key.given.clone_ref(py)
            }

            /// Returned if the flag is missing or of another type.
            #[getter]
            fn default(&self, py: Python<'_>) -> Py<PyAny> {
                self.default.clone_ref(py)
            }

            fn __bool__<'py>(&self, py: Python<'py>) -> PyResult<bool> {
                self.get(py)?.is_truthy()
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                self.key.shown(stringify!($class), py)
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.owner)?;
                visit.call(&self.default)
            }
        }
    };
}

describe!(NumberFlag);
describe!(StringFlag);
describe!(JsonFlag);
