//! A private copy of all flags of one generation.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flagstaff_format::{
    Archive, ChangedFlags, FlagKey, Frame, Generation, Hit, TextAt, TypeCounts, Value, kind,
};

use crate::getters::getters;
use crate::patch::Patch;

/// A copy of all flags of one generation, made by [`Reader::snapshot`](crate::Reader::snapshot). It outlives the reader, the file and
/// the publisher, and has the getters of the reader.
#[derive(Debug)]
pub struct Snapshot {
    archive: Option<Arc<Archive>>,
    /// What has changed since the archive was copied.
    patch: Patch,
}

impl Snapshot {
    pub(crate) fn of(archive: Option<Archive>) -> Snapshot {
        Snapshot { archive: archive.map(Arc::new), patch: Patch::default() }
    }

    /// The next one, given all flags that may have changed. `None` if it is time for a whole copy.
    pub(crate) fn patched(&self, changed: ChangedFlags) -> Option<Snapshot> {
        let archive = self.archive.clone()?;
        let patch = self.patch.with(changed, archive.bytes().len())?;
        Some(Snapshot { archive: Some(archive), patch })
    }

    pub(crate) fn frame(&self) -> Option<&Frame> {
        self.patch.frame().or_else(|| Some(self.archive.as_ref()?.frame()))
    }

    /// The generation; [`Generation::NONE`] if nothing had been published.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.frame().map_or(Generation::NONE, |frame| frame.generation)
    }

    /// When these flags were published first; `None` if nothing had been.
    #[must_use]
    pub fn published_at(&self) -> Option<SystemTime> {
        let micros = self.frame()?.published_at;
        UNIX_EPOCH.checked_add(Duration::from_micros(micros))
    }

    /// Number of flags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.archive.as_ref().map_or(0, |archive| archive.len())
    }

    /// Whether there is no flag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of flags of each type.
    #[must_use]
    pub fn type_counts(&self) -> TypeCounts {
        let Some(archive) = &self.archive else { return TypeCounts::default() };
        self.patch.count(archive.type_counts(), |key| archive.find(key))
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
        let all = self.archive.iter().flat_map(|archive| archive.iter());
        all.map(|(key, copied)| {
            let patched = self.patch.find(&key).and_then(|hit| self.value_of(hit));
            (key, patched.unwrap_or(copied))
        })
    }

    /// Keys of the flags that are not the same in `before`, sorted: added, changed and removed ones.
    ///
    /// Of two snapshots of one reader, a few publishes apart, only those flags are compared that the change feed of the file named when they
    /// were made.
    #[must_use]
    pub fn changed_keys(&self, before: &Snapshot) -> Vec<String> {
        let all = |snapshot: &Snapshot| snapshot.iter().map(|(key, _)| key).collect();
        let mut keys: Vec<String> = match (&before.archive, &self.archive) {
            (Some(old), Some(new)) => {
                let mut keys = self.patch.keys_unlike(&before.patch);
                if !Arc::ptr_eq(old, new) {
                    new.each_difference(&**old, |key, _| keys.push(key));
                }
                keys.retain(|key| !self.holds_the_same(key, before));
                keys
            }
            (None, _) => all(self),
            (_, None) => all(before),
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn holds_the_same(&self, key: &str, other: &Snapshot) -> bool {
        let (a, b) = (self.find(key), other.find(key));
        a.kind() == b.kind()
            && match (a.text(), b.text()) {
                (Some(a), Some(b)) => self.text_at(a) == other.text_at(b),
                _ => a.value == b.value,
            }
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

    pub(crate) fn find(&self, key: impl FlagKey) -> Hit {
        let key = key.text();
        let in_archive = || self.archive.as_ref().map_or(Hit::MISSING, |archive| archive.find(key));
        self.patch.find(key).unwrap_or_else(in_archive)
    }

    pub(crate) fn text_at(&self, at: TextAt) -> Option<&str> {
        match Patch::number(at) {
            Some(number) => self.patch.text(number),
            None => self.archive.as_ref()?.text(at),
        }
    }

    fn value_of(&self, hit: Hit) -> Option<Value<'_>> {
        let Ok(value) = hit.value_with::<Infallible>(|at| Ok(self.text_at(at).map(Cow::Borrowed)));
        value
    }

    fn text(&self, key: impl FlagKey, wanted: u64) -> Option<&str> {
        let at = Some(self.find(key)).filter(|hit| hit.kind() == wanted)?.text()?;
        self.text_at(at)
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
        self.value_of(self.find(key))
    }
}

#[cfg(test)]
mod tests {
    use flagstaff_format::{Facts, Flag, Writer, WriterOptions};

    use super::*;
    use crate::reader::Reader;

    /// Otherwise each copy would cost all flags, and nothing else would show it.
    #[test]
    fn a_copy_after_a_small_change_shares_the_archive_of_the_one_before_and_one_after_a_large_change_does_not()
     {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags");
        let mut writer = Writer::open(&path, &WriterOptions::default()).unwrap().writer;
        let mut publish = |changed: usize, value: bool| {
            let flags: Vec<_> = (0..300)
                .map(|i| Flag { key: format!("flag-{i}").into(), value: Value::Bool(i < changed && value) })
                .collect();
            writer.publish(&mut Archive::build(&flags, Generation(1), Facts::default()).unwrap()).unwrap();
        };
        publish(300, true);
        let reader = Reader::open(&path).unwrap();
        let shares = |a: &Snapshot, b: &Snapshot| {
            Arc::ptr_eq(a.archive.as_ref().unwrap(), b.archive.as_ref().unwrap())
        };
        let first = reader.snapshot();
        publish(299, true);
        let second = reader.snapshot();
        assert!(shares(&first, &second));
        assert_eq!(
            (second.changed_keys(&first), second.generation()),
            (vec!["flag-299".to_owned()], Generation(2))
        );
        publish(150, true);
        let third = reader.snapshot();
        assert!(!shares(&second, &third), "149 flags changed");
        assert_eq!(third.changed_keys(&first).len(), 150);
    }
}
