//! Values of an archive changed where they stand, where that gives the bytes that building anew would give.
//!
//! The parts of an archive stand where its keys and the sizes of its texts put them. So a value can be exchanged for one that takes as many
//! words of text: a boolean for a number, a string for one of about the same length. Whatever else changes, the archive is built anew.

use crate::archive::checked::Archive;
use crate::archive::lookup::{self, Words as _};
use crate::archive::shape::{self, Facts};
use crate::bytes::key::Hashed;
use crate::bytes::record::{Hit, RECORD_WORDS, kind};
use crate::bytes::value::Value;

impl Archive {
    /// The place of a flag in the table; `None` if there is none, or if it is an overflow record.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<u32> {
        let place = lookup::place(self, self.frame.places, key, &Hashed::new(key.as_bytes()))?;
        u32::try_from(place).ok()
    }

    /// Whether [`Archive::patch`] can make these changes.
    #[must_use]
    pub fn takes(&self, changes: &[(u32, Value<'_>)]) -> bool {
        let old = |place: u32| {
            let record = self.record_at(place as usize * RECORD_WORDS)?;
            ((place as usize) < self.frame.places).then_some(Hit::of(&record))
        };
        changes.iter().all(|(place, value)| old(*place).is_some_and(|old| fits(old, value)))
    }

    /// Gives the flags at these places, each named once, other values, and the archive other facts. Returns the places whose values differ
    /// from those of before, in order. `None`: it must be built anew, and nothing was changed.
    pub fn patch(&mut self, changes: &[(u32, Value<'_>)], facts: Facts) -> Option<Vec<u32>> {
        if !self.takes(changes) {
            return None;
        }
        let mut differ: Vec<u32> = changes
            .iter()
            .filter(|(place, value)| self.exchange(*place, value))
            .map(|(place, _)| *place)
            .collect();
        differ.sort_unstable();
        self.set_facts(facts);
        Some(differ)
    }

    /// Whether the value is another one than before.
    fn exchange(&mut self, place: u32, value: &Value<'_>) -> bool {
        let start = place as usize * RECORD_WORDS;
        let Some(record) = self.record_at(start) else { return false };
        let old = Hit::of(&record);
        let (kind, word, text) = match value {
            Value::Null => (kind::NULL, 0, None),
            Value::Bool(value) => (kind::FALSE | u64::from(*value), 0, None),
            Value::I64(value) => (kind::I64, *value as u64, None),
            Value::U64(value) => (kind::U64, *value, None),
            Value::F64(value) => (kind::F64, value.to_bits(), None),
            Value::HugeNumber(text) => (kind::HUGE, 0, Some(text)),
            Value::String(text) => (kind::STRING, 0, Some(text)),
            Value::Json(text) => (kind::JSON, 0, Some(text)),
        };
        let mut differs = false;
        let mut word = word;
        if let (Some(text), Some(at)) = (text, old.text()) {
            let mut padded = text.as_bytes().to_vec();
            padded.resize(at.words() * 8, 0);
            differs = self.overwrite(at.word * 8, &padded);
            word = (at.word as u64) << 32 | text.len() as u64;
        }
        let meta = record[0] & !0xf | kind;
        for (i, word) in [meta, word].into_iter().enumerate() {
            differs |= self.overwrite((start + i) * 8, &word.to_le_bytes());
        }
        differs
    }

    /// Whether the bytes are others than before.
    fn overwrite(&mut self, at: usize, new: &[u8]) -> bool {
        let Some(standing) = self.bytes.get_mut(at..at + new.len()) else { return false };
        if standing == new {
            return false;
        }
        standing.copy_from_slice(new);
        self.sums.renew_range(&self.bytes, at..at + new.len());
        true
    }

    fn set_facts(&mut self, facts: Facts) {
        let root = self.bytes.len() - shape::ROOT_BYTES;
        shape::set_facts(&mut self.bytes, facts);
        self.sums.renew_range(&self.bytes, root..self.bytes.len());
        self.facts = facts;
        self.frame.published_at = facts.published_at;
        self.frame.checksum = self.sums.checksum();
    }
}

/// Whether a value takes as many words of text as the one that stands there.
fn fits(old: Hit, new: &Value<'_>) -> bool {
    match (old.text(), new) {
        (Some(old), Value::HugeNumber(text) | Value::String(text) | Value::Json(text)) => {
            old.words() == text.len().div_ceil(8)
        }
        (None, Value::HugeNumber(_) | Value::String(_) | Value::Json(_)) => false,
        (old, _) => old.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::generation::Generation;
    use crate::bytes::value::Flag;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            (-1e9..1e9).prop_map(Value::F64),
            "[0-9]{20,40}".prop_map(|text| Value::HugeNumber(text.into())),
            "\\PC{0,20}".prop_map(|text| Value::String(text.into())),
            "\\[[a-z]{0,40}\\]".prop_map(|text| Value::Json(text.into())),
        ]
    }

    fn facts(number: u64) -> Facts {
        let mut facts = Facts::default();
        (facts.published_at, facts.payload_bytes, facts.payload_digest) =
            (number, number * 3, [number, !number]);
        facts
    }

    proptest! {
        /// The builder is the oracle: whatever is patched has its bytes, its frame and its facts.
        #[test]
        fn a_patched_archive_is_the_one_that_would_have_been_built(
            flags in proptest::collection::btree_map("[a-z]{1,70}", value(), 1..60),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), value()), 0..8),
        ) {
            let keys: Vec<_> = flags.keys().cloned().collect();
            let build = |values: &[Value<'static>], number| {
                let flags = keys.iter().zip(values);
                let flags: Vec<_> = flags.map(|(key, value)| Flag { key: key.into(), value: value.clone() }).collect();
                Archive::build(&flags, Generation(1), facts(number)).unwrap()
            };
            let before: Vec<_> = flags.into_values().collect();
            let mut after = before.clone();
            let mut archive = build(&before, 1);
            for (at, value) in edits {
                after[at.index(keys.len())] = value;
            }
            let changed: Vec<usize> = (0..keys.len()).filter(|i| after[*i] != before[*i]).collect();
            let place = |i: usize| archive.place_of(&keys[i]).unwrap();
            let changes: Vec<_> = changed.iter().map(|i| (place(*i), after[*i].clone())).collect();
            let mut places: Vec<_> = changes.iter().map(|(place, _)| *place).collect();
            places.sort_unstable();
            let (built, unpatched) = (build(&after, 2), build(&before, 1));
            match archive.patch(&changes, facts(2)) {
                Some(found) => {
                    prop_assert_eq!(found, places);
                    prop_assert_eq!(archive.bytes(), built.bytes());
                    prop_assert_eq!(archive.frame(), built.frame());
                    prop_assert_eq!(archive.facts(), built.facts());
                    prop_assert!(Archive::check(*archive.frame(), archive.bytes.clone()).is_ok());
                    archive.verify().unwrap();
                }
                None => {
                    prop_assert_eq!(archive.bytes(), unpatched.bytes());
                    prop_assert_eq!(archive.frame(), unpatched.frame());
                    // Only a text may have another size.
                    let is_text = |value: &Value<'_>| matches!(value, Value::HugeNumber(_) | Value::String(_) | Value::Json(_));
                    prop_assert!(changed.iter().any(|i| is_text(&before[*i]) || is_text(&after[*i])));
                }
            }
        }
    }
}
