//! A flag's value as the publisher hands it to the table builder.

use std::borrow::Cow;

/// The value of one flag. Borrows from the payload wherever it can.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// JSON `null`.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A JSON number without fraction and exponent that fits in an `i64`.
    I64(i64),
    /// A JSON number without fraction and exponent above `i64::MAX` that fits in a `u64`.
    U64(u64),
    /// Every other JSON number with a finite nearest `f64`.
    F64(f64),
    /// A JSON number whose nearest `f64` is infinite (`1e999`), as it was written. No typed getter returns it.
    HugeNumber(Cow<'a, str>),
    /// A JSON string, unescaped.
    String(Cow<'a, str>),
    /// A JSON object or array as compact, valid JSON text.
    Json(Cow<'a, str>),
}

impl Value<'_> {
    /// The same value, with texts that are borrowed from this one.
    #[must_use]
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(*value),
            Value::I64(value) => Value::I64(*value),
            Value::U64(value) => Value::U64(*value),
            Value::F64(value) => Value::F64(*value),
            Value::HugeNumber(text) => Value::HugeNumber(Cow::Borrowed(text)),
            Value::String(text) => Value::String(Cow::Borrowed(text)),
            Value::Json(text) => Value::Json(Cow::Borrowed(text)),
        }
    }

    /// The same value with texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::I64(value) => Value::I64(value),
            Value::U64(value) => Value::U64(value),
            Value::F64(value) => Value::F64(value),
            Value::HugeNumber(text) => Value::HugeNumber(own(text)),
            Value::String(text) => Value::String(own(text)),
            Value::Json(text) => Value::Json(own(text)),
        }
    }

    /// What kind of value it is, in one word.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::HugeNumber(_) => "number",
            Value::String(_) => "string",
            Value::Json(_) => "json",
        }
    }
}

/// One flag: key and value.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag<'a> {
    /// The flag key, unescaped. May be empty.
    pub key: Cow<'a, str>,
    /// Its value.
    pub value: Value<'a>,
}

/// Flags that an archive is built of, in order. Each is asked for several times and dropped at once, so a list that makes
/// flags on demand needs no memory for them.
pub trait FlagList {
    /// Number of flags.
    fn count(&self) -> usize;

    /// The key of a flag, which is below [`FlagList::count`].
    fn key(&self, at: usize) -> Cow<'_, str>;

    /// The value of a flag.
    fn value(&self, at: usize) -> Value<'_>;

    /// Bytes that the key has at most, and the text of the value, 0 for one without. Too many only reserve addresses.
    fn most_bytes(&self, at: usize) -> (usize, usize);
}

impl FlagList for [Flag<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn key(&self, at: usize) -> Cow<'_, str> {
        Cow::Borrowed(&self[at].key)
    }

    fn value(&self, at: usize) -> Value<'_> {
        self[at].value.borrowed()
    }

    fn most_bytes(&self, at: usize) -> (usize, usize) {
        let Flag { key, value } = &self[at];
        let text = match value {
            Value::HugeNumber(text) | Value::String(text) | Value::Json(text) => text.len(),
            _ => 0,
        };
        (key.len(), text)
    }
}
