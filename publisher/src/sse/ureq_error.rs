//! What an error of ureq means for a stream.

use std::io;

use ureq::Timeout;

use super::connect_phase::{Phase, PhaseError};
use super::failure::{Awaited, Cause, Failure};
use super::options::StreamOptions;
use super::tls;

/// What an error of ureq means here. `host` is for the message.
pub(super) fn failure(error: ureq::Error, host: &str, options: &StreamOptions) -> Failure {
    let host = host.to_owned();
    match error {
        ureq::Error::Timeout(timeout) => timed_out(timeout, options),
        ureq::Error::Other(error) => match error.downcast::<PhaseError>() {
            Ok(error) => {
                let PhaseError { phase, cause } = *error;
                let source = cause_of(cause);
                match phase {
                    Phase::Resolve => Failure::Dns { host, source },
                    Phase::ResolveProxy => Failure::Dns { host: format!("the proxy for {host}"), source },
                    Phase::Connect => Failure::Connect { host, source },
                    Phase::ConnectProxy => Failure::Connect { host: format!("the proxy for {host}"), source },
                    Phase::Tls => Failure::Tls { host, source },
                }
            }
            Err(source) => Failure::Read { source },
        },
        ureq::Error::LargeResponseHeader(_, limit) => Failure::HeaderTooLarge { limit },
        ureq::Error::HostNotFound => Failure::Dns { host, source: Box::new(ureq::Error::HostNotFound) },
        error @ (ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::ConnectionFailed) => Failure::Connect { host, source: Box::new(error) },
        error if tls::is_error(&error) => Failure::Tls { host, source: Box::new(error) },
        // After the handshake by this side's account: a service that demands a certificate of ours says so only then.
        ureq::Error::Io(error) if tls::is_alert(&error) => Failure::Tls { host, source: error.into() },
        error @ (ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::BadUri(_)) => {
            Failure::Protocol { source: Box::new(error) }
        }
        error => Failure::Read { source: cause_of(error) },
    }
}

/// What an error of reading the body means. ureq wraps its own errors for the reader.
pub(super) fn read_failure(error: io::Error, host: &str, options: &StreamOptions) -> Failure {
    failure(ureq::Error::from(error), host, options)
}

fn cause_of(error: ureq::Error) -> Cause {
    match error {
        ureq::Error::Io(error) => error.into(),
        error => Box::new(error),
    }
}

fn timed_out(timeout: Timeout, options: &StreamOptions) -> Failure {
    let (waited_for, limit) = match timeout {
        Timeout::Resolve => (Awaited::Address, options.connect_timeout),
        Timeout::Connect => (Awaited::Connection, options.connect_timeout),
        Timeout::SendRequest | Timeout::PerWrite => (Awaited::Request, options.header_timeout),
        Timeout::RecvResponse => (Awaited::Headers, options.header_timeout),
        _ => (Awaited::Data, options.read_timeout),
    };
    Failure::Timeout { waited_for, limit }
}
