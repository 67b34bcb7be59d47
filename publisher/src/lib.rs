//! Publishes feature flags into a Flagstaff snapshot file, from a stream or from a file.
//!
//! ```
//! use flagstaff_publisher::{PublisherOptions, Publisher};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("flags.flagstaff");
//! let mut publisher = Publisher::open(&path, &PublisherOptions::default())?;
//! let outcome = publisher.publish(r#"{"new-checkout": true, "cart-limit": 50}"#)?;
//! println!("{outcome:?}");
//! publisher.close()?;
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
//! `publisher` ties a file, its lock and its two threads together, over what they share (`shared`): `checkpointer` writes to the disk,
//! `heartbeat` shows twice a second that the publisher lives, and sees whether the paths still lead to its lock and its file. `publishing`
//! is the way of a payload into the file, `feed` what is kept of payloads, `kept` the archive that is changed in place. `run` feeds a publisher from a source until a `stopper` is used.
//! `notice` and `outcome` are what it tells, `error` and `causes` what goes wrong, `failure_kind` the same in the words of the file.
//! [`sse`] is the stream, [`payload`] what is accepted. `identity` and `snapshot_location` are names and default paths, `predecessor` what a
//! new file starts from. [`Guard`] and the other parts of `local` are what this host decides by itself.
//! `queue` keeps a log, or a callback, from holding up whoever calls it.
//!
//! Items that are hidden from these pages are for the other crates of this project and may change in any version.

#[allow(unsafe_code, reason = "the C library's allocator is set by a C function")]
mod allocator;
mod bell;
mod causes;
mod checkpointer;
mod counted;
mod error;
mod failure_kind;
mod feed;
mod heartbeat;
mod history;
mod identity;
mod json;
mod kept;
mod local;
pub mod lock;
mod notice;
mod options;
mod outcome;
pub mod payload;
mod predecessor;
mod publisher;
mod publishing;
mod queue;
mod run;
mod send;
mod shared;
mod side_files;
mod snapshot_location;
pub mod sse;
mod stopper;

pub use allocator::give_memory_back;
#[doc(hidden)]
pub use allocator::trim_memory;
#[doc(hidden)]
pub use causes::with_causes;
pub use error::{CloseError, OpenError, PublishError, RunError};
#[doc(hidden)]
pub use flagstaff_format::{Entry, Epoch, ForkSafeList, Hooks, printable};
pub use flagstaff_format::{FailureKind, Generation, LinkState};
pub use history::{Cause, HistoryEntry, Recorded};
pub use identity::{Identity, default_cache_dir};
#[doc(hidden)]
pub use kept::Follower;
pub use local::{Command, Done, Held, Override, Rollback, Term};
pub use local::{Guard, GuardError, Suspicion};
pub use notice::{Level, Notice};
pub use options::{HISTORY, PublisherOptions};
pub use outcome::{Changes, Keys, Outcome};
#[doc(hidden)]
pub use predecessor::has_predecessor;
pub use publisher::Publisher;
#[doc(hidden)]
pub use queue::{Handler, Queue};
pub use run::{Source, run};
#[doc(hidden)]
pub use send::{CommandError, held_of, history_of, overrides_of, recorded_in, rollback_of, send};
pub use snapshot_location::{SnapshotLocation, lock_path};
pub use stopper::{Stopper, Waited};
