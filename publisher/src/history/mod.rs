//! What was published before: the last snapshots, for whoever wants to see or bring back one, and a log of what changed, by whom and why.
//!
//! `entry` is one snapshot with its facts, `members` its flags as they are written and compared, `shelf` the directory of them, `audit` the log, and `keeper` the thread that writes both, so that
//! no publish waits for them. docs/history.md is for people, docs/design-local.md says why it is so.

mod audit;
mod entry;
mod keeper;
mod members;
mod shelf;

pub use entry::{Cause, HistoryEntry, Recorded};
pub(crate) use keeper::{History, Keeper, MOST_ARCHIVE};
pub(crate) use shelf::Shelf;
