//! The differences between two snapshots.

use crate::archive::changed_places::{has_same_key, has_same_value, is_empty};
use crate::archive::checked::Archive;
use crate::archive::records::Records;
use crate::bytes::layout::overflow_word;
use crate::bytes::record::{Hit, RECORD_WORDS, kind};

/// How a flag changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It was not there.
    Added,
    /// It had another value.
    Changed,
    /// It is not there any more.
    Removed,
}

impl Archive {
    /// Calls `on` with the key of every flag that is not as it was in `before`.
    ///
    /// Most publishes change values only, and then every key has the place that it had: such a flag is compared in a few
    /// nanoseconds, without making its key.
    pub fn each_difference(&self, before: &impl Records, mut on: impl FnMut(String, Difference)) {
        let mut kept = 0;
        for (place, record) in self.records().enumerate() {
            if is_empty(&record) {
                continue;
            }
            let (key, found) = match same_key_at(before, place, self, &record) {
                Some(found) => (None, found),
                None => match self.key(&record) {
                    Some(key) => {
                        let found = before.find(&key);
                        (Some(key), found)
                    }
                    None => continue,
                },
            };
            let difference = if !found.is_present() {
                Difference::Added
            } else if !has_same_value(before, found, self, Hit::of(&record)) {
                Difference::Changed
            } else {
                kept += 1;
                continue;
            };
            kept += usize::from(difference == Difference::Changed);
            if let Some(key) = key.or_else(|| self.key(&record)) {
                on(key, difference);
            }
        }
        // Every flag that stayed was counted above.
        if before.frame().flags as usize > kept {
            before
                .records()
                .filter(|record| !is_empty(record))
                .filter_map(|record| before.key(&record))
                .filter(|key| !self.find(key).is_present())
                .for_each(|key| on(key, Difference::Removed));
        }
    }
}

/// What became of a flag of an older snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there, with a value of the same type.
    Kept,
    /// It is there, with a value of another type.
    OtherType,
    /// It is not there any more.
    Gone,
}

impl Archive {
    /// Tells what became of each `every`-th place of `before`. `on` gets a function that makes the key, which takes longer than all else.
    /// Keys stand in the table in the order of their hashes, so a part of the places says much about all of them.
    pub fn each_fate<R: Records>(
        &self,
        before: &R,
        every: usize,
        mut on: impl FnMut(Fate, &dyn Fn() -> Option<String>),
    ) {
        let (places, overflow) = (before.frame().places, before.frame().overflow);
        let first = (0..places).map(|place| (place, place * RECORD_WORDS));
        let more = (0..overflow).map(|i| (usize::MAX, overflow_word(places) + i * RECORD_WORDS));
        for (place, start) in first.chain(more).step_by(every.max(1)) {
            // A damaged frame may promise more than there is.
            let Some(record) = before.record_at(start) else { break };
            let old = Hit::of(&record);
            if !old.is_present() {
                continue;
            }
            let found = same_key_at(self, place, before, &record)
                .or_else(|| before.key(&record).map(|key| self.find(&key)))
                .unwrap_or(Hit::MISSING);
            let fate = match found.is_present() {
                false => Fate::Gone,
                true if type_of(found) == type_of(old) => Fate::Kept,
                true => Fate::OtherType,
            };
            on(fate, &|| before.key(&record));
        }
    }
}

/// The same number for values of the same type, as an application asks for it.
fn type_of(hit: Hit) -> u64 {
    match hit.kind() {
        kind::FALSE | kind::TRUE => kind::TRUE,
        kind::I64 | kind::U64 | kind::F64 | kind::HUGE => kind::F64,
        other => other,
    }
}

/// The flag at a place, if its key is that of a record of another archive.
fn same_key_at(
    own: &impl Records,
    place: usize,
    other: &impl Records,
    record: &[u64; RECORD_WORDS],
) -> Option<Hit> {
    // Overflow records are rare: they are looked up.
    if place >= own.frame().places {
        return None;
    }
    let found = own.record(place * RECORD_WORDS);
    (!is_empty(&found) && has_same_key(own, &found, other, record)).then_some(Hit::of(&found))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::archive::shape::Facts;
    use crate::bytes::generation::Generation;
    use crate::bytes::value::{Flag, Value};

    type Flags = BTreeMap<String, String>;

    fn archive(flags: &Flags) -> Archive {
        let flags: Vec<_> = flags
            .iter()
            .map(|(key, value)| Flag { key: key.into(), value: Value::String(value.into()) })
            .collect();
        Archive::build(&flags, Generation(1), Facts::default()).unwrap()
    }

    fn flags() -> impl Strategy<Value = Flags> {
        // Few keys, so that the two have many in common; some of them long.
        proptest::collection::btree_map("[ab]{0,3}|long-[ab]{60}", "[xy]{0,9}", 0..12)
    }

    proptest! {
        #[test]
        fn differences_are_those_of_the_maps(old in flags(), new in flags()) {
            let mut found = BTreeMap::new();
            archive(&new).each_difference(&archive(&old), |key, difference| {
                assert!(found.insert(key, difference).is_none());
            });
            let mut expected = BTreeMap::new();
            for (key, value) in &new {
                match old.get(key) {
                    None => drop(expected.insert(key.clone(), Difference::Added)),
                    Some(before) if before != value => drop(expected.insert(key.clone(), Difference::Changed)),
                    Some(_) => {}
                }
            }
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            expected.extend(gone.map(|key| (key.clone(), Difference::Removed)));
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_changed_value_is_found_where_all_keys_stay(keys in proptest::collection::btree_set("[a-z]{1,70}", 1..40), at: prop::sample::Index) {
            let old: Flags = keys.iter().map(|key| (key.clone(), "before".to_owned())).collect();
            let (mut new, key) = (old.clone(), keys.iter().nth(at.index(keys.len())).unwrap());
            new.insert(key.clone(), "after".to_owned());
            let mut found = Vec::new();
            archive(&new).each_difference(&archive(&old), |key, difference| found.push((key, difference)));
            prop_assert_eq!(found, vec![(key.clone(), Difference::Changed)]);
        }
    }
}
