//! How CPython calls the getters.
//!
//! A `#[pymethods]` function costs 15 to 20 ns more than the look-up behind it: it counts attachments and takes the
//! arguments apart for every kind of call. A method descriptor over `METH_FASTCALL | METH_KEYWORDS` is what CPython's own
//! classes have, and the interpreter's specialised call instructions know it.
//!
//! Invariants
//! - F1: CPython calls these functions with the interpreter attached, with `self` an instance of the class that the
//!   descriptor was made for (the descriptor checks it), and with `count` values, then one for each name in the tuple `names`,
//!   all alive during the call.
//! - F2: the text of a `str` is valid UTF-8, cached in it, and lives as long as it does.
//! - F3: a new reference is returned, or null with an exception set. No panic leaves a function.
//! - F4: the defaults of the getters are singletons, or stand in a static.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice, str};

use pyo3::PyClass;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

/// One getter of a class: `get_bool(key, default)` and its like.
pub(crate) trait Getter<C> {
    /// Its name in Python.
    const NAME: &'static CStr;
    /// Signature and documentation, as `tp_doc` has them.
    const DOC: &'static CStr;

    /// The default if the caller gave none. It is never freed.
    fn default(py: Python<'_>) -> *mut PyObject;

    /// The flag's value. `Ok(None)`: there is none of this type.
    fn get<'py>(
        this: &C,
        key: &str,
        default: Borrowed<'_, 'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>>;
}

/// The value of a handle: `flag.get()`.
pub(crate) trait Handle {
    const DOC: &'static CStr;

    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// Puts a getter on its class.
pub(crate) fn add_getter<C, G>(py: Python<'_>) -> PyResult<()>
where
    C: PyClass<Frozen = True> + Sync,
    G: Getter<C>,
{
    let call = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call_getter::<C, G> };
    add::<C>(py, G::NAME, call, ffi::METH_FASTCALL | ffi::METH_KEYWORDS, G::DOC)
}

/// Puts `get` on the class of a handle.
pub(crate) fn add_get<H: PyClass<Frozen = True> + Sync + Handle>(py: Python<'_>) -> PyResult<()> {
    let call = ffi::PyMethodDefPointer { PyCFunction: call_handle::<H> };
    add::<H>(py, c"get", call, ffi::METH_NOARGS, <H as Handle>::DOC)
}

fn add<C: PyClass>(
    py: Python<'_>,
    name: &'static CStr,
    call: ffi::PyMethodDefPointer,
    flags: std::ffi::c_int,
    doc: &'static CStr,
) -> PyResult<()> {
    let class = py.get_type::<C>();
    let definition =
        ffi::PyMethodDef { ml_name: name.as_ptr(), ml_meth: call, ml_flags: flags, ml_doc: doc.as_ptr() };
    // The descriptor points to it for as long as the interpreter lives.
    let definition = Box::leak(Box::new(definition));
    // SAFETY: a type object and a definition that is never freed, attached.
    let descriptor = unsafe { ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition) };
    // SAFETY: it returns a new reference, or null with an exception set.
    let descriptor = unsafe { Bound::from_owned_ptr_or_err(py, descriptor) }?;
    class.setattr(&*name.to_string_lossy(), descriptor)
}

/// # Safety
/// As F1.
unsafe extern "C" fn call_getter<C, G>(
    this: *mut PyObject,
    values: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject
where
    C: PyClass<Frozen = True> + Sync,
    G: Getter<C>,
{
    // SAFETY: F1.
    let py = unsafe { Python::assume_attached() };
    guarded(py, || {
        let (key, default) = if names.is_null() && (count == 1 || count == 2) {
            // SAFETY: F1, `count` is one or two.
            let values = unsafe { slice::from_raw_parts(values, count as usize) };
            (values[0], values.get(1).copied())
        } else {
            // SAFETY: F1.
            unsafe { named_arguments::<C, G>(values, count as usize, names) }?
        };
        let default = default.unwrap_or_else(|| G::default(py));
        // SAFETY: F1, or F4.
        let default = unsafe { Borrowed::from_ptr(py, default) };
        // SAFETY: F1.
        let this = unsafe { Borrowed::from_ptr(py, this) };
        // SAFETY: F1.
        let this: Borrowed<'_, '_, C> = unsafe { this.cast_unchecked() };
        // SAFETY: F1.
        let Some(key) = (unsafe { text_of(key) }) else { return Ok(default.to_owned()) };
        // A getter does not raise for a defect of ours either. What it is stands on standard error by now.
        let answer = catch_unwind(AssertUnwindSafe(|| G::get(this.get(), key, default))).unwrap_or(Ok(None));
        Ok(answer?.unwrap_or_else(|| default.to_owned()))
    })
}

/// # Safety
/// As F1.
unsafe extern "C" fn call_handle<H: PyClass<Frozen = True> + Sync + Handle>(
    this: *mut PyObject,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: F1.
    let py = unsafe { Python::assume_attached() };
    guarded(py, || {
        // SAFETY: F1.
        let this = unsafe { Borrowed::from_ptr(py, this) };
        // SAFETY: F1.
        let this: Borrowed<'_, '_, H> = unsafe { this.cast_unchecked() };
        this.get().get(py)
    })
}

/// The borders of F3.
#[inline(always)]
fn guarded<'py>(py: Python<'py>, call: impl FnOnce() -> PyResult<Bound<'py, PyAny>>) -> *mut PyObject {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(answer)) => answer.into_ptr(),
        Ok(Err(error)) => fail(py, error),
        Err(_) => {
            fail(py, PyRuntimeError::new_err("a defect in flagstaff; what it is stands on standard error"))
        }
    }
}

#[cold]
fn fail(py: Python<'_>, error: PyErr) -> *mut PyObject {
    error.restore(py);
    ptr::null_mut()
}

/// The text of a `str`; `None` for what is none, or has lone surrogates: no flag has such a key.
///
/// # Safety
/// `object` is alive for `'a`, and this thread is attached.
#[inline(always)]
unsafe fn text_of<'a>(object: *mut PyObject) -> Option<&'a str> {
    let mut length = 0;
    // SAFETY: any object may be asked.
    let text = unsafe { ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length) };
    if text.is_null() {
        // SAFETY: attached. It is the exception of the call above: none was set when this began.
        unsafe { ffi::PyErr_Clear() };
        return None;
    }
    // SAFETY: F2.
    let bytes = unsafe { slice::from_raw_parts(text.cast::<u8>(), length as usize) };
    // SAFETY: F2.
    Some(unsafe { str::from_utf8_unchecked(bytes) })
}

/// Key and default of a call with names, or with a wrong number of arguments.
///
/// # Safety
/// As F1.
unsafe fn named_arguments<C: PyClass, G: Getter<C>>(
    values: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> PyResult<(*mut PyObject, Option<*mut PyObject>)> {
    let wrong = |found: String| {
        let name = G::NAME.to_string_lossy();
        PyTypeError::new_err(format!("{name}(key, default): {found}; pass a key and, if you like, a default"))
    };
    if count > 2 {
        return Err(wrong(format!("found {count} positional arguments")));
    }
    let (mut key, mut default) = (None, None);
    let named = if names.is_null() {
        0
    } else {
        // SAFETY: F1, it is a tuple.
        unsafe { ffi::PyTuple_Size(names) }
    };
    let total = count + named as usize;
    let values = if total == 0 {
        &[]
    } else {
        // SAFETY: F1.
        unsafe { slice::from_raw_parts(values, total) }
    };
    let (positional, by_name) = values.split_at(count);
    for (slot, value) in [&mut key, &mut default].into_iter().zip(positional) {
        *slot = Some(*value);
    }
    for (at, value) in (0..named).zip(by_name) {
        // SAFETY: F1, `at` is below its size. A borrowed reference.
        let name = unsafe { ffi::PyTuple_GetItem(names, at) };
        // SAFETY: F1.
        let slot = match unsafe { text_of(name) } {
            Some("default" | "default_value") => &mut default,
            Some("key" | "flag_key") => &mut key,
            name => return Err(wrong(format!("found an argument named {:?}", name.unwrap_or("?")))),
        };
        if slot.replace(*value).is_some() {
            return Err(wrong("found one argument twice".to_owned()));
        }
    }
    Ok((key.ok_or_else(|| wrong("found no key".to_owned()))?, default))
}
