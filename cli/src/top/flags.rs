//! The list of flags, filtered and sorted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use flagstaff_reader::Snapshot;

/// The order of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Key,
    /// The last one that changed first; then those that have not changed since the start, by key.
    Change,
}

/// All flags of one generation, and which of them are listed.
#[derive(Debug)]
pub(crate) struct Flags {
    snapshot: Arc<Snapshot>,
    /// All keys, sorted.
    keys: Vec<String>,
    /// Positions in `keys`, in the order in which they are listed.
    listed: Vec<usize>,
    changed: HashMap<String, SystemTime>,
    filter: String,
    sort: Sort,
}

impl Flags {
    pub(crate) fn of(snapshot: Arc<Snapshot>) -> Flags {
        let mut flags = Flags {
            snapshot,
            keys: Vec::new(),
            listed: Vec::new(),
            changed: HashMap::new(),
            filter: String::new(),
            sort: Sort::Key,
        };
        flags.read_keys();
        flags
    }

    /// Takes the flags of a new generation, of which `changed` are the changed ones.
    pub(crate) fn update(
        &mut self,
        snapshot: Arc<Snapshot>,
        changed: impl IntoIterator<Item = String>,
        at: SystemTime,
    ) {
        let before = std::mem::replace(&mut self.snapshot, snapshot);
        let mut has_same_keys = true;
        for key in changed {
            let is_there = self.snapshot.get(key.as_str()).is_some();
            has_same_keys &= is_there && before.get(key.as_str()).is_some();
            self.changed.insert(key, at);
        }
        // Sorting all keys of a large payload anew takes far longer than all else here.
        if !has_same_keys {
            self.changed.retain(|key, _| self.snapshot.get(key.as_str()).is_some());
            self.read_keys();
        } else if self.sort == Sort::Change {
            self.list();
        }
    }

    fn read_keys(&mut self) {
        self.keys = self.snapshot.iter().map(|(key, _)| key).collect();
        self.keys.sort_unstable();
        self.list();
    }

    fn list(&mut self) {
        let filter = self.filter.to_lowercase();
        let is_wanted = |key: &String| filter.is_empty() || key.to_lowercase().contains(&filter);
        self.listed = (0..self.keys.len()).filter(|at| is_wanted(&self.keys[*at])).collect();
        if self.sort == Sort::Change {
            // Stable, so that those without a change stay sorted by key.
            self.listed.sort_by_key(|at| Reverse(self.changed.get(&self.keys[*at])));
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// The key in a line of the list.
    pub(crate) fn key(&self, line: usize) -> Option<&str> {
        self.listed.get(line).map(|at| self.keys[*at].as_str())
    }

    /// The line of a key in the list.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        self.listed.iter().position(|at| self.keys[*at] == key)
    }

    /// When it last changed while this program ran.
    pub(crate) fn changed(&self, key: &str) -> Option<SystemTime> {
        self.changed.get(key).copied()
    }

    pub(crate) fn filter(&self) -> &str {
        &self.filter
    }

    /// Lists flags whose key contains this, in upper or lower case.
    pub(crate) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.list();
    }

    pub(crate) fn sort(&self) -> Sort {
        self.sort
    }

    pub(crate) fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        self.list();
    }
}
