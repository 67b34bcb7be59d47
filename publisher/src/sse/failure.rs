//! Why there is no connection, or no longer one.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use super::api_key::ApiKeyError;
use super::event::Part;

/// A cause from a layer below.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a connection could not be opened, or why it ended.
///
/// No message and no field ever holds the API key: text of the server is quoted only after the key was taken out of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The host name has no address.
    #[error("cannot resolve {host}; check the base url and the name service")]
    Dns {
        /// Scheme, host and port asked for.
        host: String,
        /// What the system says.
        source: Cause,
    },
    /// No connection to the host, or to the proxy.
    #[error("cannot connect to {host}; check the network, the proxy settings and that the service is up")]
    Connect {
        /// Scheme, host and port asked for.
        host: String,
        /// What the system says.
        source: Cause,
    },
    /// No trusted, encrypted connection.
    #[error(
        "cannot set up tls with {host}; check its certificate, the trusted roots and the clock of this machine"
    )]
    Tls {
        /// Scheme, host and port asked for.
        host: String,
        /// What the tls layer says.
        source: Cause,
    },
    /// The file of trusted roots cannot be used.
    #[error("cannot use the root certificates in {}; expected certificates in PEM form", path.display())]
    RootCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Cause,
    },
    /// The environment names a proxy that cannot be used. It is not gone around.
    #[error(
        "cannot use the proxy in the variable {variable}: expected http://host:port or https://host:port, found {found}; correct or remove it"
    )]
    Proxy {
        /// The environment variable.
        variable: &'static str,
        /// What kind of proxy it is, without its address, which may have a password.
        found: String,
    },
    /// The key file cannot be used. It is read again with the next try.
    #[error("no usable api key")]
    ApiKey {
        /// What is wrong with it.
        #[from]
        source: ApiKeyError,
    },
    /// Nothing happened for too long.
    #[error("no {waited_for} within {} s", limit.as_secs_f64())]
    Timeout {
        /// What did not come.
        waited_for: Awaited,
        /// The configured limit.
        limit: Duration,
    },
    /// A status that opens no stream.
    #[error("expected status 200, found {code}{}", advice(*code))]
    Status {
        /// The status code.
        code: u16,
        /// What the `Retry-After` header asks for, as the server wrote it: not capped.
        retry_after: Option<Duration>,
    },
    /// Status 204: the server asks not to come back soon.
    #[error(
        "expected an event stream, found status 204: the server has none for this client; asking again after a long pause"
    )]
    NoContent,
    /// Status 200, but no event stream: a login page of a network, for example.
    #[error("expected content type text/event-stream, found {}; check the base url and captive portals", found.as_deref().unwrap_or("none"))]
    ContentType {
        /// The content type, shortened.
        found: Option<String>,
    },
    /// A compression that was not asked for and cannot be undone.
    #[error("expected no content encoding, found {found}; check proxies between here and the service")]
    ContentEncoding {
        /// The content encoding, shortened.
        found: String,
    },
    /// A redirect that is not followed.
    #[error("redirect not followed: {reason}; check the base url")]
    Redirect {
        /// Why not.
        reason: RedirectRefusal,
    },
    /// The response headers are larger than allowed.
    #[error("response headers are larger than {limit} bytes")]
    HeaderTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Something in the stream is larger than allowed. It was dropped, with the connection.
    #[error("{part} is larger than {limit} bytes; it was dropped")]
    EventTooLarge {
        /// What grew too large.
        part: Part,
        /// The limit in bytes.
        limit: usize,
    },
    /// The server ended the stream properly.
    #[error("the server ended the stream")]
    Ended,
    /// The connection broke. An unfinished event was dropped.
    #[error("the connection broke")]
    Read {
        /// What the system or the protocol layer says.
        source: Cause,
    },
    /// Bytes that are no valid HTTP.
    #[error("expected a valid http response; check that the base url leads to an http server")]
    Protocol {
        /// What the protocol layer says.
        source: Cause,
    },
    /// The [`Stopper`](crate::Stopper) was used.
    #[error("stopped")]
    Stopped,
}

/// What a [`Failure::Timeout`] waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// The addresses of the host.
    Address,
    /// The connection, with proxy and TLS.
    Connection,
    /// That the request could be sent.
    Request,
    /// The complete response headers.
    Headers,
    /// Any byte of the stream, a heartbeat at least.
    Data,
}

impl std::fmt::Display for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Awaited::Address => "address of the host",
            Awaited::Connection => "connection",
            Awaited::Request => "progress in sending the request",
            Awaited::Headers => "complete response headers",
            Awaited::Data => "data or heartbeat",
        })
    }
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectRefusal {
    /// No `Location` header.
    #[error("it has no location")]
    NoLocation,
    /// A `Location` that is no http or https address.
    #[error("its location is {found}, expected an http or https address")]
    BadLocation {
        /// The location, shortened.
        found: String,
    },
    /// From https to http: what is read there could be forged by anybody on the way.
    #[error("it leads from https to http, to {to}")]
    Downgrade {
        /// Scheme, host and port of the target.
        to: String,
    },
    /// One redirect after the other.
    #[error("more than {limit} redirects in a row")]
    TooMany {
        /// How many are followed.
        limit: usize,
    },
}

/// How soon a new try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Growing delays: it may work again at any time.
    Growing,
    /// About once a minute: somebody has to change something first.
    Slow,
    /// Every few minutes: the server said that it has nothing.
    Rare,
}

impl Failure {
    /// Whether it may go away by itself. Otherwise somebody has to change the key, the base url, a file or the service.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Failure::Status { code, .. } => !(400..500).contains(code) || matches!(code, 408 | 425 | 429),
            Failure::Redirect { .. }
            | Failure::ApiKey { .. }
            | Failure::RootCertificates { .. }
            | Failure::Proxy { .. } => false,
            _ => true,
        }
    }

    /// What the server asks to wait, as it wrote it. [`Backoff`](super::Backoff) honours it up to a cap.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    pub(super) fn pace(&self) -> Pace {
        match self {
            Failure::NoContent => Pace::Rare,
            // Reading a file again costs the service nothing, and whoever mends it does not want to wait.
            Failure::ApiKey { .. } | Failure::RootCertificates { .. } => Pace::Growing,
            failure if failure.is_transient() => Pace::Growing,
            _ => Pace::Slow,
        }
    }
}

fn advice(code: u16) -> &'static str {
    match code {
        401 | 403 => "; check the api key",
        404 => "; check the base url",
        407 => "; check the proxy settings",
        429 => "; the service limits how often it is asked",
        500..=599 => "; the service has trouble",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn status(code: u16) -> Failure {
        Failure::Status { code, retry_after: None }
    }

    #[test]
    fn statuses_that_need_a_change_are_not_transient_and_slow() {
        for code in [400, 401, 403, 404, 410] {
            assert!(!status(code).is_transient(), "{code}");
            assert_eq!(status(code).pace(), Pace::Slow, "{code}");
        }
        for code in [408, 425, 429, 500, 502, 503, 504] {
            assert!(status(code).is_transient(), "{code}");
            assert_eq!(status(code).pace(), Pace::Growing, "{code}");
        }
    }

    #[test]
    fn messages_say_expected_found_and_advice_and_keep_the_source_apart() {
        assert_eq!(status(401).to_string(), "expected status 200, found 401; check the api key");
        let failure =
            Failure::Connect { host: "http://h:1".into(), source: io::Error::other("refused").into() };
        assert!(!failure.to_string().contains("refused"));
        assert_eq!(failure.source().unwrap().to_string(), "refused");
        let timeout = Failure::Timeout { waited_for: Awaited::Data, limit: Duration::from_millis(1500) };
        assert_eq!(timeout.to_string(), "no data or heartbeat within 1.5 s");
    }
}
