//! The places of a table at which two snapshots differ, for the change feed.

use crate::archive::records::Records;
use crate::bytes::frame::Frame;
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, kind};
use crate::sync::feed::{InFile, Size as _};

/// The places whose flags have another value than in `before`, counted as records are: first those of the table, then overflow records.
/// `None` if a key came, went or moved, or if they are more than the change feed tells of one publish.
#[must_use]
pub fn changed_places(before: &impl Records, now: &impl Records) -> Option<Vec<u32>> {
    let shape = |of: &Frame| (of.places, of.overflow, of.flags);
    if shape(before.frame()) != shape(now.frame()) {
        return None;
    }
    let mut places = Vec::new();
    for ((place, new), old) in (0_u32..).zip(now.records()).zip(before.records()) {
        if !has_same_key(before, &old, now, &new) {
            return None;
        }
        if !has_same_value(before, Hit::of(&old), now, Hit::of(&new)) {
            places.push(place);
            if places.len() > InFile::MOST {
                return None;
            }
        }
    }
    Some(places)
}

type Words = [u64; RECORD_WORDS];

/// Whether two records, of a flag or empty, are of the same key.
pub(crate) fn has_same_key(before: &impl Records, old: &Words, now: &impl Records, new: &Words) -> bool {
    let (a, b) = (KeyOf(old), KeyOf(new));
    old[2..] == new[2..]
        && a.bytes() == b.bytes()
        && is_empty(old) == is_empty(new)
        && match (a.middle(), b.middle()) {
            (Some(a), Some(b)) => before.has_same_text(a, now, b),
            _ => true,
        }
}

/// Texts may stand elsewhere than they did.
pub(crate) fn has_same_value(before: &impl Records, old: Hit, now: &impl Records, new: Hit) -> bool {
    old.kind() == new.kind()
        && match (old.text(), new.text()) {
            (Some(old), Some(new)) => before.has_same_text(old, now, new),
            _ => old.value == new.value,
        }
}

/// Whether a place has no flag.
pub(crate) fn is_empty(record: &Words) -> bool {
    record[0] & 0xf == kind::EMPTY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::checked::Archive;
    use crate::archive::shape::Facts;
    use crate::bytes::generation::Generation;
    use crate::bytes::value::{Flag, Value};

    fn archive(flags: &[(&str, Value<'static>)]) -> Archive {
        let flags: Vec<_> =
            flags.iter().map(|(key, value)| Flag { key: (*key).into(), value: value.clone() }).collect();
        Archive::build(&flags, Generation(1), Facts::default()).unwrap()
    }

    fn keys(before: &Archive, now: &Archive) -> Option<Vec<String>> {
        let records: Vec<_> = now.records().collect();
        let mut keys: Vec<_> = changed_places(before, now)?
            .into_iter()
            .map(|place| Records::key(now, &records[place as usize]).unwrap())
            .collect();
        keys.sort();
        Some(keys)
    }

    const LONG: &str = "a-key-that-is-longer-than-forty-eight-bytes-and-so-has-a-middle";

    #[test]
    fn flags_with_another_value_are_found_at_their_places_and_texts_that_only_moved_are_not() {
        let text = |text: &'static str| Value::String(text.into());
        let before = [("a", text("short")), ("b", Value::Bool(true)), ("c", text("same")), (LONG, text("x"))];
        let mut after = before.clone();
        assert_eq!(keys(&archive(&before), &archive(&after)), Some(vec![]));
        after[0].1 = text("much longer than it was, so that the texts behind it move");
        after[1].1 = Value::Bool(false);
        assert_eq!(keys(&archive(&before), &archive(&after)).unwrap(), ["a", "b"]);
        after[2].1 = Value::Json("same".into());
        after[3].1 = text("y");
        assert_eq!(keys(&archive(&before), &archive(&after)).unwrap(), ["a", LONG, "b", "c"]);
    }

    #[test]
    fn a_key_that_came_went_or_was_exchanged_has_no_place_in_both() {
        let value = Value::I64(1);
        let two = archive(&[("a", value.clone()), ("b", value.clone())]);
        for other in [&["a"][..], &["a", "b", "c"], &["a", "c"], &[]] {
            let other: Vec<_> = other.iter().map(|key| (*key, value.clone())).collect();
            assert_eq!(keys(&two, &archive(&other)), None, "{other:?}");
        }
    }

    #[test]
    fn more_changes_than_a_publish_may_tell_are_not_told() {
        let names: Vec<String> = (0..200).map(|i| format!("flag-{i}")).collect();
        let with = |changed: usize| {
            let flags: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(i, key)| Flag { key: key.into(), value: Value::Bool(i < changed) })
                .collect();
            Archive::build(&flags, Generation(1), Facts::default()).unwrap()
        };
        assert_eq!(keys(&with(0), &with(InFile::MOST)).map(|keys| keys.len()), Some(InFile::MOST));
        assert_eq!(keys(&with(0), &with(InFile::MOST + 1)), None);
    }
}
