//! Publishes feature flags into a Flagstaff snapshot file, from a stream or from a file.
//!
//! ```
//! use flagstaff_publisher::{PublisherOptions, Publisher};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("flags.flagstaff");
//! let mut publisher = Publisher::open(&path, &PublisherOptions::default())?;
//! publisher.publish(r#"{"new-checkout": true, "cart-limit": 50}"#)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - Readers see the old snapshot or the new one, whole, also if this process dies at any instant.
//! - A payload that is refused, a full disk, a broken disk: the last good snapshot stays. What a disk did not take is tried again until
//!   it does, and the file says meanwhile that readers are behind.
//! - Publishing never waits for the disk. At every instant after the first checkpoint one complete, checked snapshot is
//!   on it.
//! - One publisher per file: see [`lock`].
//!
//! # Limits
//! Payloads of up to 5 MiB; at most 8 flags whose 64-bit key hash equals that of another flag.
//!
//! # Map
//! `publisher` ties a file, its lock and its two threads together: `checkpointer` writes to the disk, `heartbeat` shows twice a
//! second that the publisher lives, and sees whether the paths still lead to its lock and its file. `feed` is the way of a payload, and keeps
//! one that the file cannot take. `run` feeds it from a source. [`sse`] is the stream, [`payload`] what is accepted, `identity` and
//! `place` names and default paths, `changes` what a log says, `queue` how a log, or a callback, is kept from holding up whoever calls it,
//! `failure_kind` what the file says of an error, `predecessor` what a new file starts from.

#[allow(unsafe_code, reason = "the C library's allocator is set by a C function")]
mod allocator;
mod changes;
mod checkpointer;
mod error;
mod failure_kind;
mod feed;
mod heartbeat;
mod identity;
pub mod lock;
mod options;
pub mod payload;
mod predecessor;
mod publisher;
mod queue;
mod run;
mod snapshot_location;
pub mod sse;

pub use allocator::{give_memory_back, trim_memory};
pub use changes::Changes;
pub use error::{CloseError, OpenError, PublishError, RunError};
pub use flagstaff_format::{Entry, Epoch, ForkSafeList, Hooks, printable};
pub use identity::{Identity, default_cache_dir};
pub use options::PublisherOptions;
pub use predecessor::has_predecessor;
pub use publisher::{Outcome, Publisher, lock_path};
pub use queue::{Handler, Queue};
pub use run::{Notice, Refusals, Source, run};
pub use snapshot_location::SnapshotLocation;
