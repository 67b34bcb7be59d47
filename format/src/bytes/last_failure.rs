//! The last failure of a publisher, in one word: no text, no key and no address, so that everybody who may read flags may see it.

use std::fmt;
use std::time::Duration;

/// Bits of the time, in milliseconds of the boot clock: enough for 34 years of uptime.
const TIME_BITS: u32 = 40;

/// Bits of the detail.
const DETAIL_BITS: u32 = 16;

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The name of the service or of the proxy has no address.
    NameNotFound,
    /// No connection: refused, unreachable, no proxy.
    NotConnected,
    /// No trusted, encrypted connection.
    Tls,
    /// A timeout: of name resolution, of connecting, of the response, or of a stream that was silent.
    Timeout,
    /// The service, or a proxy, sent this HTTP status instead of 200.
    HttpStatus(u16),
    /// The response is not an event stream, or is compressed.
    ContentType,
    /// A redirect that is not followed.
    Redirect,
    /// A payload that is not a set of flags.
    Payload,
    /// A payload, or the event that brought it, is larger than accepted.
    PayloadTooLarge,
    /// Keys that crowd one place of the table, or share their hash with too many others.
    EqualHashes,
    /// No space, or no quota, for the file.
    DiskFull,
    /// The file cannot be written or synced.
    Disk,
    /// The stream ended or broke.
    ConnectionLost,
    /// The response is not valid HTTP, or has too many headers.
    Protocol,
    /// The file of the API key cannot be used.
    ApiKey,
    /// A setting cannot be used: proxy or root certificates.
    Settings,
    /// The file of flags cannot be read.
    SourceFile,
    /// A payload that would remove, or change the type of, so many flags that somebody has to accept it first.
    Held,
    /// Something else, or something that only a newer version knows.
    Other,
}

impl FailureKind {
    pub(crate) const fn code(self) -> u64 {
        match self {
            FailureKind::NameNotFound => 1,
            FailureKind::NotConnected => 2,
            FailureKind::Tls => 3,
            FailureKind::Timeout => 4,
            FailureKind::HttpStatus(_) => 5,
            FailureKind::ContentType => 6,
            FailureKind::Redirect => 7,
            FailureKind::Payload => 8,
            FailureKind::PayloadTooLarge => 9,
            FailureKind::EqualHashes => 10,
            FailureKind::DiskFull => 11,
            FailureKind::Disk => 12,
            FailureKind::ConnectionLost => 13,
            FailureKind::Protocol => 14,
            FailureKind::ApiKey => 15,
            FailureKind::Settings => 16,
            FailureKind::SourceFile => 17,
            FailureKind::Held => 18,
            FailureKind::Other => 255,
        }
    }

    /// `None` for code 0, whatever the detail.
    pub(crate) const fn from_code(code: u64, detail: u16) -> Option<FailureKind> {
        Some(match code {
            0 => return None,
            1 => FailureKind::NameNotFound,
            2 => FailureKind::NotConnected,
            3 => FailureKind::Tls,
            4 => FailureKind::Timeout,
            5 => FailureKind::HttpStatus(detail),
            6 => FailureKind::ContentType,
            7 => FailureKind::Redirect,
            8 => FailureKind::Payload,
            9 => FailureKind::PayloadTooLarge,
            10 => FailureKind::EqualHashes,
            11 => FailureKind::DiskFull,
            12 => FailureKind::Disk,
            13 => FailureKind::ConnectionLost,
            14 => FailureKind::Protocol,
            15 => FailureKind::ApiKey,
            16 => FailureKind::Settings,
            17 => FailureKind::SourceFile,
            18 => FailureKind::Held,
            _ => FailureKind::Other,
        })
    }

    /// A stable name, for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FailureKind::NameNotFound => "name_not_found",
            FailureKind::NotConnected => "not_connected",
            FailureKind::Tls => "tls",
            FailureKind::Timeout => "timeout",
            FailureKind::HttpStatus(_) => "http_status",
            FailureKind::ContentType => "content_type",
            FailureKind::Redirect => "redirect",
            FailureKind::Payload => "payload",
            FailureKind::PayloadTooLarge => "payload_too_large",
            FailureKind::EqualHashes => "equal_hashes",
            FailureKind::DiskFull => "disk_full",
            FailureKind::Disk => "disk",
            FailureKind::ConnectionLost => "connection_lost",
            FailureKind::Protocol => "protocol",
            FailureKind::ApiKey => "api_key",
            FailureKind::Settings => "settings",
            FailureKind::SourceFile => "source_file",
            FailureKind::Held => "held",
            FailureKind::Other => "other",
        }
    }

    /// The HTTP status that the service sent, if that is what failed.
    #[must_use]
    pub const fn http_status(self) -> Option<u16> {
        match self {
            FailureKind::HttpStatus(status) => Some(status),
            _ => None,
        }
    }
}

impl fmt::Display for FailureKind {
    /// A few words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::HttpStatus(status) => return write!(f, "{status} from the service"),
            FailureKind::NameNotFound => "name of the service not found",
            FailureKind::NotConnected => "no connection to the service",
            FailureKind::Tls => "no trusted TLS connection to the service",
            FailureKind::Timeout => "nothing from the service in time",
            FailureKind::ContentType => "the answer was no event stream",
            FailureKind::Redirect => "redirect refused",
            FailureKind::Payload => "payload refused: not a set of flags",
            FailureKind::PayloadTooLarge => "payload refused: too large",
            FailureKind::EqualHashes => "payload refused: too many keys with equal hashes",
            FailureKind::DiskFull => "disk full",
            FailureKind::Disk => "the disk did not take the flags",
            FailureKind::ConnectionLost => "connection to the service lost",
            FailureKind::Protocol => "the answer was no valid HTTP",
            FailureKind::ApiKey => "no usable API key",
            FailureKind::Settings => "proxy or root certificates cannot be used",
            FailureKind::SourceFile => "file of flags cannot be read",
            FailureKind::Held => "payload held by the guard: it would change too many flags at once",
            FailureKind::Other => "another error",
        })
    }
}

/// What failed last. It remains after recovery until the next failure or reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastFailure {
    /// What it was.
    pub kind: FailureKind,
    /// How long ago; `None` where that is not known.
    pub age: Option<Duration>,
}

/// The word of a failure at a time of the boot clock.
pub(crate) fn encode(kind: FailureKind, at: Duration) -> u64 {
    let detail = u64::from(kind.http_status().unwrap_or(0));
    let time = at.as_millis() as u64 & ((1 << TIME_BITS) - 1);
    kind.code() << (TIME_BITS + DETAIL_BITS) | detail << TIME_BITS | time
}

/// What a word says, with its time of the boot clock.
pub(crate) fn decode(word: u64) -> Option<(FailureKind, Duration)> {
    let detail = (word >> TIME_BITS) as u16;
    let kind = FailureKind::from_code(word >> (TIME_BITS + DETAIL_BITS), detail)?;
    Some((kind, Duration::from_millis(word & ((1 << TIME_BITS) - 1))))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The bits as docs/format.md says them.
    fn by_the_book(code: u64, detail: u16, millis: u64) -> u64 {
        code * (1 << 56) + u64::from(detail) * (1 << 40) + millis
    }

    #[test]
    fn every_code_with_every_detail_is_read_as_the_kind_that_writes_it_or_as_other() {
        let (mut names, mut texts) = (HashSet::new(), HashSet::new());
        for code in 0..=255_u64 {
            for detail in 0..=u16::MAX {
                let found = decode(by_the_book(code, detail, 7));
                let Some((kind, at)) = found else {
                    assert_eq!(code, 0, "{detail}");
                    continue;
                };
                assert_eq!(at, Duration::from_millis(7));
                let is_known = matches!(code, 1..=18 | 255);
                assert_eq!(kind.code(), if is_known { code } else { 255 });
                assert_eq!(kind.http_status(), (code == 5).then_some(detail));
            }
            if let Some((kind, _)) = decode(by_the_book(code, 403, 0)) {
                names.insert(kind.name());
                texts.insert(kind.to_string());
            }
        }
        assert_eq!((names.len(), texts.len()), (19, 19), "no two kinds look alike: {names:?} {texts:?}");
    }

    #[test]
    fn a_status_stands_in_the_detail_and_the_time_in_the_rest() {
        let word = encode(FailureKind::HttpStatus(403), Duration::from_millis(123_456));
        assert_eq!(word, by_the_book(5, 403, 123_456));
        assert_eq!(encode(FailureKind::DiskFull, Duration::from_secs(1)), by_the_book(11, 0, 1000));
        assert_eq!(FailureKind::HttpStatus(403).to_string(), "403 from the service");
    }

    proptest! {
        #[test]
        fn any_word_says_something_or_nothing_and_what_it_says_is_written_and_read_again(word: u64) {
            match decode(word) {
                None => prop_assert_eq!(word >> 56, 0),
                Some((kind, at)) => {
                    prop_assert_eq!(decode(encode(kind, at)), Some((kind, at)));
                    prop_assert!(!kind.name().is_empty() && !kind.to_string().is_empty());
                }
            }
        }
    }
}
