//! `override`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, Running, until};

const FLAGS: &str = r#"{"kill":false,"limit":3,"banner":"hello","rules":{"a":[1]},"none":null}"#;

fn run(folder: &Folder) -> Running {
    let mut command = folder.flagstaff(["run", "--source"]);
    let mut publisher = Running::start(command.arg(folder.path().join("flags.json")));
    publisher.logs("published");
    publisher
}

fn started() -> (Folder, Running) {
    let folder = Folder::new();
    folder.file("flags.json", FLAGS);
    let publisher = run(&folder);
    (folder, publisher)
}

fn status(folder: &Folder) -> Value {
    serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap_or_default()
}

#[track_caller]
fn set(folder: &Folder, key: &str, value: &str, time: &str) {
    let answer = folder.run(["override", key, value, "--for", time, "--reason", "a test"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
}

fn get(folder: &Folder, key: &str) -> String {
    folder.run(["get", key]).out.trim_end().to_owned()
}

fn file(folder: &Folder) -> std::path::PathBuf {
    folder.path().join(".flags.flagstaff.overrides")
}

#[test]
fn an_override_holds_over_every_payload_of_the_source_and_is_cleared_to_what_that_says_now() {
    let (folder, mut publisher) = started();
    set(&folder, "kill", "true", "30m");
    set(&folder, "banner", "closed: \"1\"", "30m");
    set(&folder, "limit", "-7", "30m");
    assert_eq!((get(&folder, "kill"), get(&folder, "limit")), ("true".to_owned(), "-7".to_owned()));
    assert_eq!(get(&folder, "banner"), "closed: \"1\"");
    folder.file("flags.json", r#"{"kill":false,"limit":4,"new":1}"#);
    publisher.logs("1 added: new");
    assert_eq!((get(&folder, "kill"), get(&folder, "new")), ("true".to_owned(), "1".to_owned()));
    assert_eq!(get(&folder, "banner"), "closed: \"1\"", "also of a flag that the source has no more");
    let shown = status(&folder);
    assert_eq!(shown["stale"], false, "{shown}");
    let one = &shown["overrides"][2];
    assert_eq!(
        (&one["key"], &one["value"], &one["source"]),
        (&"limit".into(), &(-7).into(), &4.into()),
        "{one}"
    );
    assert_eq!(one["reason"], "a test");
    assert!(one["left"].as_f64().is_some_and(|left| left > 1700.0 && left <= 1800.0), "{one}");
    assert!(folder.run(["status"]).out.contains("kill = true, 29 minutes"), "people see it");
    let list = folder.run(["override", "--list"]).out;
    assert!(list.lines().count() == 3 && list.contains("by "), "{list}");
    assert_eq!(folder.run(["override", "--clear", "limit"]).code, Some(0));
    assert_eq!(get(&folder, "limit"), "4");
    assert_eq!(folder.run(["override", "--clear", "--all"]).code, Some(0));
    assert_eq!(get(&folder, "kill"), "false");
    assert_eq!(folder.run(["get", "banner"]).code, Some(1));
    assert!(!file(&folder).exists());
    assert_eq!(folder.run(["override", "--list"]).out, "no flag is overridden\n");
    // What is published now is the very payload of the source: the same again is nothing new.
    let generation = status(&folder)["generation"].clone();
    folder.file("flags.json", r#"{"kill":false,"limit":4,"new":1}"#);
    publisher.signal(Signal::TERM);
    assert!(publisher.end().success());
    let _publisher = run_again(&folder);
    assert_eq!(status(&folder)["generation"], generation);
}

fn run_again(folder: &Folder) -> Running {
    let mut command = folder.flagstaff(["run", "--source"]);
    let publisher = Running::start(command.arg(folder.path().join("flags.json")));
    until("the publisher has its source", || status(folder)["link"] == "open");
    publisher
}

#[test]
fn a_wrong_key_type_or_value_is_refused_with_what_is_wrong_and_force_sets_it_all_the_same() {
    let (folder, _publisher) = started();
    for (key, value, problem) in [
        ("kil", "true", "the source has no such flag"),
        ("kill", "1", "the flag is bool, and the value number"),
        ("limit", "\"4\"", "the flag is number, and the value string"),
        ("rules", "true", "the flag is json, and the value bool"),
        ("kill", "tru", "the value is not JSON"),
        ("kill", "true,\"x\":1", "the value is not JSON"),
        ("kill", "true}{", "the value is not JSON"),
    ] {
        let refused = folder.run(["override", key, value, "--for", "1m", "--reason", "r"]);
        assert_eq!(refused.code, Some(1), "{key} {value}: {refused:?}");
        assert!(refused.err.contains(problem), "{key} {value}: {}", refused.err);
    }
    let missing = folder.run(["override", "kill", "true", "--reason", "r"]);
    assert_eq!(missing.code, Some(2), "how long is not left to chance: {missing:?}");
    let long = folder.run(["override", "kill", "true", "--for", "31d", "--reason", "r"]);
    assert!(long.err.contains("at most") || long.err.contains("30 days"), "{long:?}");
    assert_eq!(status(&folder)["overrides"], Value::Array(Vec::new()));
    assert_eq!(status(&folder)["generation"], 1, "nothing was published");
    let forced = folder.run(["override", "kil", "[1]", "--for", "1m", "--reason", "r", "--force"]);
    assert_eq!(forced.code, Some(0), "{forced:?}");
    assert_eq!(get(&folder, "kil"), "[1]");
    assert_eq!(folder.run(["override", "--clear", "kill"]).code, Some(1));
    assert_eq!(folder.run(["override", "--clear", "kil"]).code, Some(0));
    assert_eq!(folder.run(["get", "kil"]).code, Some(1));
}

#[test]
fn an_override_ends_by_itself_within_a_second_also_while_the_source_is_away() {
    let (folder, mut publisher) = started();
    fs::remove_file(folder.path().join("flags.json")).unwrap();
    publisher.logs("file of flags cannot be used");
    set(&folder, "kill", "true", "2s");
    assert_eq!(get(&folder, "kill"), "true");
    let ends = status(&folder)["overrides"][0]["left"].as_f64().unwrap();
    let start = std::time::Instant::now();
    until("the source's value is back", || get(&folder, "kill") == "false");
    let late = start.elapsed().as_secs_f64() - ends;
    println!("ended {late:.3} s after its end");
    assert!(late > -0.2, "it ended {late} s too early");
    publisher.logs("override is over");
    until("the file is gone", || !file(&folder).exists());
}

#[test]
fn an_override_survives_the_publisher_and_ends_when_one_is_back_even_without_a_source() {
    let (folder, mut publisher) = started();
    set(&folder, "kill", "true", "1h");
    set(&folder, "limit", "9", "2s");
    publisher.signal(Signal::KILL);
    let _ = publisher.end();
    until("one is over", || folder.run(["override", "--list"]).out.contains("is over, but no publisher"));
    assert_eq!(get(&folder, "limit"), "9", "nobody lives who could end it");
    fs::remove_file(folder.path().join("flags.json")).unwrap();
    let mut command = folder.flagstaff(["run", "--source"]);
    let mut publisher = Running::start(command.arg(folder.path().join("flags.json")));
    publisher.logs("override is over");
    assert_eq!((get(&folder, "limit"), get(&folder, "kill")), ("3".to_owned(), "true".to_owned()));
    assert_eq!(
        (get(&folder, "rules"), get(&folder, "banner")),
        (r#"{"a":[1]}"#.to_owned(), "hello".to_owned())
    );
    assert_eq!(folder.run(["override", "--clear", "--all"]).code, Some(0));
    assert_eq!(get(&folder, "kill"), "false");
    let flags: Value = serde_json::from_str(&folder.run(["dump"]).out).unwrap();
    assert_eq!(flags, serde_json::from_str::<Value>(FLAGS).unwrap());
}

#[test]
fn without_a_publisher_the_command_does_it_and_says_that_nobody_will_end_it() {
    let folder = Folder::with(FLAGS);
    let answer = folder.run(["override", "kill", "true", "--for", "1h", "--reason", "night"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.err.contains("no publisher lives"), "{}", answer.err);
    assert_eq!(get(&folder, "kill"), "true");
    folder.file("flags.json", FLAGS);
    let publish = folder.run(["publish", "flags.json"]);
    assert_eq!(publish.code, Some(1), "it is not in this directory: {publish:?}");
    // Flags that are published by hand do not end it either.
    let path = folder.path().join("flags.json");
    let answer = crate::program::answer(folder.flagstaff(["publish"]).arg(path));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(get(&folder, "kill"), "true");
    let missing = Folder::new().run(["override", "kill", "true", "--for", "1h", "--reason", "night"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("no snapshot at"), "{}", missing.err);
}

#[test]
fn a_file_of_overrides_that_cannot_be_read_is_said_and_left_alone_and_flags_go_on() {
    let folder = Folder::new();
    folder.file("flags.json", FLAGS);
    fs::write(file(&folder), "{\"overrides\": [").unwrap();
    let mut command = folder.flagstaff(["run", "--source"]);
    let mut publisher = Running::start(command.arg(folder.path().join("flags.json")));
    publisher.logs("no override is in force");
    publisher.logs("5 added");
    let refused = folder.run(["override", "kill", "true", "--for", "1h", "--reason", "r"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("correct or remove it"), "{}", refused.err);
    assert_eq!(fs::read_to_string(file(&folder)).unwrap(), "{\"overrides\": [");
    assert_eq!(folder.run(["override", "--list"]).code, Some(1));
}

#[test]
fn a_publisher_that_was_killed_in_the_middle_leaves_its_work_to_the_next_one() {
    let (folder, mut publisher) = started();
    set(&folder, "kill", "true", "1h");
    let saved = fs::read(file(&folder)).unwrap();
    assert_eq!(folder.run(["override", "--clear", "kill"]).code, Some(0));
    publisher.signal(Signal::KILL);
    let _ = publisher.end();
    // Killed after the file of overrides, before readers.
    fs::write(file(&folder), &saved).unwrap();
    fs::remove_file(folder.path().join("flags.json")).unwrap();
    let start = || {
        let mut command = folder.flagstaff(["run", "--source"]);
        Running::start(command.arg(folder.path().join("flags.json")))
    };
    let mut publisher = start();
    publisher.logs("file of flags cannot be used");
    assert_eq!((get(&folder, "kill"), get(&folder, "limit")), ("true".to_owned(), "3".to_owned()));
    publisher.signal(Signal::STOP);
    // Taken and not done; the command that waits gets its answer from the next one.
    let mut waits = Running::start(&mut folder.flagstaff(["override", "--clear", "--all"]));
    let inbox = folder.path().join(".flags.flagstaff.inbox");
    let request = || {
        let names = fs::read_dir(&inbox).unwrap().map(|entry| entry.unwrap().path());
        names.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "request"))
    };
    until("the command is there", || request().is_some());
    let request = request().unwrap();
    fs::rename(&request, request.with_extension("taken")).unwrap();
    publisher.signal(Signal::KILL);
    let _ = publisher.end();
    let mut publisher = start();
    assert!(waits.end().success(), "{}", waits.everything());
    assert_eq!(get(&folder, "kill"), "false");
    assert!(!file(&folder).exists());
    publisher.signal(Signal::TERM);
    assert!(publisher.end().success());
}

#[test]
fn what_is_no_command_is_left_alone_and_commands_go_on() {
    let (folder, mut publisher) = started();
    set(&folder, "limit", "5", "1h");
    let inbox = folder.path().join(".flags.flagstaff.inbox");
    assert_eq!(fs::metadata(&inbox).unwrap().permissions().mode() & 0o777, 0o700);
    let target = folder.file("secret", r#"{"who":"x","wait":{},"command":"clear","key":null}"#);
    std::os::unix::fs::symlink(&target, inbox.join("0-link.request")).unwrap();
    fs::create_dir(inbox.join("0-folder.request")).unwrap();
    fs::write(inbox.join("0-open.request"), "{}").unwrap();
    fs::set_permissions(inbox.join("0-open.request"), fs::Permissions::from_mode(0o666)).unwrap();
    publisher.logs("no command and is left alone");
    fs::write(inbox.join("0-bad.request"), "{}").unwrap();
    until("it is answered", || inbox.join("0-bad.answer").exists());
    set(&folder, "kill", "true", "1h");
    assert_eq!((get(&folder, "kill"), get(&folder, "limit")), ("true".to_owned(), "5".to_owned()));
    assert!(target.exists());
}

#[test]
fn a_command_that_another_user_planted_is_not_done_and_the_same_one_of_the_publisher_s_user_is() {
    let (folder, mut publisher) = started();
    set(&folder, "limit", "5", "1h");
    let inbox = folder.path().join(".flags.flagstaff.inbox");
    let saved: Value = serde_json::from_str(&fs::read_to_string(file(&folder)).unwrap()).unwrap();
    let term = saved["overrides"][0].as_object().unwrap();
    let wait: serde_json::Map<_, _> = ["made_at", "ends_at", "boot", "made_in_boot", "ends_in_boot"]
        .into_iter()
        .map(|name| (name.to_owned(), term[name].clone()))
        .collect();
    let command = serde_json::json!({"who": "x", "wait": wait, "command": "clear", "key": null}).to_string();
    let plant = |name: &str, user: Option<u32>| {
        let (new, path) = (inbox.join("planted"), inbox.join(name));
        fs::write(&new, &command).unwrap();
        std::os::unix::fs::chown(&new, user, None)?;
        fs::rename(&new, &path)
    };
    match plant("0-foreign.request", Some(65534)) {
        Ok(()) => {
            let said = publisher.logs("no command and is left alone");
            assert!(said.contains("user 65534, who may not publish"), "{said}");
            // The next heartbeat has looked again.
            set(&folder, "kill", "true", "1h");
            assert_eq!(get(&folder, "limit"), "5");
            assert!(inbox.join("0-foreign.request").exists());
        }
        Err(error) => println!("SKIPPED: a file of another user: only root can make one: {error}"),
    }
    plant("1-own.request", None).unwrap();
    until("the command is done", || get(&folder, "limit") == "3");
    assert_eq!(get(&folder, "kill"), "false");
}

#[test]
fn two_commands_at_once_are_both_done_and_one_that_nobody_takes_is_taken_back() {
    let (folder, publisher) = started();
    std::thread::scope(|scope| {
        for key in ["kill", "limit", "banner", "rules"] {
            let (folder, value) = (
                &folder,
                if key == "kill" {
                    "true"
                } else if key == "limit" {
                    "8"
                } else {
                    "{}"
                },
            );
            scope.spawn(move || set(folder, key, value, "1h"));
        }
    });
    assert_eq!((get(&folder, "kill"), get(&folder, "limit")), ("true".to_owned(), "8".to_owned()));
    assert_eq!((get(&folder, "banner"), get(&folder, "rules")), ("{}".to_owned(), "{}".to_owned()));
    publisher.signal(Signal::STOP);
    let refused = folder.run(["override", "--clear", "--all"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("nothing was done"), "{}", refused.err);
    publisher.signal(Signal::CONT);
    set(&folder, "limit", "1", "1h");
    assert_eq!(get(&folder, "kill"), "true", "the command was taken back");
    let inbox = folder.path().join(".flags.flagstaff.inbox");
    until("nothing stays", || fs::read_dir(&inbox).unwrap().count() == 0);
}

#[test]
fn a_reader_that_waits_sees_an_override_its_end_and_the_answer_of_the_source() {
    let (folder, mut publisher) = started();
    let mut watch = Running::start(&mut folder.flagstaff(["watch", "--json"]));
    watch.says("start");
    set(&folder, "kill", "true", "2s");
    watch.says("\"new\":true");
    watch.says("\"new\":false");
    folder.file("flags.json", &FLAGS.replace("3", "4"));
    watch.says("\"new\":4");
    publisher.signal(Signal::TERM);
    assert!(publisher.end().success());
}

#[test]
fn watch_and_top_say_what_is_overridden_and_watch_when_that_is_over() {
    let (folder, _publisher) = started();
    set(&folder, "limit", "7", "1h");
    let mut watch = Running::start(&mut folder.flagstaff(["watch"]));
    watch.says("overridden: limit = 7, ");
    set(&folder, "kill", "true", "1h");
    let line = watch.says("overridden: kill = true, ");
    assert!(line.contains(": a test"), "{line}");
    assert_eq!(folder.run(["override", "--clear", "limit"]).code, Some(0));
    watch.says("not overridden any more: limit");
    let mut machine = Running::start(&mut folder.flagstaff(["watch", "--json"]));
    let event: Value = serde_json::from_str(&machine.says("overridden")).unwrap();
    assert_eq!((&event["event"], &event["override"]["reason"]), (&"overridden".into(), &"a test".into()));
    let terminal = crate::terminal::Terminal::start(&folder.flagstaff(["top"]), 120, 30);
    terminal.shows("overridden kill = true, ");
}
