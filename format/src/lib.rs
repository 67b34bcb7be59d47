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
//! Guarantees: a look-up on shared memory touches mapped, reserved words only, through atomic loads, and answers from one
//! generation or not at all; no input makes anything here panic; nothing borrows from shared memory.
//!
//! Limits: 64-bit little-endian targets; Linux; one publisher per file, whose lock is the publisher's business.
//!
//! # Map
//!
//! | file | is |
//! |---|---|
//! | `layout`, `header`, `frame`, `record` | the bytes (docs/format.md) |
//! | `protocol`, `event`, `sync` | the generation word and the event word, both sides, and the atomics they are written against |
//! | `memo` | what a handle remembers, for threads that share it |
//! | `key`, `perfect`, `table` | hash, perfect hash, builder |
//! | `archive`, `shape`, `placed` | checked private copy of a snapshot, and its rkyv archive |
//! | `records` | its records, and those of a snapshot that is still in its slot |
//! | `difference`, `kinds` | what differs between two; how many flags are of which type |
//! | `map`, `front` | mapped memory, and the line of the process's own in front of it |
//! | `lead`, `short_text` | the fast path: look-ups on it from one pointer |
//! | `view`, `attempt` | bounds of the fast path; the checked path |
//! | `current`, `follow` | moving to another file |
//! | `open`, `area`, `status`, `last_failure`, `boot` | opening and checking files, status words and one of them, clocks |
//! | `printable` | foreign text on its way to a log or a terminal |
//! | `epoch` | which side of a fork this is |
//! | `writer`, `file`, `header_page`, `checkpoint` | the publisher's side |
//! | `disk`, `step` | its calls that change files, and who is shown each of them |
//!
//! The modules marked `allow(unsafe_code)` below hold all unsafe code of the format.

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("a snapshot file is made of little-endian 64-bit words: only such targets are supported");

mod archive;
mod area;
mod attempt;
pub mod boot;
mod checkpoint;
#[allow(unsafe_code, reason = "keeps every mapping until its reader goes, so that a read needs no count")]
mod current;
mod difference;
mod disk;
#[allow(unsafe_code, reason = "maps a page that the kernel wipes in a child of a fork")]
mod epoch;
mod error;
pub mod event;
mod file;
pub mod follow;
mod frame;
#[allow(unsafe_code, reason = "maps a file behind a page of the process's own")]
mod front;
mod header;
mod header_page;
#[allow(unsafe_code, reason = "reads 8 bytes of a key at an offset that was checked once for all windows")]
mod key;
mod kinds;
mod last_failure;
pub mod layout;
#[allow(unsafe_code, reason = "look-ups on shared memory with one bounds check")]
mod lead;
#[allow(unsafe_code, reason = "hands out atomic words of mapped memory")]
mod map;
pub mod memo;
mod open;
mod perfect;
mod placed;
mod printable;
pub mod protocol;
mod record;
mod records;
mod shape;
mod short_text;
pub mod status;
mod step;
pub mod sync;
mod table;
mod value;
mod view;
mod writer;

pub use archive::Archive;
pub use area::{check_current, copy, copy_current, frame as frame_of, newest};
pub use boot::BootId;
pub use checkpoint::Checkpoints;
pub use current::Current;
pub use difference::Difference;
pub use epoch::Epoch;
pub use error::{BuildError, OpenError, WriteError};
pub use frame::{Damage, Frame};
pub use header::{Header, unix_micros};
pub use header_page::HeaderPage;
pub use key::{FlagKey, Hashed, Key};
pub use kinds::{Kinds, kinds_of_current};
pub use last_failure::{FailureKind, LastFailure};
pub use map::{EventWord, Mapping, SharedWord, WritableMapping};
pub use open::{is_in_sticky_public_directory, view as open_view};
pub use printable::{is_printable, printable};
pub use protocol::Generation;
pub use record::{Found, TextAt, kind};
pub use records::{InSlot, Records};
pub use shape::Facts;
pub use short_text::ShortText;
pub use status::{LinkState, PublisherStatus};
pub use step::{Step, Watch, Witness};
pub use value::{Flag, FlagList, Value};
pub use view::{FileId, View};
pub use writer::{Found as FoundFile, Opened, PathState, Writer, WriterOptions};
