//! The last error of the publisher.

use std::time::Duration;

use flagstaff_reader::LastFailure;
use serde::Serialize;

use crate::show;

/// It remains after recovery until the next error or reboot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LastError {
    /// One word for machines. It is stable, the text may change.
    pub(crate) kind: &'static str,
    /// The HTTP status, for `http_status`.
    pub(crate) status: Option<u16>,
    /// In seconds; null is unknown.
    pub(crate) age: Option<f64>,
    #[serde(skip)]
    text: String,
}

impl LastError {
    pub(super) fn of(failure: LastFailure) -> LastError {
        LastError {
            kind: failure.kind.name(),
            status: failure.kind.http_status(),
            age: failure.age.as_ref().map(Duration::as_secs_f64),
            text: failure.kind.to_string(),
        }
    }

    /// For people, of an error that lasts: `age` is for how long.
    pub(crate) fn lasting(&self) -> String {
        match self.age.and_then(show::seconds) {
            Some(age) => format!("for {}: {}", show::words(age), self.text),
            None => format!("not known for how long: {}", self.text),
        }
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        match self.age {
            Some(_) => format!("{}, {}", self.text, show::ago(self.age)),
            None => format!("{}, not known when", self.text),
        }
    }
}
