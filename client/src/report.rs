//! What an error callback is called with.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::sse::Failure;
use flagstaff_publisher::{Notice, OpenError, PublishError, with_causes};

/// Which part failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorSource {
    /// The stream from the service.
    Network,
    /// The snapshot file or its lock.
    Disk,
    /// A payload, which was refused as a whole.
    Parser,
}

impl ErrorSource {
    /// `network`, `disk` or `parser`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorSource::Network => "network",
            ErrorSource::Disk => "disk",
            ErrorSource::Parser => "parser",
        }
    }
}

impl fmt::Display for ErrorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Trouble in the background. Getters go on returning flags of the last good snapshot.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ErrorContext {
    /// Which part failed.
    pub source: ErrorSource,
    /// Whether it may go away by itself. If not, somebody has to change something: a key, an address, a file.
    pub is_transient: bool,
    /// When it was noticed.
    pub at: SystemTime,
    /// What it is: expected, found, advice, and in its `source()` what the system said. Never holds the API key or a flag's
    /// value.
    pub error: Arc<dyn Error + Send + Sync>,
    /// How many errors before this one were thrown away, because the callback was still busy.
    pub dropped: u64,
}

impl fmt::Display for ErrorContext {
    /// Source, message and causes on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, with_causes(&*self.error))
    }
}

impl ErrorContext {
    fn new(
        source: ErrorSource,
        is_transient: bool,
        error: impl Error + Send + Sync + 'static,
    ) -> ErrorContext {
        ErrorContext { source, is_transient, at: SystemTime::now(), error: Arc::new(error), dropped: 0 }
    }

    /// `None` if nothing failed.
    pub(crate) fn of_notice(notice: &Notice<'_>) -> Option<ErrorContext> {
        match notice {
            Notice::Lost { failure, .. } => Some(ErrorContext::of_failure(failure)),
            // Once until it works again: with a full disk every event would be another one.
            Notice::Refused { error: PublishError::File(_), not_shown: None, .. } => None,
            Notice::Refused {
                error: error @ (PublishError::File(_) | PublishError::LockLost { .. }),
                ..
            } => Some(ErrorContext::new(ErrorSource::Disk, true, Said::of(*error))),
            // No cause: it may quote a value. Somebody has to change the flags; the SDK calls it not transient too.
            Notice::Refused { error, .. } => {
                Some(ErrorContext::new(ErrorSource::Parser, false, Said { cause: None, ..Said::of(*error) }))
            }
            _ => None,
        }
    }

    fn of_failure(failure: &Failure) -> ErrorContext {
        let source = match failure {
            // The network brought it, whole enough to see that it is no payload.
            Failure::EventTooLarge { .. } => ErrorSource::Parser,
            _ => ErrorSource::Network,
        };
        ErrorContext::new(source, failure.is_transient(), Said::of(failure))
    }

    /// The file cannot be published to.
    pub(crate) fn of_open(error: OpenError) -> ErrorContext {
        ErrorContext::new(ErrorSource::Disk, may_pass(&error), error)
    }

    /// Something else about the disk.
    pub(crate) fn of_disk(is_transient: bool, error: impl Error + Send + Sync + 'static) -> ErrorContext {
        ErrorContext::new(ErrorSource::Disk, is_transient, error)
    }
}

/// Whether it makes sense to try the same place again soon: only threads may be missing for a moment.
pub(crate) fn may_pass(error: &OpenError) -> bool {
    matches!(error, OpenError::Thread(_) | OpenError::Lock(LockError::Thread { .. } | LockError::Held { .. }))
}

/// The messages of an error that is only borrowed.
#[derive(Debug)]
struct Said {
    message: String,
    cause: Option<Box<Said>>,
}

impl Said {
    fn of(error: &dyn Error) -> Said {
        Said { message: error.to_string(), cause: error.source().map(|cause| Box::new(Said::of(cause))) }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_stream_keeps_its_cause_and_says_whether_it_may_pass() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let failure = Failure::Connect { host: "http://h".to_owned(), source: refused.into() };
        let context = ErrorContext::of_failure(&failure);
        assert_eq!((context.source, context.is_transient), (ErrorSource::Network, true));
        assert!(context.error.source().unwrap().to_string().contains("refused"), "{context}");
        let failure = Failure::Status { code: 401, retry_after: None };
        let context = ErrorContext::of_failure(&failure);
        assert!(!context.is_transient && context.to_string().contains("401"), "{context}");
    }
}
