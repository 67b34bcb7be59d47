//! What two snapshots have not in common.

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
    let mut all = Vec::new();
    for (key, value) in new.iter() {
        match old.get(key.as_str()) {
            Some(before) if before == value => {}
            before => all.push(Difference { key, old: before, new: Some(value) }),
        }
    }
    for (key, value) in old.iter() {
        if new.get(key.as_str()).is_none() {
            all.push(Difference { key, old: Some(value), new: None });
        }
    }
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}
