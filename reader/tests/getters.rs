//! Every getter on every kind of flag.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use flagstaff_format::Value;
use flagstaff_reader::{Generation, Key, Reader};
use stage::{Stage, flag, publish};

const KINDS: [(&str, Value<'static>); 14] = [
    ("kind.null", Value::Null),
    ("kind.true", Value::Bool(true)),
    ("kind.false", Value::Bool(false)),
    ("kind.zero", Value::I64(0)),
    ("kind.negative", Value::I64(-5)),
    ("kind.i64-max", Value::I64(i64::MAX)),
    ("kind.u64-max", Value::U64(u64::MAX)),
    ("kind.fraction", Value::F64(1.5)),
    ("kind.huge", Value::HugeNumber(std::borrow::Cow::Borrowed("1e999"))),
    ("kind.empty-string", Value::String(std::borrow::Cow::Borrowed(""))),
    ("kind.string", Value::String(std::borrow::Cow::Borrowed("hell\u{f6}"))),
    ("kind.array", Value::Json(std::borrow::Cow::Borrowed("[1,2]"))),
    ("kind.object", Value::Json(std::borrow::Cow::Borrowed("{\"a\":true}"))),
    ("k", Value::Bool(true)),
];

fn kinds() -> (Stage, Reader) {
    let (stage, mut writer) = Stage::with_writer();
    publish(&mut writer, &KINDS.map(|(key, value)| flag(key, value)));
    let reader = Reader::open(&stage.path).unwrap();
    (stage, reader)
}

#[test]
fn a_getter_returns_its_own_type_and_the_default_for_every_other() {
    let (_stage, reader) = kinds();
    for (key, value) in KINDS {
        let bool = match value {
            Value::Bool(value) => Some(value),
            _ => None,
        };
        let (number, i64, u64) = match value {
            Value::I64(value) => (Some(value as f64), Some(value), u64::try_from(value).ok()),
            Value::U64(value) => (Some(value as f64), None, Some(value)),
            Value::F64(value) => (Some(value), None, None),
            _ => (None, None, None),
        };
        let string = if let Value::String(text) = &value { Some(text.as_ref()) } else { None };
        let json = if let Value::Json(text) = &value { Some(text.as_ref()) } else { None };
        let parsed = json.map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());

        assert_eq!(reader.get_bool(key), bool.unwrap_or_default(), "{key}");
        assert_eq!(reader.get_bool_or(key, true), bool.unwrap_or(true), "{key}");
        assert_eq!(reader.get_number(key), number.unwrap_or_default(), "{key}");
        assert_eq!(reader.get_number_or(key, 9.5), number.unwrap_or(9.5), "{key}");
        assert_eq!(reader.get_i64(key), i64.unwrap_or_default(), "{key}");
        assert_eq!(reader.get_i64_or(key, -9), i64.unwrap_or(-9), "{key}");
        assert_eq!(reader.get_u64(key), u64.unwrap_or_default(), "{key}");
        assert_eq!(reader.get_u64_or(key, 9), u64.unwrap_or(9), "{key}");
        assert_eq!(reader.get_string(key), string.unwrap_or_default(), "{key}");
        assert_eq!(reader.get_string_or(key, "d"), string.unwrap_or("d"), "{key}");
        assert_eq!(reader.with_str(key, |text| text.map(str::to_owned)).as_deref(), string, "{key}");
        assert_eq!(reader.get_json::<serde_json::Value>(key), parsed, "{key}");
        let default = serde_json::Value::from("d");
        assert_eq!(reader.get_json_or(key, default.clone()), parsed.clone().unwrap_or(default), "{key}");
        assert_eq!(reader.get(key), Some(value.clone()), "{key}");

        reader.read(|view| {
            assert_eq!(view.get_bool_or(key, true), bool.unwrap_or(true), "{key}");
            assert_eq!(view.get_number_or(key, 9.5), number.unwrap_or(9.5), "{key}");
            assert_eq!(view.get_i64_or(key, -9), i64.unwrap_or(-9), "{key}");
            assert_eq!(view.get_u64_or(key, 9), u64.unwrap_or(9), "{key}");
            assert_eq!(view.get_string_or(key, "d"), string.unwrap_or("d"), "{key}");
            assert_eq!(view.get_json_text(key).as_deref(), json, "{key}");
            assert_eq!(view.get_bool(key), bool.unwrap_or_default(), "{key}");
            assert_eq!(view.get_number(key), number.unwrap_or_default(), "{key}");
            assert_eq!(view.get_i64(key), i64.unwrap_or_default(), "{key}");
            assert_eq!(view.get_u64(key), u64.unwrap_or_default(), "{key}");
            assert_eq!(view.get_string(key), string.unwrap_or_default(), "{key}");
        });

        let snapshot = reader.snapshot();
        assert_eq!(snapshot.get(key), Some(value.clone()), "{key}");
        assert_eq!(snapshot.get_bool(key), bool.unwrap_or_default(), "{key}");
        assert_eq!(snapshot.get_number(key), number.unwrap_or_default(), "{key}");
        assert_eq!(snapshot.get_str(key), string, "{key}");
        assert_eq!(snapshot.get_json_text(key), json, "{key}");

        assert_eq!(reader.bool_flag_or(key, true).get(), bool.unwrap_or(true), "{key}");
        assert_eq!(reader.number_flag_or(key, 9.5).get(), number.unwrap_or(9.5), "{key}");
        assert_eq!(&*reader.string_flag_or(key, "d").get(), string.unwrap_or("d"), "{key}");
        assert_eq!(reader.json_flag::<serde_json::Value>(key).get().map(|v| (*v).clone()), parsed, "{key}");
    }
    assert_eq!((reader.snapshot().len(), reader.generation()), (KINDS.len(), Generation(1)));
}

/// What every getter returns for a key, by the one list that all types must have.
macro_rules! all_getters {
    ($flags:expr, $key:expr) => {{
        let (flags, key) = ($flags, $key);
        let text = |text: Option<&str>| text.map(str::to_owned);
        let default = serde_json::Value::from("d");
        (
            (flags.get_bool(key), flags.get_bool_or(key, true)),
            [flags.get_number(key), flags.get_number_or(key, 9.5)].map(f64::to_bits),
            [flags.get_i64(key), flags.get_i64_or(key, -9)],
            [flags.get_u64(key), flags.get_u64_or(key, 9)],
            [flags.get_string(key), flags.get_string_or(key, "d")],
            flags.with_str(key, text),
            flags.get_json_text(key).map(|text| text.to_string()),
            flags.get(key).map(Value::into_owned),
            [flags.get_json::<serde_json::Value>(key), Some(flags.get_json_or(key, default))],
        )
    }};
}

#[test]
fn a_reader_its_view_and_its_copy_return_the_same_for_every_key() {
    let (stage, mut writer) = Stage::with_writer();
    let long = |key: &str| key.repeat(12);
    let damaged = [("not-a-number", f64::NAN), ("infinite", f64::NEG_INFINITY)];
    let kinds = KINDS.into_iter().chain(damaged.map(|(key, number)| (key, Value::F64(number))));
    let more = [
        ("text-of-65-bytes", Value::String("t".repeat(65).into())),
        ("text-of-2000-bytes", Value::String("t".repeat(2000).into())),
        ("json-of-2000-bytes", Value::Json(format!("[{}0]", "0,".repeat(999)).into())),
    ];
    let flags: Vec<_> = kinds.chain(more).collect();
    let all =
        flags.iter().flat_map(|(key, value)| [flag(key, value.clone()), flag(&long(key), value.clone())]);
    publish(&mut writer, &all.collect::<Vec<_>>());
    let reader = Reader::open(&stage.path).unwrap();
    let snapshot = reader.snapshot();
    for (key, _) in flags.iter().chain(&[("missing", Value::Null)]) {
        for key in [(*key).to_owned(), long(key)] {
            let expected = all_getters!(&reader, key.as_str());
            assert_eq!(all_getters!(&reader, Key::new(&key)), expected, "{key}");
            assert_eq!(reader.read(|view| all_getters!(view, key.as_str())), expected, "{key}");
            assert_eq!(reader.read(|view| all_getters!(view, Key::new(&key))), expected, "{key}");
            assert_eq!(all_getters!(&*snapshot, key.as_str()), expected, "{key}");
        }
    }
    // No payload has such numbers: they are damage, and no values.
    for (key, _) in damaged {
        assert_eq!((reader.get(key), reader.get_number_or(key, 9.5)), (None, 9.5), "{key}");
    }
}

#[test]
fn several_flags_are_read_at_once_each_with_its_own_default() {
    let (_stage, reader) = kinds();
    assert_eq!(reader.get_bools(["kind.true", "kind.false", "missing", "k"]), [true, false, false, true]);
    assert_eq!(reader.get_bools([Key::new("kind.true"), Key::new("kind.string")]), [true, false]);
    assert_eq!(reader.get_numbers(["kind.negative", "kind.fraction", "missing"]), [-5.0, 1.5, 0.0]);
    assert_eq!(reader.get_strings(["kind.string", "missing"]), ["hell\u{f6}", ""]);
    let values = [Some(Value::Null), Some(Value::I64(-5)), None];
    assert_eq!(reader.get_many(["kind.null", "kind.negative", "missing"]), values);
    assert_eq!(Reader::attach("/nowhere").get_bools(["kind.true"]), [false]);
}

#[test]
fn many_flags_are_read_at_once_as_one_by_one_whatever_the_lengths_of_their_keys() {
    let (stage, mut writer) = Stage::with_writer();
    // Of 0 to 99 bytes, more than are looked up together, and as many that are missing.
    let keys: Vec<String> = (0..200).map(|i| "k".repeat(i % 100) + ["", "!"][i / 100]).collect();
    let flags: Vec<_> = keys[..100]
        .iter()
        .enumerate()
        .map(|(i, key)| match i % 3 {
            0 => flag(key, Value::Bool(i % 2 == 0)),
            1 => flag(key, Value::I64(i as i64)),
            _ => flag(key, Value::String("x".repeat(i * 20).into())),
        })
        .collect();
    stage::publish(&mut writer, &flags);
    let reader = Reader::open(&stage.path).unwrap();
    for length in [0, 1, 15, 16, 17, 40, 200] {
        for from in [0, 3, 48, 200 - length.min(160)] {
            let keys = &keys[from..(from + length).min(200)];
            let bools: Vec<_> = keys.iter().map(|key| reader.get_bool(key)).collect();
            let values: Vec<_> = keys.iter().map(|key| reader.get(key)).collect();
            assert_eq!(
                (reader.get_bools_of(keys), reader.get_many_of(keys)),
                (bools, values),
                "{length} from {from}"
            );
        }
    }
    let short: Vec<_> = keys.iter().filter(|key| (8..=48).contains(&key.len())).cloned().collect();
    let (chunks, _) = short.as_chunks::<16>();
    for keys in chunks {
        let numbers = keys.each_ref().map(|key| reader.get_number(key));
        assert_eq!(reader.get_numbers(keys.each_ref()), numbers);
        assert_eq!(reader.get_bools(keys.each_ref()), keys.each_ref().map(|key| reader.get_bool(key)));
    }
}

#[test]
fn get_tells_a_missing_flag_from_one_that_has_the_default() {
    let (_stage, reader) = kinds();
    assert_eq!(reader.get("kind.missing"), None);
    assert_eq!(reader.get("kind.false"), Some(Value::Bool(false)));
    assert_eq!(reader.get("kind.null"), Some(Value::Null));
    assert_eq!(reader.snapshot().get("kind.missing"), None);
    assert_eq!(reader.get_string_or("kind.missing", "default"), "default");
}

#[test]
fn a_json_flag_that_is_no_such_type_gives_the_default() {
    let (_stage, reader) = kinds();
    assert_eq!(reader.get_json::<Vec<u32>>("kind.array"), Some(vec![1, 2]));
    assert_eq!(reader.get_json::<Vec<String>>("kind.array"), None);
    assert_eq!(reader.json_flag::<Vec<String>>("kind.array").get(), None);
    assert_eq!(reader.get_json_or("kind.object", vec![7]), [7]);
}

/// Keys of every length from 0 to 200 bytes, of one byte and of several bytes per character.
fn keys() -> Vec<String> {
    let ascii = (0..=200).map(|n| (0..n).map(|i| char::from(b'a' + (i * 7 + n) as u8 % 26)).collect());
    let unicode = (1..=50).map(|n| "\u{1f6a9}\u{e4}\u{4e2d}\0".chars().cycle().skip(n % 3).take(n).collect());
    ascii.chain(unicode).collect()
}

#[test]
fn keys_of_every_length_are_found_as_str_string_key_and_reference() {
    let (stage, mut writer) = Stage::with_writer();
    let keys = keys();
    let flags: Vec<_> = keys.iter().enumerate().map(|(i, key)| flag(key, Value::U64(i as u64 + 1))).collect();
    publish(&mut writer, &flags);
    let reader = Reader::open(&stage.path).unwrap();
    for (i, key) in keys.iter().enumerate() {
        let expected = i as u64 + 1;
        let prepared = Key::new(key);
        let values = [
            reader.get_u64(key.as_str()),
            reader.get_u64(key),
            reader.get_u64(key.clone()),
            reader.get_u64(prepared),
            reader.read(|view| view.get_u64(prepared)),
            reader.number_flag(key).get() as u64,
            reader.snapshot().get_number(key) as u64,
        ];
        assert_eq!(values, [expected; 7], "{key:?}");
        // Neighbours in spelling are other keys.
        for other in [format!("{key}\0"), format!("x{key}"), key.chars().skip(1).collect()] {
            let expected = keys.iter().position(|k| *k == other).map_or(0, |i| i as u64 + 1);
            assert_eq!(reader.get_u64(&other), expected, "{other:?}");
        }
    }
}

#[test]
fn a_key_prepared_in_a_const_works_like_its_text() {
    const TRUE: Key<'static> = Key::new("kind.true");
    const SHORT: Key<'static> = Key::new("k");
    const EMPTY: Key<'static> = Key::new("");
    let (_stage, reader) = kinds();
    assert!(reader.get_bool(TRUE) && reader.get_bool_or(TRUE, false) && reader.get_bool(SHORT));
    assert!(!reader.get_bool(EMPTY) && reader.get_bool_or(EMPTY, true));
}

#[test]
fn no_key_makes_a_getter_panic_or_return_anything_but_the_default() {
    let (_stage, reader) = kinds();
    let long = "kind.true".repeat(1 << 20);
    let hostile =
        ["", "\0", "\0\0\0\0\0\0\0\0", "../../etc/passwd", "%s%n", "kind.true\0", "\u{feff}kind.true", &long];
    for key in hostile {
        assert!(reader.get_bool_or(key, true) && !reader.get_bool(key));
        assert_eq!((reader.get_number(key), reader.get_i64(key), reader.get_u64(key)), (0.0, 0, 0));
        assert_eq!((reader.get_string(key), reader.get(key)), (String::new(), None));
        assert_eq!(reader.get_json::<bool>(key), None);
        assert!(!reader.bool_flag(key).get() && reader.string_flag(key).get().is_empty());
        assert!(!reader.read(|view| view.get_bool(key)));
        assert_eq!(reader.snapshot().get(key), None);
    }
}

#[test]
fn a_string_that_does_not_fit_the_stack_is_read_whole() {
    let (stage, mut writer) = Stage::with_writer();
    let mut texts: Vec<String> = [511, 512, 513, 5000, 300_000].map(|n| "s\u{fc}".repeat(n / 3 + 1)).into();
    // Around every bound of the buffers on the way, byte by byte.
    texts.extend([0..=72, 508..=516].into_iter().flatten().map(|n| "t".repeat(n)));
    let flags: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| flag(&format!("text-{i}"), Value::String(text.clone().into())))
        .collect();
    publish(&mut writer, &flags);
    let reader = Reader::open(&stage.path).unwrap();
    for (i, text) in texts.iter().enumerate() {
        let key = format!("text-{i}");
        assert_eq!(&reader.get_string(&key), text);
        assert_eq!(reader.read(|view| view.get_string(&key)), *text);
        assert_eq!(&*reader.string_flag(&key).get(), text);
    }
}

#[test]
fn a_reader_is_shared_between_threads_and_outlived_by_its_snapshot() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let (stage, reader) = kinds();
    shared(&reader);
    shared(&reader.bool_flag("kind.true"));
    shared(&reader.json_flag::<Vec<u32>>("kind.array"));
    let snapshot = reader.snapshot();
    shared(&snapshot);
    drop((reader, stage));
    assert_eq!(snapshot.get_str("kind.string"), Some("hell\u{f6}"));
    assert_eq!(snapshot.iter().count(), KINDS.len());
}
