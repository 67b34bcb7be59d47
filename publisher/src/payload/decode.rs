//! From text to flags, in one pass and without a tree.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::compact::{TooDeep, check_depth, compact};
use super::error::{JsonKind, KeyExcerpt, PayloadError};
use super::limits::{Limits, MAX_DEPTH};
use super::number::number;
use super::text::text;
use super::{Flag, FlagList, Value};

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
    decode_sized(sized_text(payload, limits)?)
}

fn sized_text<'a>(payload: &'a [u8], limits: &Limits) -> Result<&'a str, PayloadError> {
    check_size(payload.len(), limits)?;
    std::str::from_utf8(payload).map_err(|source| PayloadError::NotUtf8 { at: source.valid_up_to(), source })
}

pub(super) fn check_size(found: usize, limits: &Limits) -> Result<(), PayloadError> {
    let limit = limits.payload_bytes();
    if found > limit { Err(PayloadError::TooLarge { found, limit }) } else { Ok(()) }
}

/// Checks the bytes of a file as [`decode_bytes`] does, and needs no memory for the flags.
///
/// # Errors
///
/// As [`decode_bytes`].
pub fn check_bytes(payload: &[u8], limits: &Limits) -> Result<(), PayloadError> {
    each_member(sized_text(payload, limits)?, |_, _| ())
}

/// Finds the members of a payload and checks it, as [`decode`] does. They are decoded as they are asked for.
pub(crate) fn members<'a>(payload: &'a str, limits: &Limits) -> Result<Members<'a>, PayloadError> {
    check_size(payload.len(), limits)?;
    // Positions have 32 bits.
    check_size(payload.len(), &limits.max_payload(u32::MAX as usize))?;
    let at = |token: &str| (token.as_ptr().addr() - payload.as_ptr().addr()) as u32;
    let mut list = Vec::with_capacity(payload.len() / USUAL_FLAG);
    each_member(payload, |key, value| {
        let start = at(value);
        list.push(Member { key: at(key), value: start, end: start + value.len() as u32 });
    })?;
    Ok(Members { payload, list })
}

fn decode_sized(payload: &str) -> Result<Vec<Flag<'_>>, PayloadError> {
    let mut flags = Vec::with_capacity(payload.len() / USUAL_FLAG);
    each_member(payload, |key, raw| flags.push(Flag { key: text(key), value: value(raw) }))?;
    Ok(flags)
}

/// Calls `on` with the tokens of each member of a payload, key and value.
fn each_member<'a>(payload: &'a str, on: impl FnMut(&'a str, &'a str)) -> Result<(), PayloadError> {
    let json = payload.strip_prefix('\u{feff}').unwrap_or(payload);
    if let Some(found) = root_kind(json)
        && found != JsonKind::Object
    {
        // Text that is no JSON at all is called that, whatever it begins with.
        serde_json::from_str::<IgnoredAny>(json).map_err(not_json)?;
        return Err(PayloadError::RootNotObject { found });
    }
    let mut each = Each { on, refused: None };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let parsed = deserializer.deserialize_map(&mut each).and_then(|()| deserializer.end());
    match (each.refused, parsed) {
        (Some(refused), _) => Err(refused),
        (None, Err(source)) => Err(not_json(source)),
        (None, Ok(())) => Ok(()),
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

struct Each<F> {
    on: F,
    /// Set when a member of valid JSON is against the rules. The parser's own error cannot carry it.
    refused: Option<PayloadError>,
}

impl<'de, F: FnMut(&'de str, &'de str)> Visitor<'de> for &mut Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        // Keys are raw too: a key with a lone surrogate would otherwise end the parse.
        while let Some((key, raw)) = members.next_entry::<&RawValue, &RawValue>()? {
            if raw.get().starts_with(['{', '['])
                && let Err(TooDeep) = check_depth(raw.get())
            {
                let key = KeyExcerpt::new(&text(key.get()));
                self.refused = Some(PayloadError::TooDeep { key, limit: MAX_DEPTH });
                return Err(A::Error::custom("too deep"));
            }
            (self.on)(key.get(), raw.get());
        }
        Ok(())
    }
}

/// Where a member stands in its payload: 12 bytes, where a [`Flag`] has 56.
#[derive(Debug, Clone, Copy)]
struct Member {
    key: u32,
    value: u32,
    end: u32,
}

/// The members of a payload, which are decoded as they are asked for: a payload of 5 MiB may have more than half a million, and a
/// list of as many flags would take more memory than all else that publishing needs.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    payload: &'a str,
    list: Vec<Member>,
}

impl<'a> Members<'a> {
    /// Where the values stand, start and end.
    pub(super) fn value_spans(&self) -> impl Iterator<Item = (u32, u32)> {
        self.list.iter().map(|member| (member.value, member.end))
    }

    fn key_token(&self, at: usize) -> &'a str {
        let Member { key, value, .. } = self.list[at];
        // With what stands between key and value: white space, one colon, white space.
        let token = self.payload.get(key as usize..value as usize).unwrap_or_default().trim_ascii_end();
        token.strip_suffix(':').unwrap_or(token).trim_ascii_end()
    }

    /// Keys, and values as they stand there.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (Cow<'_, str>, &'a str)> {
        (0..self.list.len()).map(|at| (text(self.key_token(at)), self.value_token(at)))
    }

    fn value_token(&self, at: usize) -> &'a str {
        let Member { value, end, .. } = self.list[at];
        self.payload.get(value as usize..end as usize).unwrap_or_default()
    }
}

impl FlagList for Members<'_> {
    fn count(&self) -> usize {
        self.list.len()
    }

    fn key(&self, at: usize) -> Cow<'_, str> {
        text(self.key_token(at))
    }

    fn value(&self, at: usize) -> Value<'_> {
        value(self.value_token(at))
    }

    fn most_bytes(&self, at: usize) -> (usize, usize) {
        let Member { key, value, end } = self.list[at];
        let token = (end - value) as usize;
        let text = match self.payload.as_bytes().get(value as usize) {
            Some(b'"' | b'{' | b'[') => token,
            // Numbers that are kept as text are not shorter than `1e309`.
            Some(b'-' | b'0'..=b'9') if token >= 5 => token,
            _ => 0,
        };
        ((value - key) as usize, text)
    }
}

pub(super) fn value(raw: &str) -> Value<'_> {
    match raw.as_bytes().first() {
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        Some(b'"') => Value::String(text(raw)),
        Some(b'{' | b'[') => Value::Json(compact(raw)),
        _ => number(raw),
    }
}
