//! One snapshot as it is kept: a line of facts, then the flags as one JSON object with a line for each, compressed as `gzip` does it, so that
//! people can look at it with `zcat`.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

use crate::outcome::Changes;

/// Bytes of an entry, unpacked, that are read at most: flags of 5 MiB, and a line for each.
const MOST_BYTES: u64 = 64 << 20;

/// Why there is another snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cause {
    /// What happened: `published`, `held`, `accepted`, `overridden`, `override_cleared`, `override_over`, `rolled_back`, `rollback_ended`, `rollback_over`.
    pub event: String,
    /// Who or what did it: the source's name, or the person as the command said.
    pub by: String,
    /// The user that the kernel saw, of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Why, as somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it was about: a flag, the number of a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl Cause {
    pub(crate) fn new(event: &str, by: &str) -> Cause {
        Cause { event: event.to_owned(), by: by.to_owned(), uid: None, reason: None, about: None }
    }

    pub(crate) fn about(self, what: impl Into<String>) -> Cause {
        Cause { about: Some(what.into()), ..self }
    }
}

/// The facts of a snapshot that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// What it is called by. Numbers only grow.
    pub number: u64,
    /// When it was published, in microseconds since 1970.
    pub published_at: u64,
    /// Its generation. The numbers of another file may be lower.
    pub generation: u64,
    /// Number of flags.
    pub flags: usize,
    /// How many publishes it stands for: of those that follow each other closely the last one is kept.
    pub publishes: u64,
    /// Why it is there.
    #[serde(flatten)]
    pub cause: Cause,
    /// What is other than in the entry before.
    pub changes: Changes,
}

/// An entry with its flags.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Its facts.
    pub entry: HistoryEntry,
    /// A JSON object, with a line for each flag, sorted by key.
    pub flags: String,
}

impl Recorded {
    /// Reads all of it: what is cut off or damaged is an error, which the check at its end tells.
    pub(crate) fn unpack(packed: impl Read) -> io::Result<Recorded> {
        let mut text = String::new();
        GzDecoder::new(packed).take(MOST_BYTES).read_to_string(&mut text)?;
        let (facts, flags) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Recorded { entry: serde_json::from_str(facts)?, flags: flags.to_owned() })
    }
}
