//! `watch`.

use serde_json::Value;

use crate::program::{Folder, Running, answer_to};

fn publish(folder: &Folder, flags: &str) {
    assert_eq!(answer_to(&mut folder.vexil(["publish", "-"]), flags).code, Some(0));
}

#[test]
fn every_change_is_a_line() {
    let folder = Folder::with(r#"{"a":1,"b":true,"c":"x"}"#);
    let mut watch = Running::start(&mut folder.vexil(["watch", "--count", "3"]));
    watch.says("generation 1, 3 flags");
    let long = "y".repeat(200);
    publish(&folder, &format!(r#"{{"a":2,"b":true,"d":"{long}"}}"#));
    watch.says("a: 1 -> 2");
    watch.says("c: \"x\" -> (removed)");
    let added = watch.says("d: (added) -> ");
    assert!(added.ends_with(".. (202 bytes)") && added.len() < 150, "{added}");
    assert!(watch.end().success());
}

#[test]
fn machines_get_an_object_for_each_change() {
    let folder = Folder::new();
    let mut watch = Running::start(&mut folder.vexil(["watch", "--json", "--count", "2", "b", "c"]));
    let start: Value = serde_json::from_str(&watch.says("generation")).unwrap();
    assert_eq!(start["generation"], 0);
    publish(&folder, r#"{"a":1,"b":{"x":[1.0]}}"#);
    let added: Value = serde_json::from_str(&watch.says("added")).unwrap();
    assert_eq!((&added["key"], &added["new"]["x"][0]), (&"b".into(), &1.0.into()));
    assert!(added.get("old").is_none());
    publish(&folder, r#"{"a":2,"b":null}"#);
    let changed: Value = serde_json::from_str(&watch.says("changed")).unwrap();
    assert_eq!(
        (&changed["key"], &changed["new"], &changed["generation"]),
        (&"b".into(), &Value::Null, &2.into())
    );
    assert!(watch.end().success());
    assert!(!watch.everything().contains("\"a\""));
}

#[test]
fn a_timeout_ends_it_and_is_a_no_only_if_changes_were_counted_on() {
    let folder = Folder::with(r#"{"a":1}"#);
    let quiet = folder.run(["watch", "--timeout", "0.05"]);
    assert_eq!((quiet.code, quiet.out.lines().count()), (Some(0), 1), "{quiet:?}");
    let counted = folder.run(["watch", "--timeout", "0.05", "--count", "1"]);
    assert_eq!(counted.code, Some(1));
    assert!(counted.err.contains("0 changes within 0.05 s, expected 1"), "{}", counted.err);
}
