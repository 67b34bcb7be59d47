//! A flag server for development, tests and small set-ups: it keeps flags in JSON files and streams them to publishers with the wire
//! protocol of the hosted service.
//!
//! ```
//! use flagstaff_server::{Flags, ServerOptions, Server};
//!
//! let flags = Flags::Memory(r#"{"new-checkout": false}"#.to_owned());
//! let server = Server::start(ServerOptions::default().port(0).environment("dev", flags))?;
//! server.set("new-checkout", "true")?;
//! assert_eq!(server.flags(), r#"{"new-checkout":true}"#);
//! // `flagstaff run --base-url` with server.url() and the key `dev` follows it.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - A change is announced after it is on the disk, and only then. A crash at any moment leaves the old `FLAGS.json` or the new one,
//!   complete.
//! - An edit of the file by hand is picked up, and never overwritten by a change through the API, whenever it is saved.
//! - Numbers, nested values and the order of keys stay as they were written.
//! - If two clients change the same flag at the same time and name the tag that they saw, one is refused.
//! - A client that does not read delays nobody, and memory does not grow: a stream holds the newest flags only, and all streams share one
//!   copy.
//!
//! # Limits
//! Payloads of up to 5 MiB. 1,500 connections. The last 100 changes are remembered, in memory. One server per file. No TLS: put a proxy in
//! front. It binds to the loopback interface by default; on other addresses it requires a token.
//!
//! # Map
//! `options` and `server` start a server, `error` is what can go wrong. `shared` holds large texts that are sent to many.
//!
//! - `flags`: an `environment` is one API key and its flags: a `document` of `value`s in a `layout`. An `edit` is requested, becomes a
//!   `change` and goes into the `history`; requests and streams see a `view`, and `clients` are the live streams. `persisted` is the state
//!   of the `flag_file`, which is written by an `exchange`: a `displaced` file is watched for as long as it has `writers`.
//!   `environment::by_hand` adopts edits by hand, for which `watcher` polls. A `file_lock` keeps other servers away; `file_names` are the
//!   names beside the file.
//! - `http`: an `endpoint` is served by a thread of its own, `listener` accepts its connections, `guard` refuses requests (by `origin` and token), `routes` dispatches them to `read_handlers`,
//!   `write_handlers`, `stream` and `page` with the shared `service`. `flag_key`, `headers` and `request_body` are their input, `answer`
//!   and `refusal` their output.

mod error;
mod flags;
mod http;
mod options;
mod server;
mod shared;
mod token;
mod watcher;

pub use error::{ChangeError, StartError};
pub use flags::change::{Author, By, Change, FlagChange};
pub use flags::clients::Client;
pub use flags::environment::Environment;
pub use http::endpoint::Endpoint;
pub use options::{DEFAULT_API_KEY, DEFAULT_HEARTBEAT, DEFAULT_PORT, Flags, ServerOptions};
pub use server::Server;
pub use token::{Token, TokenError};
