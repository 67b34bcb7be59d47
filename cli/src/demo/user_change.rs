//! The last change of a person, and which readers have seen it.

use super::message::fingerprint;
use super::service::Changed;

/// The last change that came from a person.
#[derive(Debug)]
pub(super) struct UserChange {
    last: Option<Last>,
    /// Nanoseconds from the change to the read of each reader that has seen it.
    seen: Vec<Option<u64>>,
}

#[derive(Debug)]
struct Last {
    changed: Changed,
    key: u64,
}

impl UserChange {
    /// No change yet, with so many readers.
    pub(super) fn new(readers: usize) -> UserChange {
        UserChange { last: None, seen: vec![None; readers] }
    }

    /// A person changed something.
    pub(super) fn changed(&mut self, changed: Changed) {
        let key = fingerprint(&changed.key);
        self.last = Some(Last { changed, key });
        self.seen.fill(None);
    }

    /// A reader saw that the flag with this fingerprint changed.
    pub(super) fn heard(&mut self, reader: usize, key: u64, seen_at: u64) {
        let Some(last) = self.last.as_ref().filter(|last| last.key == key && last.changed.at <= seen_at)
        else {
            return;
        };
        if let Some(seen) = self.seen.get_mut(reader)
            && seen.is_none()
        {
            *seen = Some(seen_at - last.changed.at);
        }
    }

    /// The change.
    pub(super) fn last(&self) -> Option<&Changed> {
        self.last.as_ref().map(|last| &last.changed)
    }

    /// How many readers there are.
    pub(super) fn readers(&self) -> usize {
        self.seen.len()
    }

    /// How many readers have seen it, and how long the slowest of them took, in nanoseconds.
    pub(super) fn seen_by(&self) -> (usize, Option<u64>) {
        let seen = self.seen.iter().flatten();
        (seen.clone().count(), seen.max().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(key: &str, at: u64) -> Changed {
        Changed { key: key.to_owned(), old: None, new: Some("true".to_owned()), at }
    }

    #[test]
    fn a_reader_counts_once_it_saw_that_flag_change_after_the_person_changed_it() {
        let mut user_change = UserChange::new(4);
        user_change.heard(0, fingerprint("a"), 5);
        user_change.changed(changed("a", 10));
        user_change.heard(0, fingerprint("a"), 9);
        user_change.heard(1, fingerprint("b"), 12);
        assert_eq!(user_change.seen_by(), (0, None));
        user_change.heard(0, fingerprint("a"), 13);
        user_change.heard(0, fingerprint("a"), 99);
        user_change.heard(3, fingerprint("a"), 12);
        assert_eq!(user_change.seen_by(), (2, Some(3)));
        user_change.changed(changed("b", 20));
        assert_eq!(user_change.seen_by(), (0, None));
    }
}
