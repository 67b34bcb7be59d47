//! Settings of a connection, with defaults that need no change.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Limits and times of a connection.
#[derive(Debug, Clone)]
#[must_use]
pub struct StreamOptions {
    pub(super) connect_timeout: Duration,
    pub(super) header_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) max_event_bytes: usize,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) user_agent: String,
}

impl Default for StreamOptions {
    fn default() -> StreamOptions {
        StreamOptions {
            connect_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(45),
            max_event_bytes: 5 * 1024 * 1024,
            root_certificates: None,
            user_agent: concat!("flagstaff/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl StreamOptions {
    /// Limit for the name lookup, and again for connection, proxy and TLS handshake together.
    ///
    /// Default 5 s: longer than two lost packets, short enough to come to another address soon.
    pub fn connect_timeout(mut self, limit: Duration) -> StreamOptions {
        self.connect_timeout = limit;
        self
    }

    /// Limit for sending the request, and again for the complete response headers.
    ///
    /// Default 10 s: a service that starts cold may take some.
    pub fn header_timeout(mut self, limit: Duration) -> StreamOptions {
        self.header_timeout = limit;
        self
    }

    /// Limit for the silence between any two bytes of the stream.
    ///
    /// Default 45 s: heartbeats come every 15 s, so two may get lost.
    pub fn read_timeout(mut self, limit: Duration) -> StreamOptions {
        self.read_timeout = limit;
        self
    }

    /// Most data that one event may have.
    ///
    /// Default 5 MiB, as the service promises.
    pub fn max_event_bytes(mut self, limit: usize) -> StreamOptions {
        self.max_event_bytes = limit;
        self
    }

    /// A PEM file with the only roots to trust.
    ///
    /// Default: the roots of the system. On Linux the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` replace those. The file is
    /// read for every connection, so a renewed one needs no restart.
    pub fn root_certificates(mut self, file: impl AsRef<Path>) -> StreamOptions {
        self.root_certificates = Some(file.as_ref().to_owned());
        self
    }

    /// The `User-Agent` header. Characters that are illegal there are dropped.
    ///
    /// Default: `flagstaff/` and the version.
    pub fn user_agent(mut self, name: &str) -> StreamOptions {
        self.user_agent = name.chars().filter(|c| matches!(c, ' '..='~')).collect();
        self
    }
}
