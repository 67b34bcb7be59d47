//! Errors in the words of the file's status: what a reader gets to know of them. The text is for the log alone.

use std::io::ErrorKind;

use flagstaff_format::{BuildError, FailureKind, WriteError};

use crate::error::PublishError;
use crate::payload::{ImportError, PayloadError};
use crate::sse::Failure;

/// `None` if the stream did not fail, but was stopped.
pub(crate) fn of_stream(failure: &Failure) -> Option<FailureKind> {
    Some(match failure {
        Failure::Dns { .. } => FailureKind::NameNotFound,
        Failure::Connect { .. } => FailureKind::NotConnected,
        Failure::Tls { .. } => FailureKind::Tls,
        Failure::RootCertificates { .. } | Failure::Proxy { .. } => FailureKind::Settings,
        Failure::ApiKey { .. } => FailureKind::ApiKey,
        Failure::Timeout { .. } => FailureKind::Timeout,
        Failure::Status { code, .. } => FailureKind::HttpStatus(*code),
        Failure::NoContent => FailureKind::HttpStatus(204),
        Failure::ContentType { .. } | Failure::ContentEncoding { .. } => FailureKind::ContentType,
        Failure::Redirect { .. } => FailureKind::Redirect,
        Failure::HeaderTooLarge { .. } | Failure::Protocol { .. } => FailureKind::Protocol,
        Failure::EventTooLarge { .. } => FailureKind::PayloadTooLarge,
        Failure::Ended | Failure::Read { .. } => FailureKind::ConnectionLost,
        Failure::Stopped => return None,
    })
}

/// `None` for a lost lock: the file may be that of another publisher by now.
pub(crate) fn of_publish(error: &PublishError) -> Option<FailureKind> {
    Some(match error {
        PublishError::Payload(error) => of_payload(error),
        PublishError::Build(error) => of_build(error),
        PublishError::Held(_) => FailureKind::Held,
        PublishError::File(error) => of_disk(error),
        PublishError::LockLost { .. } => return None,
    })
}

/// A file of flags that was not taken.
pub(crate) fn of_source(error: &ImportError) -> FailureKind {
    match error {
        ImportError::Payload { source, .. } => of_payload(source),
        ImportError::Missing { .. } | ImportError::NotRegular { .. } | ImportError::Io { .. } => {
            FailureKind::SourceFile
        }
    }
}

pub(crate) fn of_disk(error: &WriteError) -> FailureKind {
    match error {
        WriteError::Io { source, .. }
            if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
        {
            FailureKind::DiskFull
        }
        WriteError::Io { .. } | WriteError::FileSizeLimit { .. } => FailureKind::Disk,
        _ => FailureKind::Other,
    }
}

fn of_payload(error: &PayloadError) -> FailureKind {
    match error {
        PayloadError::TooLarge { .. } => FailureKind::PayloadTooLarge,
        PayloadError::NotUtf8 { .. }
        | PayloadError::NotJson { .. }
        | PayloadError::RootNotObject { .. }
        | PayloadError::TooDeep { .. } => FailureKind::Payload,
    }
}

fn of_build(error: &BuildError) -> FailureKind {
    match error {
        BuildError::HostileKeys { .. } | BuildError::TooManyEqualHashes { .. } => FailureKind::EqualHashes,
        BuildError::LongKey { .. } | BuildError::TooLarge { .. } | BuildError::TextArea { .. } => {
            FailureKind::PayloadTooLarge
        }
        _ => FailureKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::sse::{Awaited, Part, RedirectRefusal};

    fn disk(kind: ErrorKind) -> WriteError {
        WriteError::Io { action: "write", path: "f".into(), advice: "", source: kind.into() }
    }

    #[test]
    fn a_lost_stream_is_told_apart_by_what_somebody_would_do_about_it() {
        let cause = || io::Error::other("no").into();
        let host = || "http://h".to_owned();
        for (failure, kind) in [
            (Failure::Dns { host: host(), source: cause() }, FailureKind::NameNotFound),
            (Failure::Connect { host: host(), source: cause() }, FailureKind::NotConnected),
            (Failure::Tls { host: host(), source: cause() }, FailureKind::Tls),
            (Failure::RootCertificates { path: "r".into(), source: cause() }, FailureKind::Settings),
            (Failure::Proxy { variable: "HTTP_PROXY", found: "socks".to_owned() }, FailureKind::Settings),
            (
                Failure::Timeout { waited_for: Awaited::Data, limit: std::time::Duration::ZERO },
                FailureKind::Timeout,
            ),
            (Failure::Status { code: 503, retry_after: None }, FailureKind::HttpStatus(503)),
            (Failure::NoContent, FailureKind::HttpStatus(204)),
            (Failure::ContentType { found: None }, FailureKind::ContentType),
            (Failure::ContentEncoding { found: "br".to_owned() }, FailureKind::ContentType),
            (Failure::Redirect { reason: RedirectRefusal::NoLocation }, FailureKind::Redirect),
            (Failure::HeaderTooLarge { limit: 1 }, FailureKind::Protocol),
            (Failure::Protocol { source: cause() }, FailureKind::Protocol),
            (Failure::EventTooLarge { part: Part::Line, limit: 1 }, FailureKind::PayloadTooLarge),
            (Failure::Ended, FailureKind::ConnectionLost),
            (Failure::Read { source: cause() }, FailureKind::ConnectionLost),
        ] {
            assert_eq!(of_stream(&failure), Some(kind), "{failure}");
        }
        assert_eq!(of_stream(&Failure::Stopped), None);
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one_and_a_large_payload_from_a_wrong_one() {
        assert_eq!(of_disk(&disk(ErrorKind::StorageFull)), FailureKind::DiskFull);
        assert_eq!(of_disk(&disk(ErrorKind::QuotaExceeded)), FailureKind::DiskFull);
        assert_eq!(of_disk(&disk(ErrorKind::PermissionDenied)), FailureKind::Disk);
        let large = PayloadError::TooLarge { found: 2, limit: 1 };
        assert_eq!(of_publish(&large.into()), Some(FailureKind::PayloadTooLarge));
        let hostile = BuildError::TooManyEqualHashes { found: 9, limit: 8 };
        assert_eq!(of_publish(&hostile.into()), Some(FailureKind::EqualHashes));
        assert_eq!(of_publish(&BuildError::HostileKeys { flags: 9 }.into()), Some(FailureKind::EqualHashes));
        assert_eq!(of_publish(&PublishError::LockLost { path: "l".into() }), None);
        let missing = ImportError::Missing { path: "f".into() };
        assert_eq!(of_source(&missing), FailureKind::SourceFile);
    }
}
