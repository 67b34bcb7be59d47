//! The phases of a request before it can be sent.
//!
//! ureq reports a failed name lookup, a refused connection and a broken certificate alike. So each of our connectors marks its
//! errors with its phase.

use std::error::Error;
use std::fmt;

/// The phases that happen before a request can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Resolve,
    ResolveProxy,
    Connect,
    ConnectProxy,
    Tls,
}

/// An error with its phase, on its way through ureq.
#[derive(Debug)]
pub(super) struct PhaseError {
    pub(super) phase: Phase,
    pub(super) cause: ureq::Error,
}

impl fmt::Display for PhaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for PhaseError {}

impl Phase {
    pub(super) fn of_resolve(is_proxy: bool) -> Phase {
        if is_proxy { Phase::ResolveProxy } else { Phase::Resolve }
    }

    pub(super) fn of_connect(is_proxy: bool) -> Phase {
        if is_proxy { Phase::ConnectProxy } else { Phase::Connect }
    }

    /// Marks an error. A timeout says by itself what it waited for, and an error marked before keeps its mark.
    pub(super) fn mark(self, cause: ureq::Error) -> ureq::Error {
        match cause {
            ureq::Error::Timeout(_) | ureq::Error::Other(_) => cause,
            cause => ureq::Error::Other(Box::new(PhaseError { phase: self, cause })),
        }
    }
}
