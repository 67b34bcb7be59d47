//! The places of a table at which two snapshots differ, for the change feed.

use crate::archive::records::Records;
use crate::archive::shape;
use crate::bytes::frame::Frame;
use crate::bytes::layout::text_word;
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, TextAt, kind};
use crate::sync::feed::{InFile, Size as _};

/// Records of the first look.
const FIRST_LOOK: usize = 1024;

/// The places whose flags have another value than in `before`, counted as records are: first those of the table, then overflow records.
/// `None` if a key came, went or moved, or if they are more than the change feed tells of one publish.
#[must_use]
pub fn changed_places(before: &impl Records, now: &impl Records) -> Option<Vec<u32>> {
    changed_among(before, now, usize::MAX)
}

/// Whether a publish may change few enough flags to be told of, judged by a part of them.
pub(crate) fn may_be_told(before: &impl Records, now: &impl Records) -> bool {
    changed_among(before, now, FIRST_LOOK).is_some()
}

/// As [`changed_places`], among the first `most` records.
fn changed_among(before: &impl Records, now: &impl Records, most: usize) -> Option<Vec<u32>> {
    if layout(before.frame()) != layout(now.frame()) {
        return None;
    }
    let mut places = Vec::new();
    for ((place, new), old) in (0_u32..).zip(now.records()).zip(before.records()).take(most) {
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

/// As [`changed_places`], of archives of the same length that differ in these lines of 64 bytes only: looks at no other records.
pub(crate) fn changed_in_lines(
    before: &impl Records,
    now: &impl Records,
    lines: &[usize],
) -> Option<Vec<u32>> {
    let places = now.frame().places;
    // A place is a line.
    let (in_records, behind) = lines.split_at(lines.partition_point(|line| *line < places));
    if layout(before.frame()) != layout(now.frame()) || now.frame().overflow != 0 {
        return changed_places(before, now);
    }
    let archive_words = now.frame().archive_bytes as usize / 8;
    let (texts, root) = (text_word(places, 0), archive_words.saturating_sub(shape::ROOT_BYTES / 8));
    let differs = |line: usize, from: usize, to: usize| {
        let mut words = (line * 8).max(from)..(line * 8 + 8).min(to);
        words.any(|at| before.word_at(at) != now.word_at(at))
    };
    // Another index is one of other keys.
    if behind.iter().any(|line| differs(*line, 0, texts)) {
        return changed_places(before, now);
    }
    let texts: Vec<usize> = behind.iter().copied().filter(|line| differs(*line, texts, root)).collect();
    let mut found: Vec<usize> = in_records.to_vec();
    if let (Some(first), Some(last)) = (texts.first(), texts.last()) {
        let is_touched = |at: Option<TextAt>| {
            at.is_some_and(|at| {
                let (from, to) = (at.word / 8, at.word.saturating_add(at.words()).div_ceil(8));
                from <= *last && to > *first && {
                    let next = texts.partition_point(|line| *line < from);
                    texts.get(next).is_some_and(|line| *line < to)
                }
            })
        };
        found.extend((0..places).filter(|place| {
            let record = now.record(place * RECORD_WORDS);
            is_touched(Hit::of(&record).text()) || is_touched(KeyOf(&record).middle())
        }));
        found.sort_unstable();
        found.dedup();
    }
    let mut changed = Vec::new();
    for place in found {
        let (old, new) = (before.record(place * RECORD_WORDS), now.record(place * RECORD_WORDS));
        if !has_same_key(before, &old, now, &new) {
            return None;
        }
        if !has_same_value(before, Hit::of(&old), now, Hit::of(&new)) {
            changed.push(u32::try_from(place).ok()?);
            if changed.len() > InFile::MOST {
                return None;
            }
        }
    }
    Some(changed)
}

/// Same keys at the same places have the same.
fn layout(of: &Frame) -> (usize, usize, u64) {
    (of.places, of.overflow, of.flags)
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
