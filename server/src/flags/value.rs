//! The key of a flag, and its value as it was written.

use std::sync::Arc;

use flagstaff_publisher::payload::{Limits, PayloadError, decode};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::ChangeError;
use crate::flags::layout::{Sink, compact, pretty};

/// Bytes of a key at most.
pub(crate) const MOST_KEY_BYTES: usize = 256;

/// A value. Clones share one copy in memory. Values are equal if they are written with the same tokens: `1.0` is not `1`.
#[derive(Debug, Clone)]
pub(crate) struct FlagValue {
    /// Without white space.
    json: Arc<RawValue>,
    layout: Layout,
    tag: u64,
}

/// How a value stands in the file.
#[derive(Debug, Clone)]
enum Layout {
    /// On a line for each member, as this program does it.
    Ours,
    /// Without white space, by somebody else.
    Compact,
    /// As somebody else has laid it out.
    Theirs(Arc<str>),
}

impl PartialEq for FlagValue {
    fn eq(&self, other: &FlagValue) -> bool {
        self.text() == other.text()
    }
}

impl Eq for FlagValue {}

impl FlagValue {
    /// A value of a payload that has been checked. Its layout is kept.
    pub(crate) fn of(raw: &RawValue) -> FlagValue {
        let json = compact(raw.get());
        let is_compact = json.len() == raw.get().len();
        let layout = if is_compact { Layout::Compact } else { Layout::Theirs(raw.get().into()) };
        // Valid JSON without its white space is valid.
        let json = RawValue::from_string(json.into_owned()).unwrap_or_else(|_| raw.to_owned());
        let tag = xxh3_64(json.get().as_bytes());
        FlagValue { json: json.into(), layout, tag }
    }

    /// Checks a value that somebody sent for the flag `key`, by the rules of payloads. Its layout is not kept.
    pub(crate) fn parse(key: &str, json: &str) -> Result<FlagValue, PayloadError> {
        let json = json.strip_prefix('\u{feff}').unwrap_or(json);
        let raw: &RawValue = serde_json::from_str(json).map_err(|source| PayloadError::NotJson {
            line: source.line(),
            column: source.column(),
            source,
        })?;
        let alone = format!("{{{}:{}}}", quoted(key), raw.get());
        decode(&alone, &Limits::default().max_payload(usize::MAX))?;
        Ok(FlagValue::of(raw).without_layout())
    }

    /// The same value, to be laid out by this program.
    pub(crate) fn without_layout(self) -> FlagValue {
        FlagValue { layout: Layout::Ours, ..self }
    }

    /// The value without white space.
    pub(crate) fn json(&self) -> &RawValue {
        &self.json
    }

    /// The text of [`FlagValue::json`].
    pub(crate) fn text(&self) -> &str {
        self.json.get()
    }

    /// Appends the value as it stands in a file, where it is a member of the root.
    pub(crate) fn write(&self, out: &mut impl Sink) {
        match &self.layout {
            Layout::Ours => pretty(self.text(), 1, out),
            Layout::Compact => out.text(self.text()),
            Layout::Theirs(text) => out.text(text),
        }
    }

    /// What names this value among those that the flag had and will have.
    pub(crate) fn tag(&self) -> String {
        format!("v-{:016x}", self.tag)
    }
}

/// Checks the key of a flag that is to be changed.
pub(crate) fn checked_key(key: &str) -> Result<Arc<str>, ChangeError> {
    let reason = if key.is_empty() {
        "is empty"
    } else if key.len() > MOST_KEY_BYTES {
        "is too long"
    } else if key.chars().any(char::is_control) {
        "has control characters"
    } else {
        return Ok(key.into());
    };
    Err(ChangeError::BadKey { reason, most: MOST_KEY_BYTES })
}

/// A key as JSON.
pub(crate) fn quoted(key: &str) -> String {
    // A string can always be written.
    serde_json::to_string(key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> FlagValue {
        FlagValue::parse("k", json).unwrap()
    }

    #[test]
    fn keys_have_1_to_256_bytes_and_no_control_characters() {
        for key in ["a", "a/b c", "é☃", &"x".repeat(256)] {
            assert_eq!(&*checked_key(key).unwrap(), key);
        }
        for (key, reason) in [
            ("", "is empty"),
            ("a\nb", "has control"),
            ("\u{85}", "has control"),
            (&"x".repeat(257), "is too long"),
        ] {
            let error = checked_key(key).unwrap_err().to_string();
            assert!(error.starts_with(&format!("flag key {reason}")), "{error}");
        }
    }

    #[test]
    fn a_value_is_one_value_by_the_rules_of_payloads() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(FlagValue::parse("k", &deep(127)).is_ok());
        let error = FlagValue::parse("k", &deep(128)).unwrap_err().to_string();
        assert_eq!(error, "flag \"k\" is nested deeper than 128 levels; flatten its value");
        for text in ["", "1, \"x\": 2", "1}", "{\"a\":1", "NaN", "tru"] {
            assert!(matches!(FlagValue::parse("k", text), Err(PayloadError::NotJson { .. })), "{text}");
        }
        let error = FlagValue::parse("k", "[1,\n tru]").unwrap_err().to_string();
        assert_eq!(error, "payload is not valid JSON at line 2, column 5");
    }

    #[test]
    fn numbers_stay_as_written_and_white_space_is_no_difference() {
        for text in ["1e400", "12345678901234567890123", "-0", "-0.0", "1.50"] {
            assert_eq!(parsed(&format!(" {text}\n")).text(), text);
        }
        assert_eq!(parsed("{\"a\" : [1, 2]}"), parsed("{\"a\":[1,2]}"));
        assert_eq!(parsed("{\"a\" : [1, 2]}").tag(), parsed("{\"a\":[1,2]}").tag());
        assert_ne!(parsed("1.0").tag(), parsed("1").tag());
    }
}
