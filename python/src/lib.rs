//! The native half of the Python package `flagstaff`: see README.md beside it for what it is to its users.
//!
//! # Guarantees
//! - A getter returns the value or the default; it raises nothing but `TypeError` for a call with wrong arguments.
//! - No thread of ours ever calls Python: what it has to say goes through the relay to a thread that Python started.
//! - Waiting releases the interpreter and ends with a signal whose handler raises.
//!
//! # Limits
//! - Needs the global interpreter lock: on a free-threaded build the import turns it on again.
//! - Main interpreter only.
//!
//! # Map
//! `client`, `reader`, `handle`, `snapshot`, `status`, `changes` and `watcher` are one Python class each (`handle` has the four
//! flags). `getter` is what the getters do, `fastcall` how CPython calls them. `value` turns values into objects, `waiting` waits. `relay`
//! is the only way from our threads to code of the caller; `callbacks` and `log` go through it. `lifecycle` is what happens when Python ends
//! or forks, `forks` what happens when somebody else does. `fastcall` and `forks` are the modules with unsafe code.

mod callbacks;
mod changes;
mod client;
#[allow(unsafe_code, reason = "method descriptors have no safe wrapper")]
mod fastcall;
#[allow(unsafe_code, reason = "handlers of forks that Python does not know of")]
mod forks;
mod getter;
mod handle;
mod lifecycle;
mod log;
mod reader;
mod relay;
mod snapshot;
mod status;
mod value;
mod waiting;
mod watcher;

use pyo3::prelude::*;

/// Puts the classes into the module `flagstaff._flagstaff`.
#[pymodule(gil_used = true)]
fn _flagstaff(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<client::Client>()?;
    module.add_class::<reader::Reader>()?;
    module.add_class::<snapshot::Snapshot>()?;
    module.add_class::<status::Status>()?;
    module.add_class::<changes::Changes>()?;
    module.add_class::<changes::Change>()?;
    module.add_class::<handle::BoolFlag>()?;
    module.add_class::<handle::NumberFlag>()?;
    module.add_class::<handle::StringFlag>()?;
    module.add_class::<handle::JsonFlag>()?;
    module.add_class::<watcher::Watcher>()?;
    module.add_class::<watcher::Bell>()?;
    module.add_function(wrap_pyfunction!(changes::changes_between, module)?)?;
    module.add_class::<relay::Job>()?;
    module.add_function(wrap_pyfunction!(relay::_start_by, module)?)?;
    module.add_function(wrap_pyfunction!(relay::_next_job, module)?)?;
    module.add_function(wrap_pyfunction!(relay::_descriptor, module)?)?;
    module.add_function(wrap_pyfunction!(relay::_jobs, module)?)?;
    module.add_function(wrap_pyfunction!(relay::_running, module)?)?;
    module.add_function(wrap_pyfunction!(relay::_next_line, module)?)?;
    module.add_function(wrap_pyfunction!(lifecycle::_at_exit, module)?)?;
    module.add_function(wrap_pyfunction!(lifecycle::_before_exit, module)?)?;
    module.add_function(wrap_pyfunction!(lifecycle::_after_fork, module)?)?;
    module.add_function(wrap_pyfunction!(forks::_before_worker, module)?)?;
    module.add_function(wrap_pyfunction!(forks::_without_worker, module)?)?;
    module.add_function(wrap_pyfunction!(forks::_in_worker, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    getter::add_to::<client::Client>(py)?;
    getter::add_to::<reader::Reader>(py)?;
    handle::add_getters(py)?;
    log::install();
    forks::install();
    Ok(())
}
