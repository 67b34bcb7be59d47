//! The last changes, as they are remembered.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::flags::change::Change;

/// Changes that are remembered.
pub(crate) const MOST_CHANGES: usize = 100;

/// Bytes of keys and values that are remembered; the newest change is remembered in any case.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The last changes, newest first. A clone is cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(VecDeque<Arc<Change>>);

impl History {
    pub(crate) fn push(&mut self, change: Change) {
        self.0.push_front(Arc::new(change));
        self.0.truncate(MOST_CHANGES);
        let mut bytes = 0;
        let fits = self.0.iter().take_while(|change| {
            bytes += change.bytes;
            bytes <= MOST_BYTES
        });
        let fits = fits.count().max(1);
        self.0.truncate(fits);
    }

    /// The newest revision; 0 without any.
    pub(crate) fn newest(&self) -> u64 {
        self.0.front().map_or(0, |change| change.revision)
    }

    pub(crate) fn get(&self, revision: u64) -> Option<&Change> {
        self.0.iter().find(|change| change.revision == revision).map(|change| &**change)
    }

    /// Shared copies of those after `revision`, newest first.
    pub(crate) fn kept_since(&self, revision: u64) -> Vec<Arc<Change>> {
        self.0.iter().take_while(|change| change.revision > revision).cloned().collect()
    }

    /// Those after `revision`, newest first.
    pub(crate) fn since(&self, revision: u64) -> Vec<&Change> {
        self.0.iter().take_while(|change| change.revision > revision).map(|change| &**change).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::flags::change::{Author, FlagChange};
    use crate::flags::value::FlagValue;

    fn change(revision: u64, bytes: usize) -> Change {
        let value = FlagValue::parse("k", &format!("\"{}\"", "x".repeat(bytes))).unwrap();
        let flags = vec![FlagChange { key: "k".into(), old: None, new: Some(value), at: 0 }];
        Change::new(revision, SystemTime::UNIX_EPOCH, Author::FILE, None, flags)
    }

    fn revisions(history: &History) -> Vec<u64> {
        history.since(0).iter().map(|change| change.revision).collect()
    }

    #[test]
    fn the_newest_hundred_are_remembered() {
        let mut history = History::default();
        (1..=150).for_each(|revision| history.push(change(revision, 1)));
        assert_eq!(revisions(&history), (51..=150).rev().collect::<Vec<_>>());
        assert!(history.get(50).is_none() && history.get(51).is_some());
        assert_eq!(history.since(148).len(), 2);
    }

    #[test]
    fn large_values_are_forgotten_earlier_but_never_the_newest() {
        let mut history = History::default();
        (1..=20).for_each(|revision| history.push(change(revision, 4 * 1024 * 1024)));
        assert_eq!(revisions(&history), (14..=20).rev().collect::<Vec<_>>());
        history.push(change(21, MOST_BYTES + 1));
        assert_eq!(revisions(&history), [21]);
    }
}
