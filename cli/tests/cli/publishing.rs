//! `publish`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::program::{Folder, Running, answer, answer_to, flagstaff};

#[test]
fn publish_says_what_changed() {
    let folder = Folder::with(r#"{"a":1,"b":2}"#);
    let again = answer(folder.flagstaff(["publish"]).arg(folder.file("2.json", r#"{"a":3,"c":2}"#)));
    assert_eq!(again.out, "published generation 2: 2 flags; 1 added: c; 1 removed: b; 1 changed: a\n");
    let unchanged = answer(folder.flagstaff(["publish", "--json"]).arg(folder.path().join("2.json")));
    assert_eq!(
        (unchanged.code, unchanged.out.as_str()),
        (Some(0), "{\"outcome\":\"unchanged\",\"generation\":2}\n")
    );
    let json = answer_to(&mut folder.flagstaff(["publish", "-", "--json"]), r#"{"a":3}"#);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["generation"], &json["changes"]["removed"]), (&3.into(), &1.into()));
    assert_eq!(json["changes"]["removed_keys"], serde_json::json!(["c"]));
}

#[test]
fn a_refused_payload_leaves_the_last_snapshot_and_makes_no_file() {
    let folder = Folder::with(r#"{"a":1}"#);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(5 * 1024 * 1024));
    for (payload, message) in [
        ("[1]", "an array, expected an object"),
        ("{\"a\":", "stdin, line 1, column 5: not valid JSON"),
        ("", "not valid JSON"),
        (&large, "more than 5242880 bytes"),
    ] {
        let answer = answer_to(&mut folder.flagstaff(["publish", "-"]), payload);
        assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""), "{message}");
        assert!(answer.err.contains(message), "{message}: {}", answer.err);
    }
    assert_eq!(folder.run(["get", "a"]).out, "1\n");
    let empty = Folder::new();
    assert_eq!(answer_to(&mut empty.flagstaff(["publish", "-"]), "[]").code, Some(1));
    assert!(!empty.snapshot().exists());
    let missing = empty.run(["publish", "/no/such/file.json"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("/no/such/file.json"), "{}", missing.err);
}

#[test]
fn publish_does_not_wait_for_another_publisher() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"a":1}"#);
    let mut publisher = Running::start(folder.flagstaff(["run", "--source"]).arg(&source));
    publisher.logs("published");
    let held = answer(folder.flagstaff(["publish"]).arg(&source));
    assert_eq!((held.code, held.out.as_str()), (Some(1), ""));
    assert!(held.err.contains("held by another publisher"), "{}", held.err);
}

#[test]
fn the_default_path_is_in_the_cache_directory_which_is_made_for_this_user_only() {
    let folder = Folder::new();
    let cache = folder.path().join("new/cache");
    let with_key = |arguments: &[&str]| {
        let mut command = flagstaff(arguments);
        command
            .env("FLAGSTAFF_CACHE_DIR", &cache)
            .env("SOASAP_API_KEY", "some-key")
            .env("FLAGSTAFF_FILE", "");
        command
    };
    assert_eq!(answer_to(&mut with_key(&["publish", "-"]), r#"{"a":1}"#).code, Some(0));
    let names: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("soasap_cache_") && name.ends_with(".flagstaff"))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(answer(&mut with_key(&["get", "a"])).out, "1\n");
    // Another address or key is another environment.
    assert_eq!(answer(&mut with_key(&["get", "a", "--base-url", "https://other.example"])).code, Some(1));
    assert_eq!(answer(with_key(&["get", "a"]).env("FLAGSTAFF_API_KEY", "other-key")).code, Some(1));
}

#[test]
fn a_directory_that_was_named_by_hand_is_not_made() {
    let folder = Folder::new();
    let path = folder.path().join("missing/flags.flagstaff");
    let answer = answer_to(flagstaff(["publish", "-", "--file"]).arg(&path), "{}");
    assert_eq!(answer.code, Some(1));
    assert!(answer.err.contains("missing/flags.flagstaff"), "{}", answer.err);
}

/// Symptom: with --lock-group a member of the group took the lock and could not write to the file. Cause: the file was
/// made for its owner alone. Fix: it is writable for the group as well, unless its mode is given.
#[test]
fn a_file_that_the_group_may_publish_to_is_writable_for_the_group() {
    for (arguments, expected) in
        [(&[][..], 0o440), (&["--lock-group"], 0o660), (&["--lock-group", "--mode", "0640"], 0o640)]
    {
        let folder = Folder::new();
        let mut command = folder.flagstaff(["publish", "-"]);
        assert_eq!(answer_to(command.args(arguments), "{}").code, Some(0));
        let mode = fs::metadata(folder.snapshot()).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, expected, "{arguments:?}");
    }
}
