//! A change: which flags, their old and new values, and its author.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::flags::value::FlagValue;

/// One flag of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagChange {
    pub(crate) key: Arc<str>,
    /// `None`: the flag was added.
    pub(crate) old: Option<FlagValue>,
    /// `None`: the flag was removed.
    pub(crate) new: Option<FlagValue>,
    /// Its place among the flags, so that a removed one can come back there.
    pub(crate) at: usize,
}

impl FlagChange {
    /// The flag.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its value before the change, as JSON; `None` if it was added.
    #[must_use]
    pub fn before(&self) -> Option<&str> {
        self.old.as_ref().map(FlagValue::text)
    }

    /// Its value after the change, as JSON; `None` if it was removed.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.new.as_ref().map(FlagValue::text)
    }

    /// Bytes that are kept for it.
    pub(crate) fn bytes(&self) -> usize {
        let value = |value: &Option<FlagValue>| value.as_ref().map_or(0, |value| value.text().len());
        size_of::<FlagChange>() + self.key.len() + value(&self.old) + value(&self.new)
    }
}

impl Serialize for FlagChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            key: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            old: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            new: Option<&'a RawValue>,
        }
        let old = self.old.as_ref().map(FlagValue::json);
        let new = self.new.as_ref().map(FlagValue::json);
        Shown { key: &self.key, old, new }.serialize(serializer)
    }
}

/// What made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum By {
    /// A request, or the program that contains the server.
    Api,
    /// A request of the server's own page.
    Page,
    /// An edit of the file by hand.
    File,
    /// A request to undo another change.
    Undo,
}

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// What made it.
    pub by: By,
    /// The address it came from; `None` for files and for the program itself.
    pub from: Option<IpAddr>,
}

impl Author {
    /// The program that contains the server.
    pub const PROGRAM: Author = Author { by: By::Api, from: None };
    pub(crate) const FILE: Author = Author { by: By::File, from: None };
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The revision that it created.
    pub revision: u64,
    /// When.
    pub time: SystemTime,
    /// By whom.
    pub author: Author,
    /// The revision that it undid, if it is an undo.
    pub undoes: Option<u64>,
    /// The changed flags, each once.
    pub flags: Vec<FlagChange>,
    /// Bytes that are kept for it.
    pub(crate) bytes: usize,
}

impl Change {
    pub(crate) fn new(
        revision: u64,
        time: SystemTime,
        author: Author,
        undoes: Option<u64>,
        flags: Vec<FlagChange>,
    ) -> Change {
        let bytes = flags.iter().map(FlagChange::bytes).sum();
        Change { revision, time, author, undoes, flags, bytes }
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            revision: u64,
            time: String,
            by: By,
            from: Option<IpAddr>,
            #[serde(skip_serializing_if = "Option::is_none")]
            undoes: Option<u64>,
            changes: &'a [FlagChange],
        }
        Shown {
            revision: self.revision,
            time: rfc3339(self.time),
            by: self.author.by,
            from: self.author.from,
            undoes: self.undoes,
            changes: &self.flags,
        }
        .serialize(serializer)
    }
}

/// UTC, with milliseconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    // A clock before 1970 cannot be shown.
    humantime::format_rfc3339_millis(time.max(SystemTime::UNIX_EPOCH)).to_string()
}
