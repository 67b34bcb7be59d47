//! Feature flags for servers with many processes: read from shared memory, kept fresh by one elected process per host.
//!
//! ```no_run
//! use flagstaff::Client;
//!
//! let flags = Client::builder(&std::env::var("SOASAP_API_KEY")?).start()?;
//! if flags.get_bool("new-checkout") {
//!     println!("at most {} items", flags.get_i64_or("cart-limit", 50));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - One stream per host and environment, whatever the number of processes; no daemon has to run.
//! - Reads never touch the network, take no lock and do not fail; see [`flagstaff_reader`] for what they promise.
//! - When the process that publishes dies, by SIGKILL too, another takes over in milliseconds; nobody sees an older generation
//!   after a newer one.
//! - A client made before a fork works in every child.
//! - Callbacks cannot hurt: they may panic, block, or call the client.
//! - The API key is in no log, no error and no file.
//!
//! # Limits
//! - Linux, 64-bit little-endian, as [`flagstaff_reader`].
//! - Threads. A process has one for each client that has read and lives, and for all clients together one that looks at their
//!   paths and one that waits for each lock file; whoever publishes has a few more, and so have callbacks and the log. Of clients that were closed while
//!   another process publishes there stays that one wait for each lock file (128 KiB of address space), however many they were, until
//!   the lock is free or the next client here goes on with it: the kernel cannot cancel a wait for a lock.
//! - Address space: each client maps its file, 256 MiB as a rule, until it and its handles are dropped.
//! - A close in the middle of a name lookup waits for it, within its limit: the system cannot cancel one.
//! - Who becomes the publisher is chance. Its process spends the memory and the time that a payload costs.
//!
//! # Features
//! `json` (default): `get_json` and `JsonFlag`, with serde_json.
//!
//! # Map
//! `client`, `getters` and `builder` are the surface, `settings` what was asked for. `state` is what clones share, `process` what one process
//! has of it. Above them are the threads: `background` starts them, `election` waits for the lock and publishes, `path_watch` looks at paths,
//! `watcher` calls the callbacks with changes. `memory_dir` is for flags in memory. `callback`, `report` and `changes` are for the caller, `log` for
//! the log; the publisher's `Queue` keeps both apart from the background.
//! `flagstaff_format::ForkSafeList` is what survives a fork.

mod background;
mod builder;
mod callback;
mod changes;
mod client;
mod election;
mod error;
mod getters;
mod log;
mod memory_dir;
mod path_watch;
mod process;
mod report;
mod settings;
mod state;
mod watcher;

pub use builder::ClientBuilder;
pub use changes::{Change, Changes};
pub use client::Client;
pub use error::{ClientError, CloseError};
pub use flagstaff_publisher::Guard;
#[doc(hidden)]
pub use flagstaff_publisher::printable;
pub use flagstaff_publisher::sse::{ApiKeyError, EndpointError, StreamOptions};
#[cfg(feature = "json")]
pub use flagstaff_reader::JsonFlag;
pub use flagstaff_reader::{
    BoolFlag, ChangedKeys, Counters, FailureKind, FlagKey, FlagView, Generation, Key, LastFailure, LinkState,
    NumberFlag, PathState, PublisherState, Reader, Snapshot, Status, StringFlag, Value, counters,
};
pub use report::{ErrorContext, ErrorSource};
