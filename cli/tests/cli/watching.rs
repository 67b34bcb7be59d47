//! `watch`.

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, Running, answer, answer_to};
use crate::terminal::Terminal;

fn publish(folder: &Folder, flags: &str) {
    assert_eq!(answer_to(&mut folder.flagstaff(["publish", "-"]), flags).code, Some(0));
}

#[test]
fn every_change_is_a_line() {
    let folder = Folder::with(r#"{"a":1,"b":true,"c":"x"}"#);
    let mut watch = Running::start(&mut folder.flagstaff(["watch", "--count", "3"]));
    watch.says("generation 1, 3 flags");
    let long = "y".repeat(200);
    publish(&folder, &format!(r#"{{"a":2,"b":true,"d":"{long}"}}"#));
    watch.says("a: 1 -> 2");
    watch.says("c: \"x\" -> (removed)");
    let added = watch.says("d: (added) -> ");
    assert!(added.ends_with(&format!("\"{long}\"")), "whole, because this is no terminal: {added}");
    assert!(watch.end().success());
}

#[test]
fn machines_get_an_object_for_each_change() {
    let folder = Folder::new();
    let mut watch = Running::start(&mut folder.flagstaff(["watch", "--json", "--count", "2", "b", "c"]));
    let start: Value = serde_json::from_str(&watch.says("generation")).unwrap();
    assert_eq!((&start["event"], &start["generation"]), (&"start".into(), &0.into()));
    publish(&folder, r#"{"a":1,"b":{"x":[1.0]}}"#);
    let added: Value = serde_json::from_str(&watch.says("added")).unwrap();
    assert_eq!((&added["key"], &added["new"]["x"][0]), (&"b".into(), &1.0.into()));
    assert_eq!((&added["event"], &added["change"]), (&"change".into(), &"added".into()));
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

#[test]
fn long_values_are_shortened_to_the_width_of_a_terminal_and_have_colours_there() {
    let folder = Folder::with(r#"{"a":1,"gone":true}"#);
    let mut terminal = Terminal::start(&folder.flagstaff(["watch", "--count", "3"]), 80, 24);
    terminal.shows("generation 1, 2 flags");
    let long = "y".repeat(500);
    publish(&folder, &format!(r#"{{"a":"{long}","new":false}}"#));
    assert!(terminal.end().success());
    terminal.shows("new: (added) -> false");
    let screen = terminal.text();
    let line = screen.lines().find(|line| line.contains("a: 1 -> ")).unwrap();
    assert!(line.ends_with("yy.. (502 B)") && (70..=80).contains(&line.len()), "{line}");
    assert!(screen.contains("gone: true -> (removed)"), "{screen}");
    assert!(terminal.has_color("a: 1", vt100::Color::Idx(1)), "old is red");
    assert!(terminal.has_color("new: ", vt100::Color::Idx(2)), "new is green");
}

#[test]
fn a_publisher_that_comes_goes_or_is_killed_is_told_of() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut watch = Running::start(&mut folder.flagstaff(["watch"]));
    let mut machine = Running::start(&mut folder.flagstaff(["watch", "--json"]));
    watch.says("generation 1, 1 flags, publisher stopped");
    machine.says("\"event\":\"start\"");
    let source = folder.file("other.json", r#"{"a":1}"#);
    let publisher = Running::start(folder.flagstaff(["run", "--source"]).arg(source));
    watch.says(" publisher alive");
    watch.says(" link open");
    let open: Value = serde_json::from_str(&machine.says("\"event\":\"link\",")).unwrap();
    assert!(open["time"].is_string() && open["generation"] == 1, "{open}");
    folder.file("other.json", "not JSON");
    publisher.signal(Signal::KILL);
    watch.says(" publisher gone");
    let gone: Value = serde_json::from_str(&machine.says("\"state\":\"gone\"")).unwrap();
    assert_eq!((&gone["event"], &gone["old"]), (&"publisher".into(), &"alive".into()));
}

#[test]
fn a_file_that_is_removed_or_superseded_is_told_of() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut watch = Running::start(&mut folder.flagstaff(["watch"]));
    watch.says("generation 1");
    let flags = folder.file("other.json", r#"{"a":2}"#);
    let published =
        answer(folder.flagstaff(["publish"]).arg(flags).env("FLAGSTAFF_API_KEY", "another-key-0123456789"));
    assert_eq!(published.code, Some(0), "{published:?}");
    watch.says("file superseded by another");
    watch.says("a: 1 -> 2");
    std::fs::remove_file(folder.snapshot()).unwrap();
    watch.says("file is gone; readers keep the last flags");
}
