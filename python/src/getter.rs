//! The getters.

use std::ffi::CStr;

use flagstaff::Value;
use pyo3::PyClass;
use pyo3::exceptions::PyException;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyNone, PyString};

use crate::fastcall::{self, Getter};
use crate::value;

/// A class with getters.
pub(crate) trait Flags {
    /// Where they look.
    fn flags(&self) -> &flagstaff::Reader;
}

/// Puts all getters on a class.
pub(crate) fn add_to<C: PyClass<Frozen = True> + Sync + Flags>(py: Python<'_>) -> PyResult<()> {
    fastcall::add_getter::<C, GetBool>(py)?;
    fastcall::add_getter::<C, GetFlag>(py)?;
    fastcall::add_getter::<C, GetNumber>(py)?;
    fastcall::add_getter::<C, GetString>(py)?;
    fastcall::add_getter::<C, GetJson>(py)
}

struct GetBool;
struct GetFlag;
struct GetNumber;
struct GetString;
struct GetJson;

impl<C: Flags> Getter<C> for GetBool {
    const NAME: &'static CStr = c"get_bool";
    const DOC: &'static CStr = c"get_bool($self, key, default=False)\n--\n\nA boolean flag, or `default` if it is missing or of another type.\n\nNever raises, whatever the key is. The arguments may also be named `flag_key` and `default_value`.";

    #[inline(always)]
    fn default(py: Python<'_>) -> *mut PyObject {
        PyBool::new(py, false).as_ptr()
    }

    #[inline(always)]
    fn get<'py>(
        this: &C,
        key: &str,
        default: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(bool_of(this.flags(), key, default)
            .map(|value| PyBool::new(default.py(), value).to_owned().into_any()))
    }
}

/// A look-up that returns `false` for a missing flag is enough where that is the default, and the same for `true`.
#[inline(always)]
fn bool_of(flags: &flagstaff::Reader, key: &str, default: Borrowed<'_, '_, PyAny>) -> Option<bool> {
    let py = default.py();
    if default.is(PyBool::new(py, false)) {
        Some(flags.get_bool_or(key, false))
    } else if default.is(PyBool::new(py, true)) {
        Some(flags.get_bool_or(key, true))
    } else {
        match flags.get(key) {
            Some(Value::Bool(value)) => Some(value),
            _ => None,
        }
    }
}

impl<C: Flags> Getter<C> for GetFlag {
    const NAME: &'static CStr = c"get_flag";
    const DOC: &'static CStr = c"get_flag($self, key, default=False)\n--\n\nThe same as `get_bool`.";

    #[inline(always)]
    fn default(py: Python<'_>) -> *mut PyObject {
        <GetBool as Getter<C>>::default(py)
    }

    #[inline(always)]
    fn get<'py>(
        this: &C,
        key: &str,
        default: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        <GetBool as Getter<C>>::get(this, key, default)
    }
}

static ZERO: PyOnceLock<Py<PyInt>> = PyOnceLock::new();

impl<C: Flags> Getter<C> for GetNumber {
    const NAME: &'static CStr = c"get_number";
    const DOC: &'static CStr = c"get_number($self, key, default=0)\n--\n\nA number flag as a float, or `default` if it is missing, of another type or beyond a float.\n\nNever raises, whatever the key is. The arguments may also be named `flag_key` and `default_value`.";

    #[inline(always)]
    fn default(py: Python<'_>) -> *mut PyObject {
        static_object(&ZERO, py, || PyInt::new(py, 0).unbind())
    }

    #[inline(always)]
    fn get<'py>(
        this: &C,
        key: &str,
        default: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        // No flag is NaN: JSON has none.
        let number = this.flags().get_number_or(key, f64::NAN);
        Ok((!number.is_nan()).then(|| PyFloat::new(default.py(), number).into_any()))
    }
}

static EMPTY: PyOnceLock<Py<PyString>> = PyOnceLock::new();

impl<C: Flags> Getter<C> for GetString {
    const NAME: &'static CStr = c"get_string";
    const DOC: &'static CStr = c"get_string($self, key, default='')\n--\n\nA string flag, or `default` if it is missing or of another type.\n\nNever raises, whatever the key is. The arguments may also be named `flag_key` and `default_value`.";

    #[inline(always)]
    fn default(py: Python<'_>) -> *mut PyObject {
        static_object(&EMPTY, py, || PyString::new(py, "").unbind())
    }

    #[inline(always)]
    fn get<'py>(
        this: &C,
        key: &str,
        default: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let text = |text: Option<&str>| text.map(|text| PyString::new(default.py(), text).into_any());
        Ok(this.flags().with_str(key, text))
    }
}

impl<C: Flags> Getter<C> for GetJson {
    const NAME: &'static CStr = c"get_json";
    const DOC: &'static CStr = c"get_json($self, key, default=None)\n--\n\nA fresh dict or list of a JSON flag, or `default` if it is missing or a scalar.\n\nNever raises, whatever the key is. The arguments may also be named `flag_key` and `default_value`.";

    #[inline(always)]
    fn default(py: Python<'_>) -> *mut PyObject {
        PyNone::get(py).as_ptr()
    }

    fn get<'py>(
        this: &C,
        key: &str,
        default: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match this.flags().get(key) {
            Some(Value::Json(text)) => parsed_or_none(default.py(), &text),
            _ => Ok(None),
        }
    }
}

/// Flags of any type, of one generation, in the order of the keys: `None` for each that is missing, and for what is no key. Never raises
/// for what is in `keys`.
pub(crate) fn get_many<'py>(
    py: Python<'py>,
    flags: &flagstaff::Reader,
    keys: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let keys: Vec<Bound<'py, PyAny>> = match keys.cast::<PyList>() {
        Ok(list) => list.iter().collect(),
        Err(_) => keys.try_iter()?.collect::<PyResult<_>>()?,
    };
    let texts: Vec<Option<&str>> =
        keys.iter().map(|key| key.cast::<PyString>().ok().and_then(|key| key.to_str().ok())).collect();
    let asked: Vec<&str> = texts.iter().map(|text| text.unwrap_or_default()).collect();
    let values = PyList::empty(py);
    for (text, value) in texts.iter().zip(flags.get_many_of(&asked)) {
        values.append(match value.filter(|_| text.is_some()) {
            Some(Value::Json(text)) => parsed_or_none(py, &text)?,
            value => Some(value::or_none(py, value.as_ref())?),
        })?;
    }
    Ok(values)
}

/// `None` if the interpreter cannot make the value: too little stack or memory, or a number with more digits than it takes.
pub(crate) fn parsed_or_none<'py>(py: Python<'py>, text: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match value::parse(py, text) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
        // Nothing of ours: what a signal handler raised.
        Err(error) => Err(error),
    }
}

/// An object that is made once.
#[inline(always)]
fn static_object<T>(cell: &PyOnceLock<Py<T>>, py: Python<'_>, make: impl FnOnce() -> Py<T>) -> *mut PyObject {
    cell.get_or_init(py, make).as_ptr()
}
