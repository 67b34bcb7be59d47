//! Numbers without loss.

use std::borrow::Cow;

use super::Value;

/// The value of a JSON number. `token` must have been checked to be one.
///
/// Rust's parsers accept more than JSON does (`+1`, `inf`), and less: none of the integer parsers takes a point or an
/// exponent. So a token that an integer parser accepts is an integer by the rule, and the order of the attempts is the rule.
pub(super) fn number(token: &str) -> Value<'_> {
    // No integer of a machine has a sign without a value.
    if token == "-0" {
        return Value::F64(-0.0);
    }
    if let Ok(integer) = token.parse() {
        return Value::I64(integer);
    }
    if let Ok(integer) = token.parse() {
        return Value::U64(integer);
    }
    match token.parse::<f64>() {
        Ok(float) if float.is_finite() => Value::F64(float),
        _ => Value::HugeNumber(Cow::Borrowed(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact() {
        assert_eq!(number("0"), Value::I64(0));
        assert_eq!(number("9007199254740993"), Value::I64(9_007_199_254_740_993));
        assert_eq!(number("9223372036854775807"), Value::I64(i64::MAX));
        assert_eq!(number("-9223372036854775808"), Value::I64(i64::MIN));
        assert_eq!(number("9223372036854775808"), Value::U64(1 << 63));
        assert_eq!(number("18446744073709551615"), Value::U64(u64::MAX));
        assert_eq!(number("18446744073709551616"), Value::F64(18_446_744_073_709_551_616.0));
        assert_eq!(number("-9223372036854775809"), Value::F64(-9_223_372_036_854_775_808.0));
    }

    #[test]
    fn a_point_or_an_exponent_makes_a_float() {
        for (json, float) in [("1.0", 1.0), ("1e2", 100.0), ("1E2", 100.0), ("-1e-2", -0.01), ("1e-999", 0.0)]
        {
            assert_eq!(number(json), Value::F64(float));
        }
    }

    /// Symptom: `-0` became `0`. Cause: it is an integer, and those have no negative zero. Fix: it is the double.
    #[test]
    fn zero_keeps_its_sign_however_it_is_written() {
        for json in ["-0", "-0.0", "-0e5", "-1e-999"] {
            assert!(
                matches!(number(json), Value::F64(zero) if zero == 0.0 && zero.is_sign_negative()),
                "{json}"
            );
        }
        for json in ["0", "0.0", "0e-5"] {
            assert!(!matches!(number(json), Value::F64(zero) if zero.is_sign_negative()), "{json}");
        }
    }

    #[test]
    fn floats_are_rounded_correctly() {
        // Halfway cases, and the number at which naive parsers never ended.
        assert_eq!(number("9007199254740993.0"), Value::F64(9_007_199_254_740_992.0));
        assert_eq!(number("9007199254740993.0000000001"), Value::F64(9_007_199_254_740_994.0));
        assert_eq!(number("2.2250738585072011e-308"), Value::F64(f64::from_bits(0x000f_ffff_ffff_ffff)));
        assert_eq!(number("1.7976931348623157e308"), Value::F64(f64::MAX));
    }

    #[test]
    fn a_number_beyond_f64_is_kept_as_written() {
        let digits = "1".repeat(400);
        for json in ["1e999", "-1e999", "1.7976931348623159e308", &digits] {
            assert_eq!(number(json), Value::HugeNumber(json.to_owned().into()));
        }
    }
}
