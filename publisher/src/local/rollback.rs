//! A snapshot of the history in the place of all that the source says, for a time.
//!
//! It is a file beside the snapshot, which holds the flags themselves: the history may be gone by the time they are needed again. What the
//! source says meanwhile stands there too, as it does with each override, so that a rollback can end while the source is away.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::overrides::Term;
use crate::side_files::SideFiles;

/// The file, `.NAME.rollback`.
pub(crate) const FILE: &str = "rollback";

/// Bytes of the file that are read: two payloads of 5 MiB, of which each byte of one may be escaped.
const MOST_BYTES: u64 = 64 << 20;

/// Flags of the past that readers have in the place of the source's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rollback {
    /// Which snapshot of the history it is.
    pub number: u64,
    /// When that was published, in microseconds since 1970.
    pub published_at: u64,
    /// Why.
    pub reason: String,
    /// Who, as they said.
    pub who: String,
    /// The user that the kernel saw.
    pub uid: u32,
    /// From when until when.
    #[serde(flatten)]
    pub term: Term,
    /// The flags.
    pub(crate) flags: Box<RawValue>,
    /// What the source says.
    pub(crate) source: String,
}

impl Rollback {
    pub(crate) fn read(side_files: &SideFiles) -> io::Result<Option<Rollback>> {
        match side_files.read(FILE, MOST_BYTES)? {
            Some(text) => Ok(Some(serde_json::from_str(&text)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn write(&self, side_files: &SideFiles) -> io::Result<()> {
        side_files.write(FILE, &serde_json::to_string(self)?)
    }
}
