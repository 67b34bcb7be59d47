//! A client for a stream of Server-Sent Events, made to run for years.
//!
//! ```
//! use std::time::Duration;
//! use flagstaff_publisher::sse::{ApiKeySource, Endpoint, StreamOptions};
//!
//! let options = StreamOptions::default().connect_timeout(Duration::from_secs(2));
//! let key = ApiKeySource::File("/run/secrets/flags".into());
//! let endpoint = Endpoint::with_options("https://api.soasap.com", key, options)?;
//! # assert_eq!(endpoint.base_url(), "https://api.soasap.com");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An endpoint is what [`Source::Stream`](crate::Source::Stream) takes.
//!
//! # Guarantees
//! - Every rule of the event stream format, for bytes split anywhere. A truncated event is never delivered.
//! - Every wait has a limit: name lookup, connection, headers, silence. Any byte of the stream restarts the last one, and
//!   only such a one.
//! - Memory is bounded, whatever the server sends: headers, lines, events, ids. Too much closes the connection and is reported.
//! - A server is never asked in a tight loop, also not one that accepts and closes, or that says "try again at once".
//! - The API key goes to the origin of the base url and nowhere else. It is in no message, no `Debug` and no log.
//! - [`Stopper::stop`](crate::Stopper::stop) ends lookups, connects, reads and waits within milliseconds.
//! - A forked child does not keep a connection of its parent open.
//!
//! # Limits
//! - HTTP/1.1, requests with GET, no body. Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`,
//!   `ALL_PROXY`, `NO_PROXY`), as curl reads them, and are asked for a tunnel; SOCKS is refused. Loopback hosts are always asked
//!   directly.
//! - Of events that come at once only the last is looked at, as far as one read of 64 KiB brought them.
//! - The key lies in plain text in the memory of the process.
//!
//! # Files
//! `parser` bytes to items, without input or output; `retry` one of its fields; `event` the items; `backoff` delays;
//! `retry_after` its header;
//! `api_key`, `endpoint`, `options` what to ask for; `failure` what went wrong, `connect_phase` where, `ureq_error` in the words of the HTTP library; `redirect` and `origin` who may
//! see the key; `proxy` the way there; `agent`, `resolver`, `connector`, `own_socket`, `silence`, `key_header`, `tls` the HTTP client;
//! `connection` one stream; `stream` the loop; `clock` its time.

mod agent;
mod api_key;
mod backoff;
mod clock;
mod connect_phase;
mod connection;
mod connector;
mod endpoint;
mod event;
mod failure;
mod key_header;
mod options;
mod origin;
#[allow(unsafe_code, reason = "what a child does at the fork is said in C")]
mod own_socket;
mod parser;
mod proxy;
mod redirect;
mod resolver;
mod retry;
mod retry_after;
mod silence;
mod stream;
#[cfg(test)]
mod test_server;
mod tls;
mod ureq_error;

pub use api_key::{ApiKey, ApiKeyError, ApiKeySource};
pub use endpoint::{DEFAULT_BASE_URL, Endpoint, EndpointError};
pub use event::Part;
pub use failure::{Awaited, Cause, Failure, RedirectRefusal};
pub use options::StreamOptions;

// For tests and other crates of this project.
#[doc(hidden)]
pub use self::{
    backoff::Backoff,
    clock::Clock,
    connection::Connection,
    event::{Event, Item},
    parser::Parser,
    retry::{RETRY_MAX, RETRY_MIN},
    stream::{EventStream, Signal},
};
