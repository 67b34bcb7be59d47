//! What a getter of each kind has to answer for what a flag holds.

use flagstaff_reader::Value;

use super::flags::{Held, key};

/// An answer that is not the expected one.
#[derive(Debug)]
pub struct Wrong(String);

impl Wrong {
    pub(super) fn of(text: String) -> Wrong {
        Wrong(text)
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn compare<T: PartialEq + std::fmt::Debug>(
    call: &str,
    i: usize,
    got: T,
    expected: T,
) -> Result<(), Wrong> {
    if got == expected {
        return Ok(());
    }
    let name = key(i);
    let show = |value: &T| format!("{value:?}").chars().take(80).collect::<String>();
    Err(Wrong(format!(
        "{call} of key {i} ({} bytes): {} instead of {}",
        name.len(),
        show(&got),
        show(&expected)
    )))
}

pub(super) fn bool_of(held: Option<&Held>) -> Option<bool> {
    if let Some(Held::Bool(on)) = held { Some(*on) } else { None }
}

pub(super) fn number_of(held: Option<&Held>) -> Option<f64> {
    match held {
        Some(Held::I64(n)) => Some(*n as f64),
        Some(Held::U64(n)) => Some(*n as f64),
        Some(Held::F64(n)) => Some(*n),
        _ => None,
    }
}

pub(super) fn i64_of(held: Option<&Held>) -> Option<i64> {
    if let Some(Held::I64(n)) = held { Some(*n) } else { None }
}

pub(super) fn u64_of(held: Option<&Held>) -> Option<u64> {
    match held {
        Some(Held::I64(n)) => u64::try_from(*n).ok(),
        Some(Held::U64(n)) => Some(*n),
        _ => None,
    }
}

pub(super) fn text_of(held: Option<&Held>) -> Option<&str> {
    if let Some(Held::Text(text)) = held { Some(text) } else { None }
}

pub(super) fn json_of(held: Option<&Held>) -> Option<&str> {
    if let Some(Held::Json(text)) = held { Some(text) } else { None }
}

pub(super) fn value_of(held: Option<&Held>) -> Option<Value<'_>> {
    Some(match held? {
        Held::Null => Value::Null,
        Held::Bool(on) => Value::Bool(*on),
        Held::I64(n) => Value::I64(*n),
        Held::U64(n) => Value::U64(*n),
        Held::F64(n) => Value::F64(*n),
        Held::Huge => Value::HugeNumber("1e999".into()),
        Held::Text(text) => Value::String(text.into()),
        Held::Json(text) => Value::Json(text.into()),
    })
}
