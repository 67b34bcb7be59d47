//! One test for each rule of the table in the module documentation.

use std::borrow::Cow;

use super::*;

/// The value of the only flag of `{"k":<json>}`.
fn value(json: &str) -> Value<'static> {
    let payload: &'static str = format!("{{\"k\":{json}}}").leak();
    let mut flags = decode(payload, &Limits::default()).unwrap();
    assert_eq!(flags.len(), 1);
    flags.remove(0).value
}

fn keys(payload: &str) -> Vec<String> {
    decode(payload, &Limits::default()).unwrap().into_iter().map(|flag| flag.key.into_owned()).collect()
}

fn refusal(payload: &str) -> PayloadError {
    decode(payload, &Limits::default()).unwrap_err()
}

fn message(payload: &str) -> String {
    refusal(payload).to_string()
}

#[test]
fn scalars_become_their_types() {
    assert_eq!(value("null"), Value::Null);
    assert_eq!(value("true"), Value::Bool(true));
    assert_eq!(value("false"), Value::Bool(false));
    assert_eq!(value("\"x\""), Value::String("x".into()));
    assert_eq!(value("[]"), Value::Json("[]".into()));
}

#[test]
fn what_is_no_json_is_refused_whole() {
    let bad = [
        "",
        " ",
        "{",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":-Infinity}",
        "{\"a\":+1}",
        "{\"a\":01}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":tru}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{1:1}",
        "{\"a\":1}x",
        "{} {}",
        "/**/{}",
        "{\"a\":[1,]}",
        "<html>",
        "NaN",
        "nul",
        "[1,",
        "\u{a0}{}",
        "{\"a\":\"\0\"}",
    ];
    for payload in bad {
        assert!(matches!(refusal(payload), PayloadError::NotJson { .. }), "{payload:?}");
    }
    assert_eq!(message("{\n \"a\": x}"), "payload is not valid JSON at line 2, column 7");
}

#[test]
fn a_root_that_is_no_object_is_refused_by_name() {
    for (payload, name) in [
        ("[{}]", "an array"),
        ("\"{}\"", "a string"),
        (" -1.5e3", "a number"),
        ("\ttrue", "a bool"),
        ("\r\nfalse ", "a bool"),
        ("null", "null"),
    ] {
        assert_eq!(
            message(payload),
            format!("payload is {name}, expected an object with one member for each flag")
        );
    }
}

#[test]
fn white_space_around_and_an_empty_object_are_accepted() {
    assert!(keys(" \t\r\n{ \t\r\n} \t\r\n").is_empty());
    assert_eq!(value(" \n 1 \t"), Value::I64(1));
}

#[test]
fn one_byte_order_mark_is_dropped_and_a_second_is_not() {
    assert_eq!(keys("\u{feff}{\"a\":1}"), ["a"]);
    assert_eq!(keys("{\"\u{feff}a\":1}"), ["\u{feff}a"]);
    assert!(matches!(refusal("\u{feff}\u{feff}{}"), PayloadError::NotJson { .. }));
    assert!(matches!(refusal(" \u{feff}{}"), PayloadError::NotJson { .. }));
    assert_eq!(decode_bytes(b"\xef\xbb\xbf{}", &Limits::default()).unwrap(), []);
}

#[test]
fn order_and_duplicates_are_kept() {
    let flags = decode(r#"{"b":1,"a":2,"b":3,"\u0062":4}"#, &Limits::default()).unwrap();
    let seen: Vec<_> = flags.iter().map(|flag| (&*flag.key, flag.value.clone())).collect();
    assert_eq!(
        seen,
        [("b", Value::I64(1)), ("a", Value::I64(2)), ("b", Value::I64(3)), ("b", Value::I64(4))]
    );
}

#[test]
fn an_empty_key_and_a_nul_are_allowed() {
    assert_eq!(keys(r#"{"":1,"a\u0000b":2}"#), ["", "a\0b"]);
    assert_eq!(value(r#""\u0000""#), Value::String("\0".into()));
    assert_eq!(value(r#"["\u0000"]"#), Value::Json(r#"["\u0000"]"#.into()));
}

#[test]
fn lone_surrogates_are_replaced_everywhere() {
    assert_eq!(keys(r#"{"\ud800k":1,"\ud83d\ude00":2}"#), ["\u{fffd}k", "\u{1f600}"]);
    assert_eq!(value(r#""a\udfff""#), Value::String("a\u{fffd}".into()));
    assert_eq!(value(r#"{"\ud800":["\udfff"]}"#), Value::Json("{\"\u{fffd}\":[\"\u{fffd}\"]}".into()));
}

#[test]
fn nested_json_is_compact_and_otherwise_as_written() {
    let json = "{ \"b\" : [ 1.50 , 1e400 ,\n\"x  y\\u0041\" ] , \"a\":{} , \"a\":1 }";
    assert_eq!(value(json), Value::Json(r#"{"b":[1.50,1e400,"x  y\u0041"],"a":{},"a":1}"#.into()));
}

#[test]
fn what_needs_no_change_is_borrowed() {
    let flags = decode(r#"{"key":"text","j":[1,"\n"],"n":1e999}"#, &Limits::default()).unwrap();
    for flag in &flags {
        assert!(matches!(flag.key, Cow::Borrowed(_)));
        assert!(matches!(
            flag.value,
            Value::String(Cow::Borrowed(_))
                | Value::Json(Cow::Borrowed(_))
                | Value::HugeNumber(Cow::Borrowed(_))
        ));
    }
}

#[test]
fn invalid_utf8_in_bytes_is_refused_with_its_position() {
    let error = decode_bytes(b"{\"a\":\"\xff\"}", &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "payload is not UTF-8: invalid byte at offset 6; save it as UTF-8");
}

#[test]
fn a_payload_over_the_limit_is_refused_before_it_is_parsed() {
    let limits = Limits::default().max_payload(8);
    assert!(decode("{\"a\":1 }", &limits).is_ok());
    let too_large = "payload has 9 bytes, at most 8 are accepted; publish fewer or smaller flags";
    assert_eq!(decode("not json!", &limits).unwrap_err().to_string(), too_large);
    assert_eq!(decode_bytes(&[0xff; 9], &limits).unwrap_err().to_string(), too_large);
}

fn nested(levels: usize) -> String {
    format!("{{\"k\":{}{}}}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn nesting_is_accepted_to_128_levels_with_the_root() {
    assert!(decode(&nested(127), &Limits::default()).is_ok());
    assert_eq!(message(&nested(128)), "flag \"k\" is nested deeper than 128 levels; flatten its value");
}

#[test]
fn messages_show_a_short_escaped_key_and_never_a_value() {
    let deep = "[".repeat(200) + "\"secret\"" + &"]".repeat(200);
    let long = format!("{{\"a\\nb{}\":{deep}}}", "x".repeat(1_000));
    let shown = format!("flag \"a\\nb{}\".. is nested", "x".repeat(61));
    assert!(message(&long).starts_with(&shown), "{}", message(&long));
    for payload in ["{\"a\":\"secret\" x", "\"secret\"", "{\"a\":secret}", &long] {
        let error = refusal(payload);
        assert!(!format!("{error} {error:?}").contains("secret"), "{payload}");
    }
}
