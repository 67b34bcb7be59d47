//! A private copy of all flags of one generation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flagstaff_format::{Archive, FlagKey, Frame, Generation, Kinds, Value, kind};

use crate::source::Source;

/// All flags of one generation, in memory of this process. Outlives the reader, the file and the publisher.
#[derive(Debug)]
pub struct Snapshot {
    archive: Option<Archive>,
}

impl Snapshot {
    pub(crate) fn of(archive: Option<Archive>) -> Snapshot {
        Snapshot { archive }
    }

    pub(crate) fn source(&self) -> Source<'_> {
        self.archive.as_ref().map_or(Source::Nothing, Source::Copy)
    }

    pub(crate) fn frame(&self) -> Option<&Frame> {
        self.archive.as_ref().map(Archive::frame)
    }

    /// The generation; 0 if nothing had been published.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.archive.as_ref().map_or(Generation(0), Archive::generation)
    }

    /// When these flags were published first; `None` if nothing had been.
    #[must_use]
    pub fn published_at(&self) -> Option<SystemTime> {
        let micros = self.archive.as_ref()?.facts().published_at;
        UNIX_EPOCH.checked_add(Duration::from_micros(micros))
    }

    /// Number of flags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.archive.as_ref().map_or(0, Archive::len)
    }

    /// Whether there is no flag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of flags of each type, without a look at their values.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        self.archive.as_ref().map(Archive::kinds).unwrap_or_default()
    }

    /// All flags with their values, in no particular order that stays from one generation to the next.
    pub fn iter(&self) -> impl Iterator<Item = (String, Value<'_>)> {
        self.archive.iter().flat_map(Archive::iter)
    }

    /// The keys of the flags that were added, removed or changed since `old`, sorted.
    #[must_use]
    pub fn changed_keys(&self, old: &Snapshot) -> Vec<String> {
        let mut keys = Vec::new();
        match (&self.archive, &old.archive) {
            (Some(new), Some(old)) => new.each_difference(old, |key, _| keys.push(key)),
            (Some(all), None) | (None, Some(all)) => keys.extend(all.iter().map(|(key, _)| key)),
            (None, None) => {}
        }
        keys.sort_unstable();
        keys
    }

    /// Any value; `None` if there is no such flag.
    #[must_use]
    pub fn get(&self, key: impl FlagKey) -> Option<Value<'_>> {
        let archive = self.archive.as_ref()?;
        archive.value_of(archive.find(key.text()))
    }

    /// A boolean; `false` by default.
    #[must_use]
    pub fn get_bool(&self, key: impl FlagKey) -> bool {
        self.find(key).and_then(|found| found.bool()).unwrap_or(false)
    }

    /// A number; `0.0` by default.
    #[must_use]
    pub fn get_number(&self, key: impl FlagKey) -> f64 {
        self.find(key).and_then(|found| found.number()).unwrap_or(0.0)
    }

    /// A string, borrowed from the snapshot; `None` if it is missing or no string.
    #[must_use]
    pub fn get_str(&self, key: impl FlagKey) -> Option<&str> {
        self.text(key, kind::STRING)
    }

    /// The text of an object or array, borrowed from the snapshot; `None` if it is missing or a scalar.
    #[must_use]
    pub fn get_json_text(&self, key: impl FlagKey) -> Option<&str> {
        self.text(key, kind::JSON)
    }

    fn text(&self, key: impl FlagKey, wanted: u64) -> Option<&str> {
        let found = self.find(key).filter(|found| found.kind() == wanted)?;
        self.archive.as_ref()?.text(found.text()?)
    }

    fn find(&self, key: impl FlagKey) -> Option<flagstaff_format::Found> {
        Some(self.archive.as_ref()?.find(key.text()))
    }
}
