//! `log`, `show`, `diff` and `rollback`.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Folder, Running, answer, until};

fn run_with(folder: &Folder, more: &[&str]) -> Running {
    let mut command = folder.flagstaff(["run", "--source"]);
    let mut publisher = Running::start(command.arg(folder.path().join("flags.json")).args(more));
    publisher.logs("published");
    publisher
}

fn run(folder: &Folder) -> Running {
    run_with(folder, &[])
}

fn log(folder: &Folder) -> Vec<Value> {
    let answer = folder.run(["log", "--json"]);
    let found: Value =
        serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    found["snapshots"].as_array().cloned().unwrap_or_default()
}

/// Its number in the history, once it is there.
fn number_of(folder: &Folder, flags: &Value) -> u64 {
    let mut found = 0;
    until("it is in the history", || {
        for entry in log(folder) {
            let number = entry["number"].as_u64().unwrap_or_default();
            let shown = folder.run(["show", &number.to_string()]).out;
            if serde_json::from_str::<Value>(&shown).is_ok_and(|shown| shown == *flags) {
                found = number;
            }
        }
        found > 0
    });
    found
}

fn dump(folder: &Folder) -> Value {
    serde_json::from_str(&folder.run(["dump", "--json"]).out).unwrap_or_default()
}

fn status(folder: &Folder) -> Value {
    serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap_or_default()
}

/// What the source says from now on.
fn say(folder: &Folder, flags: &Value) {
    folder.file("next.json", &flags.to_string());
    fs::rename(folder.path().join("next.json"), folder.path().join("flags.json")).unwrap();
}

fn roll_back(folder: &Folder, number: u64, time: &str) {
    let answer = folder.run(["rollback", &number.to_string(), "--for", time, "--reason", "a test"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
}

fn side_file(folder: &Folder, what: &str) -> PathBuf {
    folder.path().join(format!(".flags.flagstaff.{what}"))
}

fn audit(folder: &Folder) -> Vec<Value> {
    let text = fs::read_to_string(side_file(folder, "audit")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ended(publisher: &mut Running) -> ExitStatus {
    publisher.signal(Signal::TERM);
    publisher.end()
}

fn killed(mut publisher: Running) {
    publisher.signal(Signal::KILL);
    publisher.end();
}

/// A publisher that has said two things, and the number of the first.
fn started() -> (Folder, Running, u64) {
    let folder = Folder::new();
    let first = json!({"kill": false, "limit": 3, "banner": "hello"});
    say(&folder, &first);
    let publisher = run(&folder);
    let number = number_of(&folder, &first);
    say(&folder, &json!({"kill": true, "limit": 3, "new": [1]}));
    until("the second is out", || dump(&folder)["kill"] == true);
    (folder, publisher, number)
}

#[test]
fn what_readers_had_is_listed_with_its_cause_and_can_be_shown_and_compared() {
    let (folder, _publisher, first) = started();
    let second = number_of(&folder, &dump(&folder));
    assert_eq!(folder.run(["override", "limit", "4", "--for", "1h", "--reason", "INC-7"]).code, Some(0));
    let third = number_of(&folder, &dump(&folder));
    let entries = log(&folder);
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert_eq!((&entries[0]["event"], &entries[0]["about"]), (&json!("overridden"), &json!("limit")));
    assert_eq!((&entries[0]["reason"], &entries[0]["flags"]), (&json!("INC-7"), &json!(3)));
    assert_eq!(entries[0]["changes"]["changed"], json!({"listed": ["limit"], "count": 1}));
    let by = entries[1]["by"].as_str().unwrap_or_default();
    assert!(by.ends_with("/flags.json") && by.starts_with('/'), "{by}");
    let (first, second, third) = (first.to_string(), second.to_string(), third.to_string());
    assert_eq!(folder.run(["show", &first, "banner"]).out, "\"hello\"\n");
    assert_eq!(folder.run(["show", &first, "new"]).code, Some(1));
    let text = folder.run(["diff", &first, "now"]).out;
    assert_eq!(text, "- banner: \"hello\"\n~ kill: false -> true\n~ limit: 3 -> 4\n+ new: [1]\n");
    let differences = folder.run(["diff", &second, &third, "--json"]).out;
    assert_eq!(
        serde_json::from_str::<Value>(&differences).unwrap(),
        json!({"differences": [{"key": "limit", "change": "changed", "old": 3, "new": 4}]})
    );
    // Two files, of which one is a snapshot.
    let paths = ["flags.flagstaff", "flags.json"].map(|name| folder.path().join(name));
    let files = answer(folder.flagstaff(["diff"]).args(&paths));
    assert_eq!(files.out, "~ limit: 4 -> 3\n", "{files:?}");
    assert_eq!(folder.run(["diff", "now", "now"]).out, "no difference\n");
    let lines = folder.run(["log"]).out;
    assert!(
        lines.contains("(overridden limit by ")
            && lines.contains("1 changed: kill; 1 added: new; 1 removed: banner"),
        "{lines}"
    );
}

#[test]
fn a_rollback_holds_over_every_payload_and_ends_with_what_the_source_says_by_then() {
    let (folder, publisher, first) = started();
    roll_back(&folder, first, "3s");
    let begun = Instant::now();
    assert_eq!(dump(&folder), json!({"kill": false, "limit": 3, "banner": "hello"}));
    let shown = &status(&folder)["rollback"];
    assert_eq!((&shown["number"], &shown["reason"]), (&json!(first), &json!("a test")), "{shown}");
    assert!(folder.run(["status"]).out.contains(&format!("rolled back   to {first} of ")));
    // An override on top of it wins; what it hides is not lost.
    assert_eq!(folder.run(["override", "limit", "9", "--for", "1h", "--reason", "x"]).code, Some(0));
    say(&folder, &json!({"kill": true, "limit": 5, "last": null}));
    until("it is remembered", || {
        fs::read_to_string(side_file(&folder, "rollback")).is_ok_and(|text| text.contains("last"))
    });
    assert_eq!(dump(&folder), json!({"kill": false, "limit": 9, "banner": "hello"}));
    // It survives its publisher, and one without a source ends it.
    killed(publisher);
    fs::remove_file(folder.path().join("flags.json")).unwrap();
    let mut command = folder.flagstaff(["run", "--source"]);
    let _publisher = Running::start(command.arg(folder.path().join("flags.json")));
    until("it has ended", || dump(&folder) == json!({"kill": true, "limit": 9, "last": null}));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    until("its file is gone", || !side_file(&folder, "rollback").exists());
    assert_eq!(status(&folder)["rollback"], Value::Null);
    assert_eq!(folder.run(["override", "--clear", "--all"]).code, Some(0));
    assert_eq!(
        dump(&folder),
        json!({"kill": true, "limit": 5, "last": null}),
        "of the source, and not of the past"
    );
    until("all of it is in the audit log", || {
        let events: Vec<_> = audit(&folder).iter().map(|line| line["event"].clone()).collect();
        ["published", "rolled_back", "overridden", "rollback_over", "override_cleared"]
            .iter()
            .all(|event| events.contains(&json!(event)))
    });
}

#[test]
fn a_rollback_can_be_ended_and_one_that_cannot_be_done_says_why_and_changes_nothing() {
    let (folder, _publisher, first) = started();
    let now = dump(&folder);
    let refused = |arguments: &[&str], expected: &str| {
        let said = answer(&mut folder.flagstaff(arguments));
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(expected), "{}", said.err);
        assert_eq!(dump(&folder), now);
    };
    let first = first.to_string();
    refused(&["rollback", "--end"], "no rollback is in force");
    refused(&["rollback", "99", "--for", "1h", "--reason", "x"], "snapshot 99 of the history cannot be read");
    refused(&["rollback", &first, "--for", "31d", "--reason", "x"], "from 1 s to 30 days");
    let entry = side_file(&folder, "history").join(format!("{first:0>10}.gz"));
    let whole = fs::read(&entry).unwrap();
    fs::write(&entry, &whole[..whole.len() - 9]).unwrap();
    refused(&["rollback", &first, "--for", "1h", "--reason", "x"], "`flagstaff log` lists those that can");
    refused(&["show", &first], "cannot be read");
    assert!(log(&folder).iter().any(|entry| entry["error"].is_string()), "a bad one is listed as such");
    fs::write(&entry, &whole).unwrap();
    assert_eq!(folder.run(["rollback", &first, "--for", "1h", "--reason", "x"]).code, Some(0));
    assert_eq!(dump(&folder)["kill"], false);
    assert_eq!(folder.run(["rollback", "--end"]).code, Some(0));
    assert_eq!(dump(&folder), now);
    assert!(!side_file(&folder, "rollback").exists());
}

#[test]
fn under_a_rollback_a_payload_that_empties_the_host_is_held_and_a_broken_one_refused() {
    let (folder, mut publisher, first) = started();
    let before = dump(&folder);
    roll_back(&folder, first, "1h");
    say(&folder, &json!({}));
    publisher.logs("held");
    until("it is said", || status(&folder)["behind"]["kind"] == "held");
    folder.file("next.json", "{\"kill\": NaN}");
    fs::rename(folder.path().join("next.json"), folder.path().join("flags.json")).unwrap();
    until("it is refused", || status(&folder)["last_error"]["kind"] == "payload");
    assert_eq!(folder.run(["rollback", "--end"]).code, Some(0));
    assert_eq!(dump(&folder), before, "neither came out when nobody looked");
    assert_eq!(folder.run(["accept"]).code, Some(0));
    assert_eq!(dump(&folder), json!({}), "what was held can be accepted as always");
    until("the hold is in the audit log", || audit(&folder).iter().any(|line| line["event"] == "held"));
}

#[test]
fn only_so_many_snapshots_are_kept_as_were_asked_for() {
    let folder = Folder::new();
    say(&folder, &json!({"n": 0}));
    let mut publisher = run_with(&folder, &["--history", "2"]);
    for n in 1..4 {
        number_of(&folder, &json!({"n": n - 1}));
        say(&folder, &json!({"n": n}));
    }
    number_of(&folder, &json!({"n": 3}));
    until("the oldest are gone", || log(&folder).len() == 2);
    assert_eq!(log(&folder)[0]["number"], 4);
    assert!(ended(&mut publisher).success());
    let without = Folder::new();
    say(&without, &json!({"n": 0}));
    let mut publisher = run_with(&without, &["--history", "0"]);
    assert!(ended(&mut publisher).success());
    assert!(without.run(["log"]).out.starts_with("no history of "));
    assert!(!side_file(&without, "history").exists() && !side_file(&without, "audit").exists());
}

/// Whatever it was doing.
#[test]
fn a_history_whose_publisher_is_killed_again_and_again_has_no_half_entries() {
    let folder = Folder::new();
    let many = |seed: u32| -> Value {
        (0..2000)
            .map(|i| (format!("flag-{i}"), json!(seed.wrapping_mul(i + 1))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    say(&folder, &many(0));
    for round in 1..15 {
        let publisher = run(&folder);
        say(&folder, &many(round));
        std::thread::sleep(Duration::from_millis(u64::from(round) * 7));
        killed(publisher);
    }
    let numbers: Vec<u64> =
        log(&folder).iter().map(|entry| entry["number"].as_u64().unwrap_or_default()).collect();
    assert!(numbers.len() > 1 && numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
    for number in &numbers {
        let shown: Value = serde_json::from_str(&folder.run(["show", &number.to_string()]).out).unwrap();
        assert!((0..15).any(|seed| shown == many(seed)), "number {number}");
    }
    let mut publisher = run(&folder);
    roll_back(&folder, numbers[1], "1h");
    assert!(ended(&mut publisher).success());
}

/// Symptom: what root had set while there was no publisher could not be read by the publisher that started then. Cause: the files of root were
/// root's. Fix: they are given to the owner of the lock.
#[test]
fn what_root_does_while_nobody_publishes_is_good_for_the_publisher_of_another_user() {
    const NOBODY: u32 = 65_534;
    let folder = Folder::new();
    if chown(folder.path(), Some(NOBODY), Some(NOBODY)).is_err() {
        eprintln!("SKIPPED: what root does for another user, which only root can try");
        return;
    }
    let as_nobody = |arguments: &[&str]| {
        let mut command = folder.flagstaff(arguments);
        command.uid(NOBODY).gid(NOBODY);
        command
    };
    let source = folder.file("flags.json", r#"{"kill":false,"limit":3}"#).display().to_string();
    let run = ["run", "--mode", "0400", "--source", source.as_str()];
    let mut publisher = Running::start(&mut as_nobody(&run));
    publisher.logs("published");
    let first = number_of(&folder, &json!({"kill": false, "limit": 3}));
    assert!(ended(&mut publisher).success());
    say(&folder, &json!({"kill": true, "limit": 4}));
    assert_eq!(folder.run(["publish", source.as_str()]).code, Some(0));
    roll_back(&folder, first, "1h");
    assert_eq!(folder.run(["override", "limit", "5", "--for", "1h", "--reason", "x"]).code, Some(0));
    let mut publisher = Running::start(&mut as_nobody(&run));
    publisher.logs("goes on with");
    say(&folder, &json!({"kill": true, "limit": 6}));
    until("it is remembered", || {
        fs::read_to_string(side_file(&folder, "rollback")).is_ok_and(|text| text.contains("limit\\\":6"))
    });
    assert_eq!(dump(&folder), json!({"kill": false, "limit": 5}));
    let end = answer(&mut as_nobody(&["rollback", "--end"]));
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(answer(&mut as_nobody(&["override", "--clear", "--all"])).code, Some(0));
    assert_eq!(dump(&folder), json!({"kill": true, "limit": 6}));
    let newest = number_of(&folder, &json!({"kill": true, "limit": 6}));
    assert!(newest > first);
    assert!(ended(&mut publisher).success());
    let all = publisher.everything();
    assert!(!all.contains("WARN history") && !all.contains("ERROR"), "{all}");
}
