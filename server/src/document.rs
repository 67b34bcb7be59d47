//! All flags of an environment, in their order.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use vexil_publisher::payload::{DEFAULT_MAX_PAYLOAD, Limits, PayloadError, decode};

use crate::change::FlagChange;
use crate::value::{FlagValue, quoted};

/// The flags. Of keys that are written twice the last value counts, at the place of the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document(IndexMap<Arc<str>, FlagValue>);

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

    /// Gives a flag another value, or none, and says what that changed. `at` is the place of a flag that is new.
    pub(crate) fn assign(
        &mut self,
        key: &Arc<str>,
        value: Option<FlagValue>,
        at: Option<usize>,
    ) -> Option<FlagChange> {
        let change = |old, new, at| Some(FlagChange { key: key.clone(), old, new, at });
        match (self.0.get_full_mut(&**key), value) {
            (Some((_, _, old)), Some(new)) if *old == new => None,
            (Some((place, _, old)), Some(new)) => {
                let old = std::mem::replace(old, new.clone());
                change(Some(old), Some(new), place)
            }
            (Some((place, _, _)), None) => {
                let old = self.0.shift_remove(&**key);
                change(old, None, place)
            }
            (None, Some(new)) => {
                let place = at.unwrap_or(usize::MAX).min(self.0.len());
                self.0.shift_insert(place, key.clone(), new.clone());
                change(None, Some(new), place)
            }
            (None, None) => None,
        }
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
        let mut out = String::from("{");
        for (place, (key, value)) in self.0.iter().enumerate() {
            out.push_str(if place == 0 { "" } else { "," });
            out.push_str(&quoted(key));
            out.push(':');
            out.push_str(value.text());
        }
        out.push('}');
        out
    }

    /// The object as it stands in a file. At most as many bytes as a publisher accepts.
    pub(crate) fn file_text(&self) -> Result<String, PayloadError> {
        let mut out = String::from("{");
        for (place, (key, value)) in self.0.iter().enumerate() {
            out.push_str(if place == 0 { "\n  " } else { ",\n  " });
            out.push_str(&quoted(key));
            out.push_str(": ");
            value.write(&mut out);
        }
        out.push_str(if self.0.is_empty() { "}\n" } else { "\n}\n" });
        let (found, limit) = (out.len(), DEFAULT_MAX_PAYLOAD);
        if found > limit { Err(PayloadError::TooLarge { found, limit }) } else { Ok(out) }
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
        let mut document = Document::parse(r#"{"a":1,"b":2,"c":3}"#).unwrap();
        let removed = document.assign(&"b".into(), None, None).unwrap();
        document.assign(&"d".into(), value("[4]"), None).unwrap();
        assert_eq!(document.line(), r#"{"a":1,"c":3,"d":[4]}"#);
        document.assign(&"b".into(), removed.old, Some(removed.at)).unwrap();
        assert_eq!(document.line(), r#"{"a":1,"b":2,"c":3,"d":[4]}"#);
        assert_eq!(
            document.file_text().unwrap(),
            "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3,\n  \"d\": [\n    4\n  ]\n}\n"
        );
    }

    #[test]
    fn the_same_value_and_the_absence_of_an_absent_flag_change_nothing() {
        let mut document = Document::parse("{\"a\": [1, 2]}").unwrap();
        assert!(document.assign(&"a".into(), value("[1,2]"), None).is_none());
        assert!(document.assign(&"b".into(), None, None).is_none());
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
        let mut document = Document::default();
        document.assign(&"k".into(), value(&format!("\"{}\"", "x".repeat(DEFAULT_MAX_PAYLOAD))), None);
        assert!(matches!(document.file_text(), Err(PayloadError::TooLarge { .. })));
    }
}
