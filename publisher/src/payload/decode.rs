//! From text to flags, in one pass and without a tree.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::compact::{TooDeep, compact};
use super::error::{JsonKind, KeyExcerpt, PayloadError};
use super::limits::{Limits, MAX_DEPTH};
use super::number::number;
use super::text::text;
use super::{Flag, Value};

/// Bytes that a flag takes in a usual payload. Only decides how often the list of flags grows.
const USUAL_FLAG: usize = 48;

/// Decodes a payload. The rules are listed in the [module documentation](super).
///
/// Flags come in the order of the payload, duplicate keys included. They borrow from `payload` unless an escape, white
/// space inside a nested value or a lone surrogate makes a copy necessary. For a stream, which replaces invalid UTF-8
/// as it decodes; for the bytes of a file use [`decode_bytes`].
///
/// # Errors
///
/// The payload is too large, not JSON, not an object, or nested too deeply. Then no flag of it is to be used.
pub fn decode<'a>(payload: &'a str, limits: &Limits) -> Result<Vec<Flag<'a>>, PayloadError> {
    check_size(payload.len(), limits)?;
    decode_sized(payload)
}

/// Decodes the bytes of a file. Like [`decode`], but invalid UTF-8 is refused: in a file it is damage that somebody can
/// repair.
///
/// # Errors
///
/// As [`decode`], and for bytes that are not UTF-8.
pub fn decode_bytes<'a>(payload: &'a [u8], limits: &Limits) -> Result<Vec<Flag<'a>>, PayloadError> {
    check_size(payload.len(), limits)?;
    let text = std::str::from_utf8(payload)
        .map_err(|source| PayloadError::NotUtf8 { at: source.valid_up_to(), source })?;
    decode_sized(text)
}

fn check_size(found: usize, limits: &Limits) -> Result<(), PayloadError> {
    let limit = limits.payload_bytes();
    if found > limit { Err(PayloadError::TooLarge { found, limit }) } else { Ok(()) }
}

fn decode_sized(payload: &str) -> Result<Vec<Flag<'_>>, PayloadError> {
    let json = payload.strip_prefix('\u{feff}').unwrap_or(payload);
    if let Some(found) = root_kind(json)
        && found != JsonKind::Object
    {
        // Text that is no JSON at all is called that, whatever it begins with.
        serde_json::from_str::<IgnoredAny>(json).map_err(not_json)?;
        return Err(PayloadError::RootNotObject { found });
    }
    let mut flags = Flags { list: Vec::with_capacity(json.len() / USUAL_FLAG), refused: None };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let parsed = deserializer.deserialize_map(&mut flags).and_then(|()| deserializer.end());
    match (flags.refused, parsed) {
        (Some(refused), _) => Err(refused),
        (None, Err(source)) => Err(not_json(source)),
        (None, Ok(())) => Ok(flags.list),
    }
}

/// What a JSON text is, judged by its first character; `None` if it cannot be JSON.
fn root_kind(json: &str) -> Option<JsonKind> {
    match json.trim_start_matches([' ', '\t', '\n', '\r']).bytes().next()? {
        b'{' => Some(JsonKind::Object),
        b'[' => Some(JsonKind::Array),
        b'"' => Some(JsonKind::String),
        b't' | b'f' => Some(JsonKind::Bool),
        b'n' => Some(JsonKind::Null),
        b'-' | b'0'..=b'9' => Some(JsonKind::Number),
        _ => None,
    }
}

fn not_json(source: serde_json::Error) -> PayloadError {
    PayloadError::NotJson { line: source.line(), column: source.column(), source }
}

/// The flags seen so far.
struct Flags<'a> {
    list: Vec<Flag<'a>>,
    /// Set when a member of valid JSON is against the rules. The parser's own error cannot carry it.
    refused: Option<PayloadError>,
}

impl<'de> Visitor<'de> for &mut Flags<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        // Keys are raw too: a key with a lone surrogate would otherwise end the parse.
        while let Some((key, raw)) = members.next_entry::<&RawValue, &RawValue>()? {
            let key = text(key.get());
            match value(raw.get()) {
                Ok(value) => self.list.push(Flag { key, value }),
                Err(TooDeep) => {
                    self.refused =
                        Some(PayloadError::TooDeep { key: KeyExcerpt::new(&key), limit: MAX_DEPTH });
                    return Err(A::Error::custom("too deep"));
                }
            }
        }
        Ok(())
    }
}

fn value(raw: &str) -> Result<Value<'_>, TooDeep> {
    Ok(match raw.as_bytes().first() {
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        Some(b'"') => Value::String(text(raw)),
        Some(b'{' | b'[') => Value::Json(compact(raw)?),
        _ => number(raw),
    })
}
