//! A private copy of all flags of one generation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flagstaff_format::{Archive, FlagKey, Frame, Generation, Hit, TypeCounts, Value, kind};

use crate::getters::getters;
use crate::source::Source;

/// A copy of all flags of one generation, made by [`Reader::snapshot`](crate::Reader::snapshot). It outlives the reader, the file and
/// the publisher, and has the getters of the reader.
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

    /// The generation; [`Generation::NONE`] if nothing had been published.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.archive.as_ref().map_or(Generation::NONE, Archive::generation)
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

    /// Number of flags of each type.
    #[must_use]
    pub fn type_counts(&self) -> TypeCounts {
        self.archive.as_ref().map(Archive::type_counts).unwrap_or_default()
    }

    /// All flags with their values. Their order differs from one generation to the next.
    ///
    /// A key is assembled anew, in a `String`: the file has it in overlapping windows of 8 bytes, by which look-ups compare it, so
    /// there is no `&str` to lend. Values are borrowed.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff").snapshot();
    /// for (key, value) in flags.iter() {
    ///     println!("{key}: {value:?}");
    /// }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (String, Value<'_>)> {
        self.archive.iter().flat_map(Archive::iter)
    }

    /// Keys of the flags that are not the same in `before`, sorted: added, changed and removed ones.
    #[must_use]
    pub fn changed_keys(&self, before: &Snapshot) -> Vec<String> {
        let all = |snapshot: &Snapshot| snapshot.iter().map(|(key, _)| key).collect();
        let mut keys: Vec<String> = match (&before.archive, &self.archive) {
            (Some(old), Some(new)) => {
                let mut keys = Vec::new();
                new.each_difference(old, |key, _| keys.push(key));
                keys
            }
            (None, _) => all(self),
            (_, None) => all(before),
        };
        keys.sort_unstable();
        keys
    }

    /// A string flag, borrowed from the snapshot; `None` if it is missing or no string.
    #[must_use]
    pub fn get_str(&self, key: impl FlagKey) -> Option<&str> {
        self.text(key, kind::STRING)
    }
}

getters! {
    Snapshot,
    json: Option<&str>,
    value: Option<Value<'_>>,
    begin: "# let flags = flagstaff_reader::Reader::attach(\"flags.flagstaff\").snapshot();",
    end: ""
}

impl Snapshot {
    fn bool_or(&self, key: impl FlagKey, default: bool) -> bool {
        self.find(key).bool().unwrap_or(default)
    }

    fn find(&self, key: impl FlagKey) -> Hit {
        self.archive.as_ref().map_or(Hit::MISSING, |archive| archive.find(key.text()))
    }

    fn text(&self, key: impl FlagKey, wanted: u64) -> Option<&str> {
        let at = Some(self.find(key)).filter(|hit| hit.kind() == wanted)?.text()?;
        self.archive.as_ref()?.text(at)
    }

    fn string(&self, key: impl FlagKey, wanted: u64) -> Option<String> {
        self.text(key, wanted).map(str::to_owned)
    }

    fn text_with<T>(&self, key: impl FlagKey, wanted: u64, f: impl FnOnce(Option<&str>) -> T) -> T {
        f(self.text(key, wanted))
    }

    fn json_text(&self, key: impl FlagKey) -> Option<&str> {
        self.text(key, kind::JSON)
    }

    fn value(&self, key: impl FlagKey) -> Option<Value<'_>> {
        let archive = self.archive.as_ref()?;
        archive.value_of(archive.find(key.text()))
    }
}
