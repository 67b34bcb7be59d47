//! `flagstaff.Status`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flagstaff::{PathState, PublisherState};
use pyo3::prelude::*;

/// State of flags, stream and publisher at one moment. Ages are in seconds, and None where they cannot be known.
#[pyclass(frozen, module = "flagstaff")]
pub(crate) struct Status {
    status: flagstaff::Status,
}

impl Status {
    pub(crate) fn new(status: flagstaff::Status) -> Status {
        Status { status }
    }
}

#[pymethods]
impl Status {
    /// The generation that reads use; 0 if nothing has been published.
    #[getter]
    fn generation(&self) -> u64 {
        self.status.generation.0
    }

    /// When it was published first, as an aware datetime.
    #[getter]
    fn published_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        date(py, self.status.published_at)
    }

    /// Number of flags.
    #[getter]
    fn flags(&self) -> u64 {
        self.status.flags
    }

    /// Bytes of the flags in the file.
    #[getter]
    fn archive_bytes(&self) -> u64 {
        self.status.archive_bytes
    }

    /// Since the publisher last heard from the service.
    #[getter]
    fn contact_age(&self) -> Option<f64> {
        seconds(self.status.contact_age)
    }

    /// The stream: `idle`, `connecting`, `open`, `retrying` or `refused`.
    #[getter]
    fn link(&self) -> &'static str {
        self.status.link.name()
    }

    /// For how long the stream has been in this state.
    #[getter]
    fn link_age(&self) -> Option<f64> {
        seconds(self.status.link_age)
    }

    /// What failed last on the publisher's side, in a few words; it stays when all is well again, and its age tells. None if
    /// nothing did.
    #[getter]
    fn last_error(&self) -> Option<String> {
        self.status.last_failure.map(|failure| failure.kind.to_string())
    }

    /// How long ago that was.
    #[getter]
    fn last_error_age(&self) -> Option<f64> {
        seconds(self.status.last_failure?.age)
    }

    /// Why reads do not use the newest flags of the service (they were refused, or the disk is full), in a few words. None if
    /// they do.
    #[getter]
    fn behind(&self) -> Option<String> {
        self.status.behind.map(|failure| failure.kind.to_string())
    }

    /// The publisher: `alive`, `stopped` or `gone`.
    #[getter]
    fn publisher(&self) -> &'static str {
        match self.status.publisher {
            PublisherState::Alive => "alive",
            PublisherState::Stopped => "stopped",
            _ => "gone",
        }
    }

    /// Since the publisher started.
    #[getter]
    fn publisher_uptime(&self) -> Option<f64> {
        seconds(self.status.publisher_uptime)
    }

    /// The newest generation that is known to be on the disk.
    #[getter]
    fn durable(&self) -> u64 {
        self.status.durable.0
    }

    /// Whether the flags come from before the last boot, or from a damaged file.
    #[getter]
    fn is_cold(&self) -> bool {
        self.status.is_cold
    }

    /// Whether flags may be out of date: no publisher, no open stream, or cold.
    #[getter]
    fn is_stale(&self) -> bool {
        self.status.is_stale()
    }

    /// Where the path leads: to the `same` file that is read, `missing`, or `stuck` at one that cannot be followed.
    #[getter]
    fn path(&self) -> &'static str {
        match self.status.path {
            PathState::Same => "same",
            PathState::Missing => "missing",
            _ => "stuck",
        }
    }

    fn __repr__(&self) -> String {
        let age = |age: Option<f64>| age.map_or_else(|| "None".to_owned(), |age| format!("{age:.3}"));
        format!(
            "<flagstaff.Status generation={} flags={} is_stale={} link={:?} publisher={:?} contact_age={} is_cold={} path={:?}>",
            self.generation(),
            self.flags(),
            if self.is_stale() { "True" } else { "False" },
            self.link(),
            self.publisher(),
            age(self.contact_age()),
            if self.is_cold() { "True" } else { "False" },
            self.path(),
        )
    }
}

fn seconds(age: Option<Duration>) -> Option<f64> {
    age.map(|age| age.as_secs_f64())
}

/// A datetime in UTC. The module is imported when it is needed: it takes longer than all of ours.
pub(crate) fn date(py: Python<'_>, time: Option<SystemTime>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(time) = time else { return Ok(None) };
    let module = py.import("datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = module.getattr("datetime")?.call_method1("fromtimestamp", (0, utc))?;
    // Not `fromtimestamp` of a float, which has no exact microseconds.
    let delta = module.getattr("timedelta")?.call1((0, since.as_secs(), since.subsec_micros()))?;
    Ok(Some(start.add(delta)?))
}
