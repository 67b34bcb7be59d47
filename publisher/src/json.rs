//! Values and texts as JSON.

use flagstaff_format::Value;

/// A text as JSON.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as JSON, which is read as the same value again.
pub(crate) fn json_of(value: &Value<'_>) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        // Always with a fraction or an exponent.
        Value::F64(value) => format!("{value:?}"),
        Value::HugeNumber(text) | Value::Json(text) => text.clone().into_owned(),
        Value::String(text) => json_text(text),
        _ => "null".to_owned(),
    }
}
