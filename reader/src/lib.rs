//! Reads feature flags from a Flagstaff snapshot file that a publisher on this host keeps fresh.
//!
//! ```no_run
//! use flagstaff_reader::Reader;
//!
//! let flags = Reader::open("/run/flags.flagstaff")?;
//! if flags.get_bool("new-checkout") {
//!     println!("at most {} items", flags.get_i64_or("cart-limit", 50));
//! }
//! # Ok::<(), flagstaff_reader::OpenError>(())
//! ```
//!
//! Several flags that must be of one generation: [`Reader::get_bools`] and [`Reader::read`]. One flag that is read all the time: a handle
//! ([`Reader::bool_flag`]). All flags: [`Reader::snapshot`]. `cargo run -p flagstaff-reader --example flags` shows them all.
//!
//! # Guarantees
//! - A read is a few loads from shared memory: no system call, no lock, no allocation for booleans and numbers, and the
//!   same cost right after a new snapshot as before.
//! - A read returns the value of one generation or is repeated; contention never makes it return a default.
//! - Nothing is written: the file and its mount may be read-only, and a reader that is killed leaves no trace.
//! - Getters never panic and never fail: for a flag that is missing or has another type they return the default.
//! - Readers made before a `fork` work in every child.
//! - No threads are started.
//!
//! # Limits
//! - Linux, 64-bit little-endian. The file must be on a local file system.
//! - Truncating a mapped file kills its readers (SIGBUS). Replace files with `mv`, never with `cp` or `>`.
//! - A file that was removed or replaced by hand while no publisher runs is noticed in [`Reader::status`],
//!   [`Reader::wait_for_change`] and wherever a read leaves the fast path, not by every read.
//! - Without memory for a copy, [`Reader::snapshot`] returns the last one or an empty one. A getter that returns a `String` needs
//!   memory for it as any `String` does.
//! - After a move to a new file, the memory of the old one is given back by the first such call that comes 2 seconds later.
//!
//! # Features
//! `json` (default): [`Reader::get_json`] and [`JsonFlag`], with serde_json.
//!
//! # Map
//! | file | is |
//! |---|---|
//! | `reader`, `flag_view`, `snapshot`, `getters` | the getters: live, of one generation, of a copy |
//! | `handle`, `json`, `memo` | handles, which remember a value until the next generation |
//! | `patch`, `changed_keys` | a copy and what has changed since it was made; the keys that the change feed names |
//! | `shared` | what all clones share, and reads that the fast path did not settle |
//! | `source` | the three places that a value can come from |
//! | `attached`, `copy_budget` | one file and how far it is trusted; whether there is memory for a copy of it |
//! | `options`, `status`, `wait` | how a file is opened, its state, waiting for a change |

// In front, so that the documentation of `Reader` begins with how it is opened.
mod reader;

mod attached;
mod changed_keys;
mod copy_budget;
mod flag_view;
mod getters;
mod handle;
#[cfg(feature = "json")]
mod json;
mod memo;
mod options;
mod patch;
mod shared;
mod snapshot;
mod source;
mod status;
mod wait;

pub use changed_keys::ChangedKeys;
pub use flag_view::FlagView;
pub use flagstaff_format::{
    Counters, FailureKind, FlagKey, Generation, Key, LastFailure, LinkState, OpenError, TypeCounts, Value,
    counters,
};
pub use handle::{BoolFlag, NumberFlag, StringFlag};
#[cfg(feature = "json")]
pub use json::JsonFlag;
pub use options::{ReaderOptions, Verify};
pub use reader::Reader;
pub use snapshot::Snapshot;
pub use status::{PathState, PublisherState, Status};
