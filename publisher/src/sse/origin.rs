//! The origin of an address: what must be equal for the key to be sent again.

use std::fmt;

use ureq::http::Uri;

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an absolute http or https address; `None` for anything else.
    pub(super) fn of(uri: &Uri) -> Option<Origin> {
        let (scheme, default_port) = match uri.scheme_str()? {
            "http" => ("http", 80),
            "https" => ("https", 443),
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let authority = uri.authority()?.as_str();
        let after_user = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
        // `port_u16` returns `None` also for a port that is not a number of 16 bits.
        let port = match after_user.strip_prefix(host)? {
            "" => default_port,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        Some(Origin { scheme, host: host.to_ascii_lowercase(), port })
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The host in lower case, an IPv6 address without brackets.
    pub(super) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is this machine. Such requests never go through a proxy, which would mean another machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.bare_host();
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &'static str) -> Origin {
        Origin::of(&Uri::from_static(address)).unwrap()
    }

    #[test]
    fn scheme_host_and_port_make_an_origin() {
        assert_eq!(origin("https://Example.com/a"), origin("https://example.com:443/b?c"));
        assert_ne!(origin("https://example.com"), origin("http://example.com"));
        assert_ne!(origin("https://example.com"), origin("https://example.com:8443"));
        assert_ne!(origin("https://example.com"), origin("https://www.example.com"));
        assert_eq!(origin("https://Example.com/a").to_string(), "https://example.com:443");
    }

    #[test]
    fn other_schemes_and_impossible_ports_have_no_origin() {
        for address in ["ftp://example.com", "/relative", "http://example.com:99999", "http://example.com:"] {
            assert_eq!(Origin::of(&Uri::from_static(address)), None, "{address}");
        }
    }

    #[test]
    fn loopback_hosts_are_known_in_every_form() {
        for address in ["http://localhost:1", "http://127.0.0.1", "http://127.8.8.8", "http://[::1]:3"] {
            assert!(origin(address).is_loopback(), "{address}");
        }
        assert!(!origin("http://localhost.example.com").is_loopback());
        assert!(!origin("http://10.0.0.1").is_loopback());
    }
}
