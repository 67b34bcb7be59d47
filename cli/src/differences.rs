//! The differences between two snapshots.

use flagstaff_reader::{Snapshot, Value};

/// One flag that is not the same in both.
#[derive(Debug)]
pub(crate) struct Difference<'a> {
    pub(crate) key: String,
    /// `None`: the flag is new.
    pub(crate) old: Option<Value<'a>>,
    /// `None`: the flag is gone.
    pub(crate) new: Option<Value<'a>>,
}

impl Difference<'_> {
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        }
    }
}

/// All differences, sorted by key.
pub(crate) fn between<'a>(old: &'a Snapshot, new: &'a Snapshot) -> Vec<Difference<'a>> {
    let difference = |key: String| {
        let (old, new) = (old.get(key.as_str()), new.get(key.as_str()));
        Difference { key, old, new }
    };
    new.changed_keys(old).into_iter().map(difference).collect()
}

#[cfg(test)]
mod tests {
    use flagstaff_publisher::{Publisher, PublisherOptions};
    use flagstaff_reader::Reader;

    use super::*;

    #[test]
    fn added_changed_and_removed_flags_are_found_also_against_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.flagstaff");
        let mut publisher = Publisher::open(&path, &PublisherOptions::default()).unwrap();
        let reader = Reader::open(&path).unwrap();
        let empty = reader.snapshot();
        let _ = publisher.publish(r#"{"same":1,"new-value":1,"gone":{"a":1}}"#).unwrap();
        let before = reader.snapshot();
        let _ = publisher.publish(r#"{"same":1,"new-value":1.0,"added":null}"#).unwrap();
        let after = reader.snapshot();
        let found = |old: &Snapshot, new: &Snapshot| {
            between(old, new).iter().map(|one| format!("{} {}", one.key, one.kind())).collect::<Vec<_>>()
        };
        assert_eq!(found(&before, &after), ["added added", "gone removed", "new-value changed"]);
        assert_eq!(found(&empty, &before), ["gone added", "new-value added", "same added"]);
        assert_eq!(found(&before, &empty), ["gone removed", "new-value removed", "same removed"]);
        assert!(found(&after, &after).is_empty());
    }
}
