//! Publishes feature flags into a Vexil snapshot file, from a stream or from a file.
//!
//! ```
//! use vexil_publisher::{Options, Publisher};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("flags.vexil");
//! let mut publisher = Publisher::open(&path, &Options::default())?;
//! publisher.publish(r#"{"new-checkout": true, "cart-limit": 50}"#)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - Readers see the old snapshot or the new one, whole, also if this process dies at any instant.
//! - A payload that is refused, a full disk, a broken disk: the last good snapshot stays.
//! - Publishing never waits for the disk. At every instant after the first checkpoint one complete, checked snapshot is
//!   on it.
//! - One publisher per file: see [`lock`].
//!
//! # Limits
//! Payloads of up to 5 MiB; at most 8 flags whose 64-bit key hash equals that of another flag.
//!
//! # Map
//! `publisher` ties a file, its lock and its two threads together: `checkpointer` writes to the disk, `keeper` shows twice a
//! second that the publisher lives, and sees whether the paths still lead to its lock and its file. `run` feeds it from a source. [`sse`] is the
//! stream, [`payload`] what is accepted, `identity` and `place` names and default paths, `changes` what a log says,
//! `failure_kind` what the file says of an error.

#[allow(unsafe_code, reason = "the C library's allocator is set by a C function")]
mod allocator;
mod changes;
mod checkpointer;
mod error;
mod failure_kind;
mod identity;
mod keeper;
pub mod lock;
mod options;
pub mod payload;
mod place;
mod publisher;
mod run;
pub mod sse;

pub use allocator::{give_memory_back, trim_memory};
pub use changes::Changes;
pub use error::{CloseError, OpenError, PublishError, RunError};
pub use identity::{Identity, default_cache_dir};
pub use options::Options;
pub use place::Place;
pub use publisher::{Outcome, Publisher, lock_path};
pub use run::{Notice, Source, run};
pub use vexil_format::{Epoch, Watch};
