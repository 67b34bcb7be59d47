//! What became of a payload, and which flags it changed.

use std::fmt;
use std::time::Duration;

use flagstaff_format::{Archive, Difference, Generation, Records, printable};
use serde::{Deserialize, Serialize};

/// Keys that are listed by name, of each kind; the rest is counted.
const LISTED: usize = 20;

/// What became of a payload.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Readers see it.
    #[non_exhaustive]
    Published {
        /// Its generation.
        generation: Generation,
        /// Number of flags.
        flags: usize,
        /// Bytes of the archive.
        archive_bytes: usize,
        /// Time from the call to the moment when readers saw it.
        took: Duration,
        /// What changed.
        changes: Changes,
    },
    /// It is what was published last.
    #[non_exhaustive]
    Unchanged {
        /// The generation that stays.
        generation: Generation,
    },
}

/// Added, removed and changed flags. Keys only: values may be confidential.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Changes {
    /// Flags that were not there.
    pub added: Keys,
    /// Flags that are gone.
    pub removed: Keys,
    /// Flags with another value.
    pub changed: Keys,
}

/// Some keys by name, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Keys {
    /// The first 20 keys.
    pub listed: Vec<String>,
    /// Number of all keys.
    pub count: usize,
}

impl Keys {
    pub(crate) fn push(&mut self, key: String) {
        self.count += 1;
        if self.listed.len() < LISTED {
            self.listed.push(key);
        }
    }
}

/// How many, and the first of them by name, on one line.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.count > self.listed.len() { ", .." } else { "" };
        write!(f, "{} ({}{more})", self.count, printable(&self.listed.join(", ")))
    }
}

impl Changes {
    /// Compares two snapshots.
    #[must_use]
    pub fn between(old: Option<&impl Records>, new: &Archive) -> Changes {
        let mut changes = Changes::default();
        match old {
            Some(old) => new.each_difference(old, |key, difference| match difference {
                Difference::Added => changes.added.push(key),
                Difference::Changed => changes.changed.push(key),
                Difference::Removed => changes.removed.push(key),
            }),
            None => new.iter().for_each(|(key, _)| changes.added.push(key)),
        }
        changes
    }

    /// Flags that have another value, at these places of the table.
    pub(crate) fn at(archive: &Archive, places: &[u32]) -> Changes {
        let mut changed = Keys::default();
        for place in places.iter().take(LISTED) {
            changed.listed.extend(archive.key_at(*place));
        }
        changed.count = places.len();
        Changes { changed, ..Changes::default() }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.count + self.removed.count + self.changed.count == 0
    }
}

/// On one line, which a log can take as it is: keys are whatever the source sent.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (what, keys) in [("added", &self.added), ("removed", &self.removed), ("changed", &self.changed)] {
            if keys.count > 0 {
                write!(f, "{between}{} {what}: {}", keys.count, printable(&keys.listed.join(", ")))?;
                if keys.count > keys.listed.len() {
                    f.write_str(", ..")?;
                }
                between = "; ";
            }
        }
        if between.is_empty() { f.write_str("no flag changed") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstaff_format::{Facts, Generation};

    fn archive(json: &str) -> Archive {
        let flags = crate::payload::decode(json, &Default::default()).unwrap();
        Archive::build(&flags, Generation(1), Facts::default()).unwrap()
    }

    #[test]
    fn added_removed_and_changed_flags_are_told_apart_and_values_not_shown() {
        let old = archive(r#"{"same": 1, "gone": "secret", "other": false}"#);
        let new = archive(r#"{"same": 1, "new": "secret", "other": true}"#);
        let changes = Changes::between(Some(&old), &new);
        assert_eq!(changes.to_string(), "1 added: new; 1 removed: gone; 1 changed: other");
    }

    #[test]
    fn a_key_cannot_forge_a_line_of_a_log() {
        let new = archive(r#"{"a\nINFO all is well\u001b[2J\u202e": 1}"#);
        let changes = Changes::between(None::<&Archive>, &new);
        assert_eq!(changes.to_string(), "1 added: a\u{fffd}INFO all is well\u{fffd}[2J\u{fffd}");
        assert_eq!(changes.added.listed, ["a\nINFO all is well\x1b[2J\u{202e}"], "for programs as it is");
    }

    #[test]
    fn many_keys_are_counted_and_the_first_ones_named() {
        let new =
            archive(&format!("{{{}}}", (0..50).map(|i| format!("\"k{i}\":1")).collect::<Vec<_>>().join(",")));
        let changes = Changes::between(None::<&Archive>, &new);
        assert_eq!((changes.added.count, changes.added.listed.len()), (50, LISTED));
        assert!(Changes::between(Some(&new), &new).is_empty());
    }
}
