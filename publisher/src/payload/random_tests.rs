//! Random objects: the decoder must agree with `serde_json`.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Tree};

use super::*;

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        any::<u64>().prop_map(Tree::from),
        any::<f64>().prop_map(Tree::from),
        any::<String>().prop_map(Tree::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Tree::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Tree>> {
    prop::collection::vec((any::<String>(), tree()), 0..12).prop_map(|members| members.into_iter().collect())
}

/// Integers by value, floats bit for bit. Nested text is taken apart by the decoder, because `serde_json` does not round
/// floats correctly without a feature that must not leak into the product.
fn agrees(value: &Value<'_>, tree: &Tree) -> bool {
    match (value, tree) {
        (Value::Null, Tree::Null) => true,
        (Value::Bool(left), Tree::Bool(right)) => left == right,
        (Value::I64(left), Tree::Number(right)) => Some(*left) == right.as_i64(),
        (Value::U64(left), Tree::Number(right)) => right.as_i64().is_none() && Some(*left) == right.as_u64(),
        (Value::F64(left), Tree::Number(right)) => {
            right.is_f64() && Some(left.to_bits()) == right.as_f64().map(f64::to_bits)
        }
        (Value::String(left), Tree::String(right)) => left == right,
        (Value::Json(text), Tree::Array(items)) => {
            let raw: Vec<&RawValue> = serde_json::from_str(text).unwrap();
            raw.len() == items.len() && raw.iter().zip(items).all(|(raw, tree)| element_agrees(raw, tree))
        }
        (Value::Json(text), Tree::Object(members)) => {
            let flags = decode(text, &Limits::default()).unwrap();
            flags.len() == members.len() && flags.iter().all(|flag| agrees(&flag.value, &members[&*flag.key]))
        }
        _ => false,
    }
}

/// Compares an element of an array as if it were a flag.
fn element_agrees(raw: &RawValue, tree: &Tree) -> bool {
    let payload = format!("{{\"\":{raw}}}");
    decode(&payload, &Limits::default()).is_ok_and(|flags| agrees(&flags[0].value, tree))
}

/// Escapes every character outside ASCII, so that the slow path of strings is taken.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    for character in json.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        }
    }
    out
}

fn check(payload: &str, expected: &Map<String, Tree>) -> Result<(), TestCaseError> {
    let flags = decode(payload, &Limits::default()).unwrap();
    prop_assert_eq!(flags.len(), expected.len());
    for flag in &flags {
        let tree = &expected[&*flag.key];
        prop_assert!(agrees(&flag.value, tree), "{:?} is not {}", flag, tree);
    }
    Ok(())
}

/// JSON in pieces that fit together often enough to reach every corner.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"\"",
        " ",
        "\n",
        "0",
        "-",
        "1.5",
        "1e999",
        "true",
        "null",
        "\\",
        "\\u",
        "d800",
        "dc00",
        "\\ud83d\\ude00",
        "\"k\":",
        "{\"k\":",
        "\u{feff}",
        "e",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn flags_equal_the_tree_of_the_same_text(object in object()) {
        check(&serde_json::to_string(&object).unwrap(), &object)?;
    }

    #[test]
    fn white_space_changes_nothing(object in object()) {
        check(&serde_json::to_string_pretty(&object).unwrap(), &object)?;
    }

    #[test]
    fn escapes_change_nothing(object in object()) {
        check(&escaped(&serde_json::to_string(&object).unwrap()), &object)?;
    }

    #[test]
    fn compacting_pretty_text_gives_the_compact_text(tree in prop::collection::vec(tree(), 0..8)) {
        let pretty = serde_json::to_string_pretty(&tree).unwrap();
        prop_assert_eq!(compact::compact(&pretty), serde_json::to_string(&tree).unwrap());
    }

    #[test]
    fn strings_of_any_escapes_equal_what_wtf_8_decoding_gives(units in prop::collection::vec(prop_oneof![
        any::<u16>(), 0xd700_u16..0xe100, 0x20_u16..0x80,
    ], 0..12)) {
        let token: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let token = format!("\"{token}\"");
        prop_assert_eq!(text::text(&token), String::from_utf16_lossy(&units));
        // In nested JSON the text must then be one that a strict parser takes.
        let nested = format!("[{token}]");
        let parsed: Vec<String> = serde_json::from_str(&compact::compact(&nested)).unwrap();
        prop_assert_eq!(parsed, [String::from_utf16_lossy(&units)]);
    }

    #[test]
    fn accepted_is_exactly_what_is_an_object_of_raw_values(payload in soup()) {
        let json = payload.strip_prefix('\u{feff}').unwrap_or(&payload);
        let is_json = serde_json::from_str::<&RawValue>(json).is_ok();
        let is_object = is_json && json.trim_start().starts_with('{');
        match decode(&payload, &Limits::default()) {
            Ok(flags) => {
                prop_assert!(is_object);
                for flag in flags {
                    if let Value::Json(text) = flag.value {
                        prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok());
                    }
                }
            }
            Err(PayloadError::RootNotObject { .. }) => prop_assert!(is_json && !is_object),
            Err(_) => prop_assert!(!is_json),
        }
        // What a strict parser takes is never refused.
        if serde_json::from_str::<HashMap<String, Tree>>(json).is_ok() {
            prop_assert!(decode(&payload, &Limits::default()).is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode_bytes(&bytes, &Limits::default());
    }
}

proptest! {
    /// What is published is decoded member by member; everybody else decodes the whole.
    #[test]
    fn members_are_the_flags_of_the_payload_however_it_is_laid_out(tree in object(), space in "[ \t\n\r]{0,3}") {
        let mut payload = format!("\u{feff}{{{space}");
        for (at, (key, value)) in tree.iter().enumerate() {
            let (key, comma) = (serde_json::to_string(key).unwrap(), if at == 0 { "" } else { "," });
            payload += &format!("{comma}{space}{key}{space}:{space}{value}{space}");
        }
        payload.push('}');
        let flags = decode(&payload, &Limits::default()).unwrap();
        let members = members(&payload, &Limits::default()).unwrap();
        prop_assert_eq!(members.count(), flags.len());
        for (at, flag) in flags.iter().enumerate() {
            prop_assert_eq!(&members.key(at), &flag.key);
            prop_assert_eq!(&members.value(at), &flag.value);
            let (most, text) = members.most_bytes(at);
            let (key, bytes) = flags.most_bytes(at);
            prop_assert!(most >= key && text >= bytes, "{} of {}", most, key);
        }
    }
}
