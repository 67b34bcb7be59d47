//! `get`, `dump`, `status`, `completions`, `--version`, and what is wrong use.

use std::process::Stdio;

use serde_json::Value;

use crate::program::{Folder, answer, answer_to, flagstaff};

const FLAGS: &str = r#"{"on":true,"off":false,"int":-7,"max":18446744073709551615,"ratio":100.0,"huge":1e999,
    "text":"say \"hi\"\u0007","json":{"b":[1.50, 1e400],"a":{}},"list":[],"null":null,"":0,"-dash":1}"#;

#[test]
fn get_prints_a_text_as_it_is_and_everything_else_as_json() {
    let folder = Folder::with(FLAGS);
    for (key, expected) in [
        ("on", "true"),
        ("off", "false"),
        ("int", "-7"),
        ("max", "18446744073709551615"),
        ("ratio", "100.0"),
        ("huge", "1e999"),
        ("text", "say \"hi\"\u{7}"),
        ("json", r#"{"b":[1.50,1e400],"a":{}}"#),
        ("list", "[]"),
        ("null", "null"),
        ("", "0"),
    ] {
        let answer = folder.run(["get", key]);
        assert_eq!((answer.code, answer.out), (Some(0), format!("{expected}\n")), "{key}: {}", answer.err);
    }
    assert_eq!(folder.run(["get", "--", "-dash"]).out, "1\n");
    assert_eq!(folder.run(["get", "--json", "text"]).out, "\"say \\\"hi\\\"\\u0007\"\n");
}

#[test]
fn a_missing_flag_is_a_no_unless_there_is_a_default() {
    let folder = Folder::with(FLAGS);
    let missing = folder.run(["get", "nope"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    assert!(missing.err.contains("no flag \"nope\" in generation 1"), "{}", missing.err);
    let default = folder.run(["get", "nope", "--default", "-5"]);
    assert_eq!((default.code, default.out.as_str()), (Some(0), "-5\n"));
    assert_eq!(folder.run(["get", "nope", "--default", "\"a b\""]).out, "a b\n");
    let present = folder.run(["get", "on", "--default", "false"]);
    assert_eq!(present.out, "true\n");
}

#[test]
fn a_flag_of_another_type_is_a_no() {
    let folder = Folder::with(FLAGS);
    for (key, kind, code) in [
        ("on", "bool", 0),
        ("int", "number", 0),
        ("ratio", "number", 0),
        ("text", "string", 0),
        ("list", "json", 0),
        ("on", "number", 1),
        ("int", "bool", 1),
        ("null", "json", 1),
        ("huge", "number", 1),
    ] {
        let answer = folder.run(["get", key, "--type", kind]);
        assert_eq!(answer.code, Some(code), "{key} as {kind}: {answer:?}");
    }
    let default = folder.run(["get", "on", "--type", "number", "--default", "3"]);
    assert_eq!((default.code, default.out.as_str()), (Some(0), "3\n"));
}

#[test]
fn without_a_snapshot_the_answer_is_no_and_the_advice_is_to_start_a_publisher() {
    let folder = Folder::new();
    for command in [&["get", "a"][..], &["dump"], &["status"], &["verify"]] {
        let answer = answer(&mut folder.flagstaff(command));
        assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""), "{command:?}");
        assert!(answer.err.contains("flagstaff run"), "{}", answer.err);
    }
    let default = folder.run(["get", "a", "--default", "1"]);
    assert_eq!((default.code, default.out.as_str()), (Some(0), "1\n"), "{}", default.err);
}

#[test]
fn wrong_use_is_exit_code_2() {
    let folder = Folder::with(FLAGS);
    for command in [
        &[][..],
        &["nonsense"],
        &["get"],
        &["get", "a", "--default", "blue"],
        &["get", "a", "--default", "1,\"b\":2"],
        &["get", "a", "--type", "bool", "--default", "1"],
        &["get", "a", "--type", "color"],
        &["status", "--max-age", "-1"],
        &["watch", "--count", "0"],
        &["status", "--max-age", "soon"],
        &["top", "--json", "--count", "0"],
        &["publish"],
        &["publish", "f.json", "--mode", "0666"],
        &["run", "--file", "x"],
        &["run", "--api-key", "k", "--base-url", "api.example.com"],
        &["run", "--api-key", "k", "--api-key-file", "f"],
        &["completions", "cmd"],
        &["demo", "--seconds", "0"],
    ] {
        let answer = answer(&mut folder.flagstaff(command));
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{command:?}: {}", answer.err);
        assert!(!answer.err.is_empty(), "{command:?}");
    }
    let nothing = answer(&mut flagstaff(["dump"]));
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("--file"), "{}", nothing.err);
    let filter = answer(folder.flagstaff(["dump"]).env("FLAGSTAFF_LOG", "a=b=c"));
    assert_eq!(filter.code, Some(2), "{filter:?}");
}

#[test]
fn a_dump_published_again_is_the_same_flags() {
    let folder = Folder::with(FLAGS);
    let first = folder.run(["dump"]);
    assert_eq!(first.code, Some(0));
    assert!(first.out.starts_with(r#"{"":0,"-dash":1,"huge":1e999,"#), "{}", first.out);
    let other = Folder::new();
    assert_eq!(answer_to(&mut other.flagstaff(["publish", "-"]), &first.out).code, Some(0));
    assert_eq!(other.run(["dump"]).out, first.out);
    let pretty = folder.run(["dump", "--pretty"]);
    assert_eq!(pretty.out.lines().count(), 14, "{}", pretty.out);
    assert_eq!(answer_to(&mut other.flagstaff(["publish", "-"]), &pretty.out).code, Some(0));
    assert_eq!(other.run(["dump"]).out, first.out);
}

#[test]
fn no_flags_at_all_are_an_empty_object() {
    let folder = Folder::with("{}");
    assert_eq!(folder.run(["dump"]).out, "{}\n");
    assert_eq!(folder.run(["dump", "--pretty"]).out, "{}\n");
}

#[test]
fn a_reader_of_the_output_that_has_read_enough_is_no_failure() {
    // More than a pipe holds.
    let flags: Vec<_> = (0..20_000).map(|i| format!("\"some.flag.with.a.long.name-{i}\":{i}")).collect();
    let folder = Folder::with(&format!("{{{}}}", flags.join(",")));
    let mut child = folder.flagstaff(["dump"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn status_of_a_stopped_publisher_is_stale_but_an_answer() {
    let folder = Folder::with(FLAGS);
    let status = folder.run(["status"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    for text in ["flags.flagstaff", "generation    1, on disk 1", "flags         12", "publisher     stopped"]
    {
        assert!(status.out.contains(text), "{text:?} in\n{}", status.out);
    }
    let json: Value = serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap();
    assert_eq!((&json["generation"], &json["publisher"]), (&1.into(), &"stopped".into()));
    assert_eq!(
        (&json["stale"], &json["cold"], &json["contact_age"]),
        (&true.into(), &false.into(), &Value::Null)
    );
    let check = folder.run(["status", "--check", "--json"]);
    assert_eq!(check.code, Some(1));
    assert!(serde_json::from_str::<Value>(&check.out).is_ok() && check.err.contains("publisher is stopped"));
    let age = folder.run(["status", "--max-age", "3600"]);
    assert_eq!(age.code, Some(1));
    assert!(age.err.contains("not known"), "{}", age.err);
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = answer(&mut flagstaff(["completions", shell]));
        assert_eq!(completions.code, Some(0));
        assert!(completions.out.contains("publish") && completions.err.is_empty(), "{shell}");
        assert!(!completions.out.contains("demo-child"), "{shell}");
    }
}

#[test]
fn version_names_the_snapshot_format_and_help_has_examples() {
    let version = answer(&mut flagstaff(["--version"]));
    assert_eq!(version.out, format!("flagstaff {} (snapshot format 1)\n", env!("CARGO_PKG_VERSION")));
    for command in
        ["run", "get", "dump", "watch", "status", "verify", "publish", "top", "demo", "completions"]
    {
        let help = answer(&mut flagstaff([command, "--help"]));
        assert_eq!(help.code, Some(0));
        assert!(help.out.contains("Examples:"), "{command}");
    }
}
