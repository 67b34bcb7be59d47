//! The bytes of a Flagstaff snapshot file, and both sides of its protocol. Programs use `flagstaff-reader` or `flagstaff-publisher`.
//!
//! ```
//! use flagstaff_format::{Archive, Facts, Flag, Generation, Value};
//!
//! let flags = [Flag { key: "new-checkout".into(), value: Value::Bool(true) }];
//! let archive = Archive::build(&flags, Generation(1), Facts::default())?;
//! assert_eq!(archive.find("new-checkout").bool(), Some(true));
//! # Ok::<(), flagstaff_format::BuildError>(())
//! ```
//!
//! Guarantees: a look-up on shared memory touches mapped, reserved words only, through atomic loads, and returns what one
//! generation has, or nothing; no input makes anything here panic; nothing borrows from shared memory.
//!
//! Limits: 64-bit little-endian targets; Linux; one publisher per file, which `flagstaff-publisher` ensures by a lock.
//!
//! # Map
//!
//! | folder | file | is |
//! |---|---|---|
//! | `bytes` | `layout`, `header`, `frame`, `record`, `key`, `value` | the bytes (docs/format.md) and the hash of a key |
//! | | `file_id`, `generation` | which file, which snapshot |
//! | | `last_failure`, `error`, `printable` | one of the status words, errors, text made safe for a log or a terminal |
//! | `sync` | `protocol`, `event`, `atomics` | the generation word and the event word, both sides, and the atomics they are written against |
//! | | `feed` | the change feed: which places changed, both sides |
//! | | `lines` | which lines of a slot a publish stores |
//! | | `memo`, `follow` | values that a handle remembers; moving the fast path to another file |
//! | | `map`, `prefix_page` | mapped memory, and the page of the process's own in front of it |
//! | | `fork`, `boot` | which side of a fork this is, and what survives one; boots and clocks |
//! | `archive` | `checked`, `shape`, `placed` | a checked private copy of a snapshot, and its rkyv archive |
//! | | `perfect`, `repair`, `table` | the perfect hash, one for nearly the same keys, the builder of its table |
//! | | `patch` | other values in place |
//! | | `lookup`, `records` | a look-up word by word; all records of a snapshot |
//! | | `difference`, `changed_places` | the differences between two snapshots, and where they are in the table |
//! | | `type_counts` | how many flags are of which type |
//! | `read` | `fast_path`, `short_text` | look-ups from one pointer |
//! | | `view`, `checked_lookup` | the bounds of the fast path; look-ups with every word checked |
//! | | `changed` | the flags that the change feed names, with their values |
//! | | `versions` | the file in use and those before it |
//! | | `open`, `area`, `in_slot`, `status` | opening and checking files, reading them without a copy, the status words |
//! | `write` | `writer`, `file`, `header_page`, `slots`, `feed`, `checkpoint` | the publisher's side |
//! | | `disk`, `hooks` | its calls that change files, and observers that are told of each before it is made |
//!
//! All unsafe code is in the modules that are declared with `allow(unsafe_code)` in the `mod.rs` of their folders: `key`, `map`,
//! `prefix_page`, `fast_path`, `versions`, and three small ones in `fork`.

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("a snapshot file is made of little-endian 64-bit words: only such targets are supported");

mod archive;
mod bytes;
mod read;
mod sync;
mod write;

pub use archive::changed_places::changed_places;
pub use archive::checked::Archive;
pub use archive::difference::{Difference, Fate};
pub use archive::lookup::Words;
pub use archive::records::Records;
pub use archive::repair::Hint;
pub use archive::shape::Facts;
pub use archive::type_counts::TypeCounts;
pub use bytes::checksum::checksum;
pub use bytes::counters::{self, Counters};
pub use bytes::error::{BuildError, OpenError, WriteError};
pub use bytes::file_id::FileId;
pub use bytes::frame::{Damage, Frame};
pub use bytes::generation::Generation;
pub use bytes::header::{Header, unix_micros};
pub use bytes::key::{FlagKey, Hashed, Key};
pub use bytes::last_failure::{FailureKind, LastFailure};
pub use bytes::layout;
pub use bytes::printable::{is_printable, printable};
pub use bytes::record::{Hit, TextAt, kind};
pub use bytes::value::{Flag, FlagList, Value};
pub use read::area::{check_current, copy, copy_current, frame as frame_of, newest};
pub use read::changed::{ChangedFlags, NowHolds};
pub use read::in_slot::{InSlot, type_counts_of_current};
pub use read::open::{is_in_sticky_public_directory, view as open_view};
pub use read::short_text::ShortText;
pub use read::status::{self, LinkState, PublisherStatus};
pub use read::versions::{KeptPointer, Versions};
pub use read::view::View;
pub use sync::boot::BootId;
pub use sync::fork::{Entry, Epoch, ForkSafeList};
pub use sync::map::writable::WritableMapping;
pub use sync::map::{EventWord, Mapping, SharedWord};
pub use sync::{atomics, boot, event, feed, follow, lines, memo, protocol};
pub use write::checkpoint::Checkpoints;
pub use write::file::hidden;
pub use write::header_page::HeaderPage;
#[doc(hidden)]
pub use write::hooks::{FileOp, Hooks, Observer};
pub use write::writer::{Opened, Opening, PathCheck, Writer, WriterOptions};
