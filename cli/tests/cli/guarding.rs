//! The guard of `run`, and `accept`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, Running, until};

fn run(folder: &Folder, guard: &[&str]) -> Running {
    let mut command = folder.flagstaff(["run", "--source"]);
    Running::start(command.arg(folder.path().join("flags.json")).args(guard))
}

fn flags(keys: std::ops::Range<usize>) -> String {
    let members: Vec<_> = keys.map(|i| format!("\"flag-{i}\":{i}")).collect();
    format!("{{{}}}", members.join(","))
}

fn status(folder: &Folder) -> Value {
    serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap()
}

fn held_file(folder: &Folder) -> std::path::PathBuf {
    folder.path().join(".flags.flagstaff.held")
}

#[test]
fn a_payload_that_empties_the_host_is_held_until_it_is_accepted_and_everything_says_so() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"kill":false,"limit":"secret-3"}"#);
    let mut publisher = run(&folder, &[]);
    publisher.logs("2 added");
    folder.file("flags.json", "{}");
    let log = publisher.logs("payload held");
    assert!(log.contains("of 2 flags it removes 2 (") && !log.contains("secret-3"), "{log}");
    assert_eq!(folder.run(["get", "kill"]).out, "false\n");
    let said = status(&folder);
    assert_eq!((&said["behind"]["kind"], &said["stale"]), (&"held".into(), &true.into()), "{said}");
    assert_eq!(said["problems"][0]["code"], "held");
    let people = folder.run(["status"]).out;
    assert!(people.contains("flagstaff accept --show"), "{people}");
    let shown = folder.run(["accept", "--show"]).out;
    assert!(shown.contains("of 2 flags it removes 2 (") && shown.contains("0 would be left"), "{shown}");
    assert_eq!(folder.run(["accept", "--payload"]).out, "{}\n");
    let accepted = folder.run(["accept"]);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    assert_eq!(folder.run(["get", "kill"]).code, Some(1));
    let said = status(&folder);
    assert_eq!((&said["behind"], &said["flags"]), (&Value::Null, &0.into()), "{said}");
    let again = folder.run(["accept"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("no payload is held"), "{}", again.err);
    assert!(!held_file(&folder).exists());
}

#[test]
fn the_next_payload_that_is_not_suspicious_ends_the_hold() {
    let folder = Folder::new();
    folder.file("flags.json", &flags(0..40));
    let mut publisher = run(&folder, &[]);
    publisher.logs("40 added");
    folder.file("flags.json", &flags(21..40));
    publisher.logs("of 40 flags it removes 21");
    // Refused for what is in it: the payload before it stays held.
    folder.file("flags.json", "[]");
    publisher.logs("file of flags cannot be used");
    assert_eq!(status(&folder)["behind"]["kind"], "held");
    assert!(held_file(&folder).exists());
    folder.file("flags.json", &flags(20..60));
    publisher.logs("20 added");
    let said = status(&folder);
    assert_eq!((&said["behind"], &said["flags"]), (&Value::Null, &40.into()), "{said}");
    assert!(!held_file(&folder).exists());
}

#[test]
fn without_a_guard_or_with_a_larger_share_nothing_is_held() {
    for guard in [["--guard", "off"], ["--guard", "0.9"]] {
        let folder = Folder::new();
        folder.file("flags.json", &flags(0..40));
        let mut publisher = run(&folder, &guard);
        publisher.logs("40 added");
        folder.file("flags.json", &flags(30..40));
        publisher.logs("30 removed");
    }
    let folder = Folder::new();
    let wrong = folder.run(["run", "--source", "x", "--guard", "2"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("such as 0.5"), "{}", wrong.err);
}

#[test]
fn what_is_held_survives_the_publisher_and_can_be_accepted_while_there_is_none() {
    let folder = Folder::new();
    folder.file("flags.json", &flags(0..40));
    let mut publisher = run(&folder, &[]);
    publisher.logs("40 added");
    folder.file("flags.json", &flags(0..3));
    publisher.logs("payload held");
    publisher.signal(Signal::KILL);
    let _ = publisher.end();
    // The next one holds it again.
    let mut publisher = run(&folder, &[]);
    publisher.logs("payload held");
    publisher.signal(Signal::KILL);
    let _ = publisher.end();
    assert_eq!(status(&folder)["flags"], 40);
    let accepted = folder.run(["accept", "--json"]);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    let said: Value = serde_json::from_str(&accepted.out).unwrap();
    assert_eq!((&said["has_publisher"], &said["generation"]), (&false.into(), &2.into()), "{said}");
    assert_eq!(status(&folder)["flags"], 3);
    let mut publisher = run(&folder, &[]);
    until("the publisher has its source", || status(&folder)["link"] == "open");
    assert_eq!(status(&folder)["behind"], Value::Null);
    publisher.signal(Signal::TERM);
    assert!(publisher.end().success());
    assert!(!publisher.everything().contains("payload held"));
}

#[test]
fn a_held_payload_that_was_damaged_is_said_and_changes_nothing() {
    let folder = Folder::new();
    folder.file("flags.json", &flags(0..40));
    let mut publisher = run(&folder, &[]);
    publisher.logs("40 added");
    folder.file("flags.json", "{}");
    publisher.logs("payload held");
    publisher.signal(Signal::KILL);
    let _ = publisher.end();
    let held = fs::read_to_string(held_file(&folder)).unwrap();
    fs::set_permissions(held_file(&folder), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(held_file(&folder), held.replace("\"payload\":\"{}\"", "\"payload\":\"{\\\"a\\\":1}\""))
        .unwrap();
    let refused = folder.run(["accept"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("not the one that was held"), "{}", refused.err);
    assert_eq!(status(&folder)["flags"], 40);
}
