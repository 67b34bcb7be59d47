//! A snapshot of the history in the place of all that the source says, for a time.
//!
//! It is a file beside the snapshot, which holds the flags themselves: the history may be gone by the time they are needed again. What the
//! source says meanwhile stands there too, as it does with each override, so that a rollback can end while the source is away.
//!
//! Facts are on a line of their own, the first, for those who only want to know whether there is a rollback.

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
}

impl Rollback {
    /// The one in the file.
    pub(crate) fn read(side_files: &SideFiles) -> io::Result<Option<Rollback>> {
        match side_files.read_line(FILE)? {
            Some(line) => Ok(Some(serde_json::from_str(&line)?)),
            None => Ok(None),
        }
    }
}

/// A rollback with its flags, as a publisher knows it.
#[derive(Debug, Clone)]
pub(crate) struct RolledBack {
    pub(crate) facts: Rollback,
    pub(crate) texts: Texts,
}

/// What is on the other lines.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Texts {
    /// The flags.
    pub(crate) flags: Box<RawValue>,
    /// What the source says.
    pub(crate) source: String,
}

impl RolledBack {
    pub(crate) fn read(side_files: &SideFiles) -> io::Result<Option<RolledBack>> {
        let Some(text) = side_files.read(FILE, MOST_BYTES)? else { return Ok(None) };
        let (facts, texts) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Some(RolledBack { facts: serde_json::from_str(facts)?, texts: serde_json::from_str(texts)? }))
    }

    pub(crate) fn write(&self, side_files: &SideFiles) -> io::Result<()> {
        let (facts, texts) = (serde_json::to_string(&self.facts)?, serde_json::to_string(&self.texts)?);
        side_files.write(FILE, &format!("{facts}\n{texts}\n"))
    }
}
