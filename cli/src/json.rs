//! Values of flags as JSON text: read back, they are the same values.

use flagstaff_reader::Value;
use serde_json::value::RawValue;

/// The value as JSON. Integers are exact, a number with a fraction or exponent stays one, and numbers beyond `f64` and nested values
/// are written as they were published.
pub(crate) fn text(value: &Value<'_>) -> Result<String, serde_json::Error> {
    match value {
        Value::Null => Ok("null".to_owned()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::I64(value) => Ok(value.to_string()),
        Value::U64(value) => Ok(value.to_string()),
        // `-0.0` would have a fraction, which a negative zero rarely has in JSON.
        Value::F64(value) if *value == 0.0 && value.is_sign_negative() => Ok("-0".to_owned()),
        Value::F64(value) => serde_json::to_string(value),
        Value::HugeNumber(text) | Value::Json(text) => Ok(text.to_string()),
        Value::String(text) => serde_json::to_string(text),
        // A kind that this program does not know must not pass as a value.
        _ => Err(serde::ser::Error::custom("value of an unknown kind")),
    }
}

/// The value as a part of a larger JSON text.
pub(crate) fn raw(value: &Value<'_>) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(text(value)?)
}

#[cfg(test)]
mod tests {
    use flagstaff_publisher::payload::{Limits, decode};

    use super::*;

    #[test]
    fn what_was_decoded_is_written_so_that_it_decodes_to_the_same() {
        for json in [
            "null",
            "true",
            "-0",
            "-0.0",
            "0",
            "-9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "100.0",
            "1e300",
            "5e-324",
            "1e999",
            r#""a\"b\\c\u0000\n""#,
            r#"{"b":[1.50,1e999],"a":{}}"#,
            "[]",
        ] {
            let payload = format!("{{\"k\":{json}}}");
            let first = decode(&payload, &Limits::default()).unwrap();
            let again = format!("{{\"k\":{}}}", text(&first[0].value).unwrap());
            assert_eq!(first, decode(&again, &Limits::default()).unwrap(), "{json} became {again}");
            raw(&first[0].value).unwrap();
        }
    }

    #[test]
    fn a_negative_zero_is_written_as_one() {
        assert_eq!(text(&Value::F64(-0.0)).unwrap(), "-0");
        assert_eq!(text(&Value::F64(0.0)).unwrap(), "0.0");
    }
}
