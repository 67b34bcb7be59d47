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
