//! A client for a stream of Server-Sent Events, made to run for years.
//!
//! ```no_run
//! use flagstaff_publisher::sse::{ApiKeySource, Endpoint, EventStream, Signal, Stopper};
//!
//! let endpoint = Endpoint::new("https://api.soasap.com", ApiKeySource::File("/run/secrets/flags".into()))?;
//! let mut stream = EventStream::new(endpoint, Stopper::new());
//! loop {
//!     match stream.next() {
//!         // Newest wins: an event with others behind it is out of date already.
//!         Signal::Event(event) if stream.pending_events() > 0 => stream.recycle(event.data),
//!         Signal::Event(event) => {
//!             println!("{} bytes", event.data.len());
//!             stream.recycle(event.data);
//!         }
//!         Signal::Failed { failure, retry_in } => println!("{failure}; next try in {retry_in:?}"),
//!         Signal::Stopped => break,
//!         _ => {}
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - Every rule of the event stream format, for bytes split anywhere. A truncated event is never delivered.
//! - Every wait has a limit: name lookup, connection, headers, silence. Any byte of the stream restarts the last one, and
//!   only such a one.
//! - Memory is bounded, whatever the server sends: headers, lines, events, ids. Too much closes the connection and is reported.
//! - A server is never asked in a tight loop, also not one that accepts and closes, or that says "try again at once".
//! - The API key goes to the origin of the base url and nowhere else. It is in no message, no `Debug` and no log.
//! - [`Stopper::stop`] ends lookups, connects, reads and waits within milliseconds.
//! - A forked child does not keep a connection of its parent open.
//!
//! # Limits
//! - HTTP/1.1, requests with GET, no body. Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`,
//!   `ALL_PROXY`, `NO_PROXY`), as curl reads them, and are asked for a tunnel; SOCKS is refused. Loopback hosts are always asked
//!   directly.
//! - A burst is visible through [`EventStream::pending_events`] only as far as one read of 64 KiB brought it.
//! - The key lies in plain text in the memory of the process.
//!
//! # Files
//! `parser` bytes to items, without input or output; `retry` one of its fields; `event` the items; `backoff` delays;
//! `retry_after` its header;
//! `api_key`, `endpoint`, `options` what to ask for; `failure` what went wrong, `connect_phase` where; `redirect` and `origin` who may
//! see the key; `proxy` the way there; `agent`, `resolver`, `connector`, `own_socket`, `silence`, `key_header`, `tls` the HTTP client; `connection` one stream; `stream` the loop; `stopper` and
//! `clock` its end and its time.

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
mod stopper;
mod stream;
#[cfg(test)]
mod test_server;
mod tls;

pub use api_key::{ApiKey, ApiKeyError, ApiKeySource, MAX_KEY_BYTES};
pub use backoff::{Backoff, FLOOR, GOOD_AFTER, LONG_PAUSE, RETRY_AFTER_MAX, SLOW, STEPS};
pub use clock::{Clock, SystemClock};
pub use connection::{CHUNK_BYTES, Connection};
pub use endpoint::{DEFAULT_BASE_URL, Endpoint, EndpointError};
pub use event::{Event, Item, Part};
pub use failure::{Awaited, Cause, Failure, RedirectRefusal};
pub use options::StreamOptions;
pub use parser::{MAX_NAME_BYTES, Parser};
pub use retry::{RETRY_MAX, RETRY_MIN};
pub use retry_after::parse_retry_after;
pub use stopper::{Stopper, Waited};
pub use stream::{EventStream, Signal};
