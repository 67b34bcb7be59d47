use super::super::decode::members;
use super::*;
use proptest::prelude::*;

fn edits<'a>(old: &str, new: &'a str) -> Option<Edits<'a>> {
    let list = members(old, &Limits::default()).unwrap().into_list();
    let edits = Edits::between(old, &list, new, &Limits::default())?;
    // Whatever is found: the members that follow from it are those that the parser finds.
    let mut moved = list;
    edits.apply_to(&mut moved);
    assert_eq!(moved, members(new, &Limits::default()).unwrap().into_list(), "{old} -> {new}");
    Some(edits)
}

fn found(old: &str, new: &str) -> Option<Vec<String>> {
    let list = members(old, &Limits::default()).unwrap().into_list();
    let edits = edits(old, new)?;
    Some(edits.flags(old, &list).map(|(key, value)| format!("{key}={value:?}")).collect())
}

/// With enough others for one or two of them to differ.
fn among(members: &str) -> String {
    let others: Vec<_> = (0..20).map(|i| format!("\"other-{i}\":{i}")).collect();
    format!("{{{members},{}}}", others.join(","))
}

#[test]
fn values_that_differ_are_found_also_if_they_became_longer_shorter_or_of_another_type() {
    for (old, new, expected) in [
        ("true", "false", "Bool(false)"),
        ("1", "12", "I64(12)"),
        ("12", "1", "I64(1)"),
        ("1", "1.5e3", "F64(1500.0)"),
        ("\"a\"", "\"ab\"", "String(\"ab\")"),
        ("\"a\\\"b\"", "\"a\\\\\"", "String(\"a\\\\\")"),
        ("\"\u{e4}\"", "\"\u{e5}\"", "String(\"\u{e5}\")"),
        ("[1,[2]]", "{\"a\":\"}\"}", "Json(\"{\\\"a\\\":\\\"}\\\"}\")"),
        ("null", "[1, 2]", "Json(\"[1,2]\")"),
    ] {
        let (old, new) = (among(&format!("\"k\":{old}")), among(&format!("\"k\":{new}")));
        assert_eq!(found(&old, &new), Some(vec![format!("k={expected}")]), "{old} -> {new}");
    }
    assert_eq!(found(&among("\"a\" : 1"), &among("\"a\" : 2")), Some(vec!["a=I64(2)".to_owned()]));
    assert_eq!(found("\u{feff}{\"a\":1}", "\u{feff}{\"a\":2}"), Some(vec!["a=I64(2)".to_owned()]));
    assert_eq!(found("{}", "{}"), Some(vec![]));
}

#[test]
fn whatever_else_differs_is_left_to_the_parser() {
    let old = among("\"k\":1,\"l\":[1]");
    for new in [
        among("\"j\":1,\"l\":[1]"),
        among("\"k\":1"),
        among("\"k\":1,\"l\":[1],\"m\":1"),
        among("\"l\":[1],\"k\":1"),
        among("\"k\": 1,\"l\":[1]"),
        among("\"k\":1 ,\"l\":[1]"),
        among("\"k\":01,\"l\":[1]"),
        among("\"k\":,\"l\":[1]"),
        among("\"k\":nul,\"l\":[1]"),
        among("\"k\":1,\"l\":[1"),
        among("\"k\":1,\"l\":[1]]"),
        among("\"k\":\"\n\",\"l\":[1]"),
        among(&format!("\"k\":1,\"l\":{}{}", "[".repeat(200), "]".repeat(200))),
        format!("{old} "),
        format!(" {old}"),
        old[..old.len() - 1].to_owned(),
        String::new(),
    ] {
        let list = members(&old, &Limits::default()).unwrap().into_list();
        assert!(Edits::between(&old, &list, &new, &Limits::default()).is_none(), "{new}");
    }
    // All values differ.
    let many =
        |value| format!("{{{}}}", (0..50).map(|i| format!("\"k{i}\":{value}")).collect::<Vec<_>>().join(","));
    assert!(edits(&many(1), &many(2)).is_none());
}

fn json() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("true".to_owned()),
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-1e9..1e9).prop_map(|number: f64| number.to_string()),
        "\\PC{0,30}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[a-z]{0,30}".prop_map(|text| format!("{{\"a\": [\"{text}\", 1]}}")),
    ]
}

proptest! {
    /// Of any two payloads: what is found leads from the one to the other.
    #[test]
    fn what_is_found_leads_to_the_new_payload(
        values in proptest::collection::vec(json(), 1..60),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), json()), 0..5),
        garbage in proptest::option::of((any::<prop::sample::Index>(), any::<char>())),
    ) {
        let payload = |values: &[String]| {
            let members: Vec<_> = values.iter().enumerate().map(|(i, value)| format!("\"key-{i}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let old = payload(&values);
        let mut changed = values.clone();
        for (at, value) in changes {
            changed[at.index(values.len())] = value;
        }
        let mut new = payload(&changed);
        if let Some((at, character)) = garbage {
            let places: Vec<_> = new.char_indices().map(|(at, _)| at).collect();
            new.insert(places[at.index(places.len())], character);
        }
        let limits = Limits::default();
        let list = members(&old, &limits).unwrap().into_list();
        let now = members(&new, &limits).map(super::super::decode::Members::into_list);
        if let Some(edits) = Edits::between(&old, &list, &new, &limits) {
            let now = now.unwrap();
            let before = super::super::decode::decode(&old, &limits).unwrap();
            let after = super::super::decode::decode(&new, &limits).unwrap();
            let mut moved = list.clone();
            edits.apply_to(&mut moved);
            prop_assert_eq!(moved, now);
            let mut patched: Vec<_> = before.iter().map(|flag| (flag.key.to_string(), flag.value.clone())).collect();
            for (key, value) in edits.flags(&old, &list) {
                patched.iter_mut().find(|(name, _)| *name == key).unwrap().1 = value;
            }
            let after: Vec<_> = after.into_iter().map(|flag| (flag.key.into_owned(), flag.value)).collect();
            prop_assert_eq!(patched, after);
        }
    }
}
