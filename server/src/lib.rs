//! A flag server for development, tests and small set-ups: it keeps flags in JSON files and speaks the wire protocol of the
//! service, so that publishers stream from it.
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
//! - A change is announced when it is on the disk, and only then. A `FLAGS.json` is the old one or the new one, whole, also
//!   if this process dies at any instant.
//! - An edit of the file by hand is picked up, and never overwritten by a change through the API, whenever it is saved.
//! - Numbers, nested values and the order of keys stay as they were written.
//! - Two who change the same thing at the same time and name what they saw: one is refused.
//! - A client that does not read holds nobody up and makes nothing grow: a stream holds the newest flags only, and all
//!   streams hold the same copy.
//!
//! # Limits
//! Payloads of up to 5 MiB. 1,500 connections. The last 100 changes are remembered in memory, not beyond a restart. One server for a file. No TLS: put a proxy in
//! front. It binds to the loopback interface unless told otherwise, and then asks for a token.
//!
//! # Map
//! `options` and `server` are how a program starts one, `error` what can go wrong there. `environment` is one API key and its flags: a
//! `document` of `value`s in a `layout`, a `flag_file` that is `kept` (written by an `exchange`, so that the file that was `displaced` can be looked at
//! for as long as it has `writers`; a `file_lock` keeps other servers away), the `history` of each `change`, the `edit` that is asked for and the
//! `condition` under which; `environment::by_hand` takes edits of the file over. What it shows is a `view`. `watcher` looks at the files. `routes` is the HTTP API: `guard` says who may ask, by
//! `request_form`, `origin`, `token` and `access`, `request_body` and `flag_key` what they may send, `answer` and `refusal` what they get; `reads`, `writes`,
//! `stream`, `page_stream` and `page` answer. `clients` are the live streams, `listener` the sockets.

mod error;
mod flags;
mod http;
mod options;
mod samples;
mod server;
mod shared;
mod token;
mod watcher;

pub use error::{ChangeError, StartError};
pub use flags::change::{Author, By, Change, FlagChange};
pub use flags::clients::Client;
pub use flags::environment::Environment;
pub use options::{DEFAULT_API_KEY, DEFAULT_HEARTBEAT, DEFAULT_PORT, Flags, ServerOptions};
pub use server::Server;
pub use token::{Token, TokenError};
