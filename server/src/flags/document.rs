//! All flags of an environment, in their order.

use std::fmt;
use std::sync::Arc;

use flagstaff_publisher::payload::{DEFAULT_MAX_PAYLOAD, Limits, PayloadError, decode};
use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::flags::change::FlagChange;
use crate::flags::layout::{Length, Sink};
use crate::flags::value::{FlagValue, quoted};

/// The flags. Of keys that are written twice the last value counts, at the place of the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document(IndexMap<Arc<str>, FlagValue>);

/// What becomes of one flag.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) key: Arc<str>,
    /// `None`: it is removed.
    pub(crate) value: Option<FlagValue>,
    /// Its place among the flags if it was not there; `None`: the last.
    pub(crate) at: Option<usize>,
}

impl Document {
    /// Reads a payload.
    pub(crate) fn parse(payload: &str) -> Result<Document, PayloadError> {
        members(payload).map(|members| Document(members.into_iter().collect()))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&FlagValue> {
        self.0.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &FlagValue)> {
        self.0.iter()
    }

    /// The same flags but for these: each has another value, or none. Takes time in proportion to all flags, however many are
    /// assigned at once. Of flags that were not there, those with a place come to it, and the others come last.
    pub(crate) fn with(&self, assignments: Vec<Assignment>) -> Document {
        let mut wanted: IndexMap<_, _> =
            assignments.into_iter().map(|one| (one.key, (one.value, one.at))).collect();
        let mut kept = Vec::with_capacity(self.0.len() + wanted.len());
        for (key, old) in &self.0 {
            match wanted.get_mut(key) {
                None => kept.push((key.clone(), old.clone())),
                Some((value, _)) => {
                    // The same value keeps the layout that it has in the file.
                    let value = value.take().map(|new| if *old == new { old.clone() } else { new });
                    kept.extend(value.map(|value| (key.clone(), value)));
                }
            }
        }
        let added = wanted.into_iter().filter_map(|(key, (value, at))| Some((at, key, value?)));
        let (mut placed, last): (Vec<_>, Vec<_>) = added.partition(|(at, ..)| at.is_some());
        // From the front to the end, so that each finds those that were before it.
        placed.sort_by_key(|(at, ..)| *at);
        let mut flags = IndexMap::with_capacity(kept.len() + placed.len() + last.len());
        let mut kept = kept.into_iter();
        for (at, key, value) in placed {
            let before = at.unwrap_or_default().saturating_sub(flags.len());
            flags.extend(kept.by_ref().take(before));
            flags.insert(key, value);
        }
        flags.extend(kept);
        flags.extend(last.into_iter().map(|(_, key, value)| (key, value)));
        Document(flags)
    }

    /// What makes this document `newer`. Another order of the keys is no change of a flag.
    pub(crate) fn changes_to(&self, newer: &Document) -> Vec<FlagChange> {
        let mut changes = Vec::new();
        for (at, (key, new)) in newer.0.iter().enumerate() {
            let old = self.get(key);
            if old != Some(new) {
                changes.push(FlagChange { key: key.clone(), old: old.cloned(), new: Some(new.clone()), at });
            }
        }
        for (at, (key, old)) in self.0.iter().enumerate() {
            if newer.get(key).is_none() {
                changes.push(FlagChange { key: key.clone(), old: Some(old.clone()), new: None, at });
            }
        }
        changes
    }

    /// The object as one line.
    pub(crate) fn line(&self) -> String {
        let mut out = String::new();
        self.write_line(&mut out);
        out
    }

    /// Appends the object as one line.
    pub(crate) fn write_line(&self, out: &mut String) {
        out.push('{');
        for (place, (key, value)) in self.0.iter().enumerate() {
            out.push_str(if place == 0 { "" } else { "," });
            out.push_str(&quoted(key));
            out.push(':');
            out.push_str(value.text());
        }
        out.push('}');
    }

    /// The object as it stands in a file. At most as many bytes as a publisher accepts; of more, no text is made.
    pub(crate) fn file_text(&self) -> Result<String, PayloadError> {
        let mut length = Length::default();
        self.write(&mut length);
        let (found, limit) = (length.bytes(), DEFAULT_MAX_PAYLOAD);
        if found > limit {
            return Err(PayloadError::TooLarge { found, limit });
        }
        let mut out = String::with_capacity(found);
        self.write(&mut out);
        Ok(out)
    }

    fn write(&self, out: &mut impl Sink) {
        out.text("{");
        for (place, (key, value)) in self.0.iter().enumerate() {
            out.text(if place == 0 { "\n  " } else { ",\n  " });
            out.text(&quoted(key));
            out.text(": ");
            value.write(out);
        }
        out.text(if self.0.is_empty() { "}\n" } else { "\n}\n" });
    }
}

/// The members of a payload in their order, duplicate keys included.
pub(crate) fn members(payload: &str) -> Result<Vec<(Arc<str>, FlagValue)>, PayloadError> {
    // What a publisher would refuse is refused here, and keys are what it makes of them.
    let flags = decode(payload, &Limits::default())?;
    let json = payload.strip_prefix('\u{feff}').unwrap_or(payload);
    let raw: RawMembers<'_> = serde_json::from_str(json).map_err(|source| PayloadError::NotJson {
        line: source.line(),
        column: source.column(),
        source,
    })?;
    Ok(flags.into_iter().zip(raw.0).map(|(flag, raw)| (Arc::from(flag.key), FlagValue::of(raw))).collect())
}

/// The values of an object as they are written. Keys are raw too: one with a lone surrogate would end the parse.
struct RawMembers<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some((_, value)) = members.next_entry::<&RawValue, &RawValue>()? {
                    values.push(value);
                }
                Ok(RawMembers(values))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str =
        "{\n  \"b\": 1e400,\n  \"a\": [1,   2],\n  \"big\": 12345678901234567890123,\n  \"n\": null\n}\n";

    fn value(json: &str) -> Option<FlagValue> {
        Some(FlagValue::parse("k", json).unwrap())
    }

    fn assign(key: &str, value: Option<FlagValue>, at: Option<usize>) -> Assignment {
        Assignment { key: key.into(), value, at }
    }

    /// The way that is plain to see: one flag after the other, each moving those behind it.
    fn one_by_one(document: &Document, assignments: &[(String, Option<FlagValue>, usize)]) -> Document {
        let mut flags: Vec<_> = document.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        flags.retain(|(key, _)| !assignments.iter().any(|(k, value, _)| **k == **key && value.is_none()));
        let mut set: Vec<_> =
            assignments.iter().filter_map(|(key, value, at)| Some((at, key, value.clone()?))).collect();
        set.sort_by_key(|(at, ..)| **at);
        for (at, key, value) in set {
            match flags.iter_mut().find(|(k, _)| **k == **key) {
                Some((_, old)) => *old = value,
                None => flags.insert((*at).min(flags.len()), (key.as_str().into(), value)),
            }
        }
        Document(flags.into_iter().collect())
    }

    #[test]
    fn many_flags_at_once_come_where_they_would_come_one_by_one() {
        let numbers = |count: usize, seed: usize| (0..count).map(move |n| (n * 7_919 + seed * 104_729) % 60);
        for seed in 0..200 {
            let members: Vec<_> = numbers(seed % 40, seed).map(|n| format!("\"k{n}\":{n}")).collect();
            let document = Document::parse(&format!("{{{}}}", members.join(","))).unwrap();
            let mut assignments: IndexMap<String, _> = IndexMap::new();
            for (place, n) in numbers(seed % 31, seed + 1).enumerate() {
                let value = if n % 3 == 0 { None } else { value(&format!("{}", n + 1)) };
                assignments.insert(format!("k{n}"), (value, (place * 7 + seed) % 53));
            }
            let list: Vec<_> = assignments.into_iter().map(|(key, (value, at))| (key, value, at)).collect();
            let batch = list.iter().map(|(key, value, at)| assign(key, value.clone(), Some(*at))).collect();
            assert_eq!(document.with(batch).line(), one_by_one(&document, &list).line(), "seed {seed}");
        }
    }

    #[test]
    fn a_file_in_our_layout_stays_byte_for_byte_with_numbers_and_values_as_written() {
        let document = Document::parse(ODD).unwrap();
        assert_eq!(document.file_text().unwrap(), ODD);
        assert_eq!(document.line(), r#"{"b":1e400,"a":[1,2],"big":12345678901234567890123,"n":null}"#);
        assert_eq!(Document::parse("{}").unwrap().file_text().unwrap(), "{}\n");
    }

    #[test]
    fn other_layouts_keep_their_order_and_their_nested_values() {
        let document = Document::parse("\u{feff}{\"z\":{ \"x\" :1},\n\n    \"a\":2}").unwrap();
        assert_eq!(document.file_text().unwrap(), "{\n  \"z\": { \"x\" :1},\n  \"a\": 2\n}\n");
    }

    #[test]
    fn a_new_key_comes_last_and_a_removed_one_comes_back_where_it_was() {
        let first = Document::parse(r#"{"a":1,"b":2,"c":3}"#).unwrap();
        let document = first.with(vec![assign("b", None, None), assign("d", value("[4]"), None)]);
        let removed = first.changes_to(&document).into_iter().find(|change| &*change.key == "b").unwrap();
        assert_eq!(document.line(), r#"{"a":1,"c":3,"d":[4]}"#);
        let document = document.with(vec![assign("b", removed.old, Some(removed.at))]);
        assert_eq!(document.line(), r#"{"a":1,"b":2,"c":3,"d":[4]}"#);
        assert_eq!(
            document.file_text().unwrap(),
            "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3,\n  \"d\": [\n    4\n  ]\n}\n"
        );
    }

    #[test]
    fn the_same_value_and_the_absence_of_an_absent_flag_change_nothing() {
        let before = Document::parse("{\"a\": [1, 2]}").unwrap();
        let document = before.with(vec![assign("a", value("[1,2]"), None), assign("b", None, None)]);
        assert!(before.changes_to(&document).is_empty());
        assert_eq!(document.file_text().unwrap(), "{\n  \"a\": [1, 2]\n}\n");
    }

    #[test]
    fn differences_are_named_by_flag_and_order_is_none() {
        let old = Document::parse(r#"{"a":1,"b":2,"c":3}"#).unwrap();
        let new = Document::parse(r#"{"c":3,"b":4,"d":5}"#).unwrap();
        let changes = old.changes_to(&new);
        let keys: Vec<_> =
            changes.iter().map(|change| (&*change.key, change.old.is_some(), change.new.is_some())).collect();
        assert_eq!(keys, [("b", true, true), ("d", false, true), ("a", true, false)]);
        assert!(old.changes_to(&Document::parse(r#"{"c":3,"b":2,"a":1}"#).unwrap()).is_empty());
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_and_odd_keys_follow_the_rules_of_payloads() {
        let document = Document::parse(r#"{"a":1,"b":0,"a":2,"\ud800":3,"\u00e9":4}"#).unwrap();
        assert_eq!(document.line(), "{\"a\":2,\"b\":0,\"\u{fffd}\":3,\"\u{e9}\":4}");
    }

    #[test]
    fn more_than_a_publisher_accepts_is_no_file() {
        let large = value(&format!("\"{}\"", "x".repeat(DEFAULT_MAX_PAYLOAD)));
        let document = Document::default().with(vec![assign("k", large, None)]);
        assert!(matches!(document.file_text(), Err(PayloadError::TooLarge { .. })));
    }
}
