//! The rules for payloads, each seen from the publisher's and the reader's end.

use flagstaff_format::Value;
use flagstaff_publisher::payload::{DEFAULT_MAX_PAYLOAD, Limits, MAX_DEPTH};
use flagstaff_publisher::{Notice, Publisher, PublisherOptions, Source, Stopper, run};

use crate::place::{Place, published};

fn nested(levels: usize) -> String {
    format!("{{\"deep\": {}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

#[test]
fn what_is_no_set_of_flags_is_refused_with_a_reason_and_the_last_snapshot_stays() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"good": 1}"#);
    let reader = place.reader();
    let two_marks = "\u{feff}\u{feff}{}";
    let bomb = "[".repeat(1_000_000);
    let deep_in_flag = nested(MAX_DEPTH + 1);
    let oversize = format!("{{\"a\": \"{}\"}}", "x".repeat(DEFAULT_MAX_PAYLOAD));
    for (name, payload, reason) in [
        ("root is an array", "[1]", "payload is an array, expected an object"),
        ("root is a string", "\"a\"", "payload is a string"),
        ("root is a number", "1", "payload is a number"),
        ("root is a bool", "true", "payload is a bool"),
        ("root is null", "null", "payload is null"),
        ("NaN at the root", "NaN", "not valid JSON at line 1"),
        ("NaN", r#"{"a": NaN}"#, "not valid JSON at line 1"),
        ("Infinity", r#"{"a": Infinity}"#, "not valid JSON"),
        ("negative Infinity", r#"{"a": -Infinity}"#, "not valid JSON"),
        ("comment", r#"{"a": 1 /* one */}"#, "not valid JSON"),
        ("trailing comma", "{\"a\": 1,\n}", "not valid JSON at line 2"),
        ("trailing garbage", r#"{"a": 1} x"#, "not valid JSON"),
        ("two objects", r#"{"a": 1}{"a": 2}"#, "not valid JSON"),
        ("cut off", r#"{"a": 1, "b"#, "not valid JSON"),
        ("empty", "", "not valid JSON"),
        ("white space", " \n", "not valid JSON"),
        ("single quotes", "{'a': 1}", "not valid JSON"),
        ("two byte-order marks", two_marks, "not valid JSON"),
        ("raw control character", "{\"a\": \"\u{1}\"}", "not valid JSON"),
        ("depth bomb", &bomb, "not valid JSON"),
        ("one level too deep", &deep_in_flag, "flag \"deep\" is nested deeper than 128 levels"),
        ("oversize", &oversize, "at most 5242880 are accepted"),
    ] {
        let error = publisher.publish(payload).unwrap_err().to_string();
        assert!(error.starts_with("payload refused: ") && error.contains(reason), "{name}: {error}");
        assert_eq!((reader.get_i64("good"), place.generation_word()), (1, 2), "{name}");
    }
}

#[test]
fn odd_but_valid_payloads_follow_one_rule_each() {
    let place = Place::new();
    let mut publisher = place.publisher();
    let reader = place.reader();
    let text = |text: &'static str| Value::String(text.into());
    let json = |text: &'static str| Value::Json(text.into());
    let huge = |text: &'static str| Value::HugeNumber(text.into());
    for (name, payload, key, value) in [
        ("byte-order mark", "\u{feff}{\"a\": 1}", "a", Value::I64(1)),
        ("duplicate keys", r#"{"a": 1, "b": 2, "a": 3}"#, "a", Value::I64(3)),
        ("empty key", r#"{"": "x"}"#, "", text("x")),
        ("NUL in a key", r#"{"a\u0000b": true}"#, "a\0b", Value::Bool(true)),
        ("NUL in a string", r#"{"a": "x\u0000y"}"#, "a", text("x\0y")),
        ("lone surrogate in a string", r#"{"a": "x\ud800y"}"#, "a", text("x\u{fffd}y")),
        ("lone surrogate in a key", r#"{"\udfff": 1}"#, "\u{fffd}", Value::I64(1)),
        ("surrogate pair", r#"{"a": "\ud83d\ude00"}"#, "a", text("\u{1f600}")),
        ("minus zero", r#"{"a": -0}"#, "a", Value::F64(-0.0)),
        ("smallest i64", r#"{"a": -9223372036854775808}"#, "a", Value::I64(i64::MIN)),
        ("largest u64", r#"{"a": 18446744073709551615}"#, "a", Value::U64(u64::MAX)),
        ("beyond u64", r#"{"a": 18446744073709551616}"#, "a", Value::F64(18_446_744_073_709_551_616.0)),
        ("float", r#"{"a": 1e2}"#, "a", Value::F64(100.0)),
        ("too small for f64", r#"{"a": 1e-999}"#, "a", Value::F64(0.0)),
        ("too large for f64", r#"{"a": 1e999}"#, "a", huge("1e999")),
        ("null", r#"{"a": null}"#, "a", Value::Null),
        ("nested", "{\"a\": { \"b\" : [ 1e999 ,2 ] }}", "a", json(r#"{"b":[1e999,2]}"#)),
        ("nested duplicate keys", r#"{"a": {"b": 1, "b": 2}}"#, "a", json(r#"{"b":1,"b":2}"#)),
        ("white space around", " \r\n\t{\"a\": 1} \n", "a", Value::I64(1)),
    ] {
        published(&mut publisher, payload);
        assert_eq!(reader.get(key), Some(value), "{name}");
    }
    published(&mut publisher, r#"{"a": -0}"#);
    assert!(reader.get_number_or("a", 7.0).is_sign_negative(), "zero keeps its sign");
    assert_eq!((reader.get_i64_or("a", 7), reader.get_u64_or("a", 7)), (0, 0), "and is an integer");
    published(&mut publisher, "{}");
    assert_eq!((reader.get("a"), reader.snapshot().len()), (None, 0), "an empty object is a set of flags");
}

#[test]
fn getters_of_any_type_answer_their_default_for_values_of_another() {
    let place = Place::new();
    let mut publisher = place.publisher();
    let reader = place.reader();
    published(
        &mut publisher,
        r#"{"null": null, "huge": 1e999, "json": {"a": 1}, "text": "1", "bool": true, "float": 0.5}"#,
    );
    for key in ["null", "huge", "json", "text", "float", "absent"] {
        assert!(reader.get_bool_or(key, true) && !reader.get_bool_or(key, false), "{key}");
    }
    for key in ["null", "huge", "json", "text", "bool", "absent"] {
        assert_eq!((reader.get_number_or(key, 7.0), reader.get_i64_or(key, 7)), (7.0, 7), "{key}");
    }
    for key in ["null", "huge", "json", "bool", "float", "absent"] {
        assert_eq!(reader.get_string_or(key, "default"), "default", "{key}");
    }
    assert_eq!((reader.get_number("float"), reader.get_i64_or("float", 7)), (0.5, 7));
}

#[test]
fn the_deepest_value_that_is_accepted_is_readable() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, &nested(MAX_DEPTH));
    let value = place.reader().get_json::<serde_json::Value>("deep");
    assert!(value.is_some_and(|value| value.is_array()));
}

#[test]
fn a_payload_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let place = Place::new();
    let options = PublisherOptions::default().limits(Limits::default().max_payload(1000));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    let payload = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    published(&mut publisher, &payload(1000));
    let error = publisher.publish(&payload(1001)).unwrap_err().to_string();
    assert!(error.contains("payload has 1001 bytes, at most 1000 are accepted"), "{error}");
}

#[test]
fn the_largest_payload_of_the_service_is_taken_whole() {
    let place = Place::new();
    let mut publisher = place.publisher();
    let mut payload = String::from("{\"last\":1");
    let mut flags = 1;
    while payload.len() < DEFAULT_MAX_PAYLOAD - 30 {
        payload += &format!(",\"{flags:x}\":{}", flags % 10);
        flags += 1;
    }
    payload += "}";
    published(&mut publisher, &payload);
    let reader = place.reader();
    assert_eq!((reader.snapshot().len(), reader.get_i64("last")), (flags, 1));
    for flag in (1..flags).step_by(997) {
        assert_eq!(reader.get_i64_or(format!("{flag:x}").as_str(), -1), flag as i64 % 10);
    }
}

/// Symptom: a file over the limit that its publisher was given was read whole all the same. Cause: `run` watched it with
/// the default limits. Fix: with those of the publisher.
#[test]
fn a_watched_file_is_held_to_the_limit_of_its_publisher() {
    let place = Place::new();
    let source = place.folder.path().join("flags.json");
    std::fs::write(&source, r#"{"n": 12345}"#).unwrap();
    let options = PublisherOptions::default().limits(Limits::default().max_payload(11));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    let stopper = Stopper::new();
    let mut heard = Vec::new();
    run(&mut publisher, Source::File(source), &stopper, &mut |notice| {
        heard.push(matches!(notice, Notice::Unreadable(_)));
        stopper.stop();
    })
    .unwrap();
    assert_eq!(heard, [true]);
}
