//! Waiting: without the interpreter, open to signals, and to other greenlets.

use std::time::{Duration, Instant};

use flagstaff::Generation;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::relay;

/// How long a signal waits at most until its handler runs.
const SLICE: Duration = Duration::from_millis(100);

/// How often a wait looks that must not block.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Longer than any process lives; what `None` and infinity mean.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A number of seconds, cut to what a duration can be.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).map_or(FOR_EVER, |duration| duration.min(FOR_EVER))
}

/// A `timeout` argument.
pub(crate) fn limit(timeout: Option<f64>) -> PyResult<Duration> {
    match timeout {
        None => Ok(FOR_EVER),
        Some(seconds) if seconds.is_nan() => {
            Err(PyValueError::new_err("timeout is not a number; expected seconds, or None to wait for ever"))
        }
        Some(seconds) => Ok(duration(seconds)),
    }
}

/// Calls `wait` without the interpreter, again and again, until it returns something or `limit` has passed. `None` then.
///
/// Under gevent and eventlet `wait` only looks, and other greenlets run between two looks.
pub(crate) fn in_slices<T: Send>(
    py: Python<'_>,
    limit: Duration,
    mut wait: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    let begun = Instant::now();
    let greenlets = relay::greenlets(py);
    let slice = if greenlets.is_none() { SLICE } else { Duration::ZERO };
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        let answer = py.detach(|| wait(slice.min(left)));
        if answer.is_some() {
            return Ok(answer);
        }
        py.check_signals()?;
        if left.is_zero() {
            return Ok(None);
        }
        if let Some(greenlets) = &greenlets {
            greenlets.call_method1("pause", (LOOK_EVERY.min(left).as_secs_f64(),))?;
        }
    }
}

/// `wait_for_change` of the classes. The reader is looked up each time: a client may move to another one.
pub(crate) fn for_change<'a>(
    this: &Bound<'_, PyAny>,
    seen: u64,
    timeout: Option<f64>,
    reader: impl Fn() -> &'a flagstaff::Reader + Send + Sync,
) -> PyResult<u64> {
    let (py, limit) = (this.py(), limit(timeout)?);
    if let Some(greenlets) = relay::greenlets(py) {
        let limit = timeout.map(|_| limit.as_secs_f64());
        return greenlets.call_method1("wait_for_change", (this, seen, limit))?.extract();
    }
    let wait = |slice| {
        let now = reader().wait_for_change(Generation(seen), slice).0;
        (now != seen).then_some(now)
    };
    Ok(in_slices(py, limit, wait)?.unwrap_or(seen))
}

/// A generation, and the keys that may have changed up to it; None where they are not known.
pub(crate) type ChangedKeys = (u64, Option<Vec<String>>);

pub(crate) fn changed_keys(changed: flagstaff::ChangedKeys) -> ChangedKeys {
    (changed.generation.0, changed.keys)
}

/// The part of the package that is for asyncio.
pub(crate) fn asynchronously<'py, T>(this: &Bound<'py, T>) -> PyResult<Bound<'py, PyModule>> {
    this.py().import("flagstaff._asyncio")
}
