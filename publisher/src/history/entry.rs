//! One snapshot as it is kept: a line of facts, then the flags as one JSON object with a line for each, compressed as `gzip` does it, so that
//! people can look at it with `zcat`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};

use flagstaff_format::Archive;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{json_of, json_text};
use crate::outcome::Changes;

/// Bytes of an entry, unpacked, that are read at most: flags of 5 MiB, and a line for each.
const MOST_BYTES: u64 = 64 << 20;

/// Why there is another snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cause {
    /// What happened: `published`, `accepted`, `overridden`, `cleared`, `rolled_back` and so on.
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

/// The flags of an archive as a JSON object, with a line for each, sorted by key.
pub(crate) fn flags_of(archive: &Archive) -> String {
    let mut members: Vec<_> = archive.iter().map(|(key, value)| (key, json_of(&value))).collect();
    members.sort_unstable();
    let mut text = String::from("{");
    let mut between = "\n";
    for (key, value) in members {
        // Writing to a `String` never fails.
        let _ = write!(text, "{between}{}:{value}", json_text(&key));
        between = ",\n";
    }
    text.push_str("\n}\n");
    text
}

/// What differs between two such objects. A text that is none has no flags.
pub(crate) fn changes_between(old: &str, new: &str) -> Changes {
    let parse = |text| serde_json::from_str::<BTreeMap<String, &RawValue>>(text).unwrap_or_default();
    let (old, new) = (parse(old), parse(new));
    let mut changes = Changes::default();
    for (key, value) in &new {
        match old.get(key) {
            None => changes.added.push(key.clone()),
            Some(before) if before.get() != value.get() => changes.changed.push(key.clone()),
            Some(_) => {}
        }
    }
    old.into_keys().filter(|key| !new.contains_key(key)).for_each(|key| changes.removed.push(key));
    changes
}

impl Recorded {
    /// As bytes of a file.
    pub(crate) fn pack(&self) -> io::Result<Vec<u8>> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        writeln!(packed, "{}", serde_json::to_string(&self.entry)?)?;
        packed.write_all(self.flags.as_bytes())?;
        packed.finish()
    }

    /// Reads all of it: what is cut off or damaged is an error, which the check at its end tells.
    pub(crate) fn unpack(packed: impl Read) -> io::Result<Recorded> {
        let mut text = String::new();
        GzDecoder::new(packed).take(MOST_BYTES).read_to_string(&mut text)?;
        let (facts, flags) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Recorded { entry: serde_json::from_str(facts)?, flags: flags.to_owned() })
    }
}
