//! `top`, in a real terminal, with real processes on the file.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, Running, answer, answer_to, kill, until};
use crate::terminal::Terminal;

fn top(folder: &Folder, columns: u16, rows: u16) -> Terminal {
    Terminal::start(&folder.flagstaff(["top"]), columns, rows)
}

fn publish(folder: &Folder, flags: &str) {
    assert_eq!(answer_to(&mut folder.flagstaff(["publish", "-"]), flags).code, Some(0));
}

/// Processor time that a process has taken, in clock ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').skip(11).take(2).map(|word| word.parse::<u64>().unwrap()).sum()
}

#[test]
fn flags_changes_publisher_and_readers_are_on_the_screen_and_q_gives_the_terminal_back() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"checkout":true,"limit":50}"#);
    let mut publisher = Running::start(folder.flagstaff(["run", "--source"]).arg(&source));
    publisher.logs("published generation=1");
    let mut reader = Running::start(&mut folder.flagstaff(["watch"]));
    reader.says("generation 1");

    let mut terminal = top(&folder, 120, 30);
    terminal.shows("FLAGS 2, by key");
    terminal.shows("fresh");
    terminal.shows(&format!("pid {}", publisher.pid()));
    terminal.until("both processes are listed", |screen| {
        let has = |pid: u32, role: &str| {
            screen.lines().any(|line| line.starts_with(&pid.to_string()) && line.contains(role))
        };
        has(publisher.pid(), "publisher") && has(reader.pid(), "reader")
    });
    assert!(terminal.has_color("fresh", vt100::Color::Idx(2)));

    folder.file("flags.json", r#"{"checkout":false,"limit":50}"#);
    terminal.shows("checkout: true -> false");

    terminal.press("/lim");
    terminal.until("only the flag that was asked for is listed", |screen| {
        screen.contains("/lim_") && screen.contains("FLAGS 1")
    });
    terminal.press("\r");
    terminal.shows("FLAGS 1 containing \"lim\"");
    terminal.press("\r");
    terminal.shows("limit  number");
    terminal.press("\x1b");
    terminal.shows("FLAGS 1 containing \"lim\"");
    terminal.press("q");
    assert!(terminal.end().success());
    until("the terminal is as it was", || terminal.is_restored());
}

#[test]
fn it_follows_the_size_of_its_terminal() {
    let folder = Folder::with(r#"{"checkout":true}"#);
    let mut terminal = top(&folder, 100, 30);
    terminal.shows("PROCESSES");
    terminal.shows("may be stale: the publisher is stopped");
    terminal.resize(40, 12);
    terminal.shows("Tab more");
    terminal.shows("FLAGS 1");
    terminal.press("\t");
    terminal.shows("CHANGES none");
    terminal.resize(80, 24);
    terminal.until("all parts", |screen| {
        ["FLAGS", "CHANGES", "PROCESSES"].iter().all(|part| screen.contains(part))
    });
    terminal.press("\x03");
    assert!(terminal.end().success());
    until("the terminal is as it was", || terminal.is_restored());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let folder = Folder::with(r#"{"checkout":true}"#);
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = top(&folder, 80, 24);
        terminal.shows("FLAGS 1");
        assert!(!terminal.is_restored());
        terminal.signal(signal);
        assert!(terminal.end().success(), "{signal:?}");
        until("the terminal is as it was", || terminal.is_restored());
    }
}

#[test]
fn without_a_terminal_the_error_names_what_works_there() {
    let folder = Folder::with(r#"{"checkout":true}"#);
    let answer = folder.run(["top"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(answer.err.contains("flagstaff top --json --count 1"), "{}", answer.err);
    assert_eq!(folder.run(["top", "--count", "1"]).code, Some(2));
}

/// Lines of `top --json --count 1`.
fn processes(folder: &Folder) -> Vec<Value> {
    let answer = folder.run(["top", "--json", "--count", "1"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let look: Value = serde_json::from_str(&answer.out).unwrap();
    assert!(look["not_inspected"].is_u64() && look["flags"].is_u64(), "{look}");
    look["processes"].as_array().unwrap().clone()
}

#[test]
fn processes_are_found_by_the_file_that_they_have_mapped_also_if_it_was_renamed_or_superseded() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut reader = Running::start(&mut folder.flagstaff(["watch"]));
    reader.says("generation 1");
    let pid = reader.pid();
    let attached = |folder: &Folder| {
        let all = processes(folder);
        let one = all.iter().find(|process| process["pid"] == pid);
        one.map(|process| process["attached"].as_str().unwrap().to_owned())
    };
    assert_eq!(attached(&folder).as_deref(), Some("reader"));
    let all = processes(&folder);
    let one = all.iter().find(|process| process["pid"] == pid).unwrap();
    assert!(
        one["command"].as_str().unwrap().ends_with(" watch") && one["rss_bytes"].as_u64() > Some(0),
        "{one}"
    );

    // Somebody else's file of the same name in another place is none of this one's readers.
    let other = Folder::with(r#"{"a":1}"#);
    assert!(processes(&other).iter().all(|process| process["pid"] != pid));

    // Through another name of the directory it is the same file.
    let link = other.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let through_link = answer(
        folder.flagstaff(["top", "--json", "--count", "1", "--file"]).arg(link.join("flags.flagstaff")),
    );
    assert!(through_link.out.contains(&format!("\"pid\":{pid}")), "{through_link:?}");

    // Stopped, it cannot follow when the file is superseded: another API key is another source.
    reader.signal(Signal::STOP);
    let flags = folder.file("other.json", r#"{"a":2}"#);
    let published =
        answer(folder.flagstaff(["publish"]).arg(flags).env("FLAGSTAFF_API_KEY", "another-key-0123456789"));
    assert_eq!(published.code, Some(0), "{published:?}");
    assert_eq!(attached(&folder).as_deref(), Some("old"));
    reader.signal(Signal::CONT);
    reader.says("file superseded by another");
    until("it has followed", || attached(&folder).as_deref() == Some("reader"));
}

#[test]
fn each_look_of_machines_has_what_changed_since_the_last_one() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut top = Running::start(&mut folder.flagstaff(["top", "--json", "--interval", "10ms"]));
    let first: Value = serde_json::from_str(&top.says("generation")).unwrap();
    assert_eq!((&first["generation"], &first["changes"]), (&1.into(), &Value::Array(Vec::new())));
    publish(&folder, r#"{"a":2}"#);
    let look: Value = serde_json::from_str(&top.says("\"key\"")).unwrap();
    assert_eq!((&look["changes"][0]["old"], &look["changes"][0]["new"]), (&1.into(), &2.into()));
    assert_eq!(look["flag_types"]["number"], 1);
}

#[test]
fn it_takes_little_of_a_processor() {
    let folder = Folder::with(r#"{"a":1}"#);
    let terminal = top(&folder, 120, 30);
    terminal.until("it has looked at the host", |screen| screen.contains("have the file mapped"));
    let (before, start) = (ticks(terminal.pid()), std::time::Instant::now());
    std::thread::sleep(std::time::Duration::from_secs(5));
    let percent = (ticks(terminal.pid()) - before) as f64 / start.elapsed().as_secs_f64();
    println!("flagstaff top takes {percent:.1} % of a processor");
    // Mostly the look at all processes of the host, which is held to 2 % by itself.
    assert!(percent < 25.0, "{percent} % of a processor");
}

#[test]
fn a_process_that_is_killed_is_no_longer_listed() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut child = folder.flagstaff(["watch"]).stdout(Stdio::null()).spawn().unwrap();
    let is_listed = || processes(&folder).iter().any(|process| process["pid"] == child.id());
    until("it is listed", is_listed);
    kill(child.id(), Signal::KILL);
    child.wait().unwrap();
    assert!(!processes(&folder).iter().any(|process| process["pid"] == child.id()));
}

#[test]
fn long_keys_keep_their_ends_and_publishes_are_bars() {
    let folder = Folder::new();
    let key = |end: &str| format!("{}{end}", "team.service.area.".repeat(4));
    publish(&folder, &format!("{{\"{}\":1,\"{}\":2}}", key("first"), key("second")));
    let terminal = top(&folder, 80, 24);
    terminal.shows("publishes ");
    terminal.shows(" 0 in 40 s");
    terminal.until("both keys can be told apart", |screen| {
        let is_listed = |end: &str| {
            screen.lines().any(|line| line.starts_with("team.") && line.contains("..") && line.contains(end))
        };
        is_listed("first ") && is_listed("second ")
    });
    publish(&folder, "{}");
    publish(&folder, "{\"a\":1}");
    terminal.until("both publishes are counted", |screen| {
        let line = screen.lines().find(|line| line.starts_with("publishes ")).unwrap_or_default();
        line.contains('\u{2588}') && line.contains(" 2 in 40 s")
    });
}
