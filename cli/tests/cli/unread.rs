//! A log that nobody reads, and foreign text in one that somebody reads.

use std::io::{PipeWriter, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::program::{Folder, Running, full_pipe, kill, until};

/// A program whose stderr nobody reads. Killed at the end of the test.
struct Unread(Child);

impl Unread {
    fn start(command: &mut Command, stderr: PipeWriter) -> Unread {
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        // The command has a copy of the pipe's end, which would keep whoever reads it waiting.
        command.stderr(Stdio::null());
        Unread(child)
    }

    fn end(&mut self, within: Duration) {
        let start = Instant::now();
        until("it ends", || self.0.try_wait().unwrap().is_some());
        assert!(start.elapsed() < within, "ended after {:?}", start.elapsed());
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Symptom: with a stderr that nobody read, 59 lines stopped a publisher. It kept its lock, was shown as alive and fresh, and two
/// SIGTERM did not end it. Cause: whoever logged waited for room in the pipe, with locks taken. Fix: lines go through a queue to a
/// thread on which nobody waits.
#[test]
fn a_publisher_whose_log_nobody_reads_publishes_and_stops_as_if_somebody_did() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"n":0}"#);
    let (mut reading, writing) = full_pipe();
    let mut publisher = Unread::start(folder.flagstaff(["run", "--source"]).arg(source), writing);
    for n in 1..=3 {
        folder.file("flags.json", &format!(r#"{{"n":{n}}}"#));
        until("the change is published", || folder.run(["get", "n"]).out.trim() == n.to_string());
    }
    assert_eq!(folder.run(["status", "--check", "--max-age", "30s"]).code, Some(0));
    let pid = publisher.0.id();
    let mut standby =
        Running::start(folder.flagstaff(["run", "--source"]).arg(folder.path().join("flags.json")));
    standby.logs("stands by");
    kill(pid, Signal::TERM);
    publisher.end(Duration::from_secs(10));
    standby.logs("took over");

    let mut text = String::new();
    reading.read_to_string(&mut text).unwrap();
    assert!(text.trim_start_matches('x').is_empty(), "nobody made room: {text}");
}

#[test]
fn a_flag_server_whose_log_nobody_reads_starts_and_stops() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"n":0}"#);
    let (_reading, writing) = full_pipe();
    let mut command = folder.flagstaff(["serve", "--port", "0"]);
    command.arg(folder.path().join("flags.json"));
    let mut server = Unread::start(&mut command, writing);
    let pid = server.0.id();
    let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    // SIGTERM, number 15, is caught: it listens.
    until("it catches signals", || {
        let status = status();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << 14 != 0
    });
    kill(pid, Signal::TERM);
    server.end(Duration::from_secs(10));
}

/// A command whose complaint nobody reads ends all the same.
#[test]
fn a_command_that_fails_ends_although_nobody_reads_why() {
    let folder = Folder::new();
    let (_reading, writing) = full_pipe();
    let mut get = Unread::start(&mut folder.flagstaff(["get", "n"]), writing);
    get.end(Duration::from_secs(10));
    assert_eq!(get.0.wait().unwrap().code(), Some(1));
}

/// Symptom: a flag called "a\nINFO all is well" wrote a line of its own into the log. Cause: keys went into it as they came.
#[test]
fn a_key_cannot_forge_lines_of_a_log_or_give_orders_to_a_terminal() {
    let flags = r#"{"a\nFORGED":1, "b\u001b[2Jc":2, "d\u202ee\u200bf":3}"#;
    let folder = Folder::new();
    let source = folder.file("flags.json", flags);
    let published = folder.run(["publish", source.to_str().unwrap()]).out;
    let shown = "a\u{fffd}FORGED, b\u{fffd}[2Jc, d\u{fffd}e\u{fffd}f";
    assert!(published.contains("3 added: ") && published.lines().count() == 1, "{published:?}");
    // With its second name, or its flags would be carried on.
    let live = format!(".{}.live", folder.snapshot().file_name().unwrap().to_str().unwrap());
    std::fs::remove_file(folder.snapshot().with_file_name(live)).unwrap();
    std::fs::remove_file(folder.snapshot()).unwrap();
    let mut publisher = Running::start(folder.flagstaff(["run", "--source"]).arg(source));
    let line = publisher.logs("published generation=1");
    for key in shown.split(", ") {
        assert!(line.contains(key) && published.contains(key), "{line:?} {published:?}");
    }
    let pretty = folder.run(["dump", "--pretty"]).out;
    assert!(!pretty.contains(['\x1b', '\u{202e}', '\u{200b}']), "{pretty:?}");
    assert!(pretty.contains(r"d\u202ee\u200bf"), "exact all the same: {pretty:?}");
    let exact: serde_json::Value = serde_json::from_str(&pretty).unwrap();
    assert_eq!(exact, serde_json::from_str::<serde_json::Value>(flags).unwrap());
    publisher.signal(Signal::TERM);
    publisher.end();
    let log = publisher.everything();
    assert!(!log.contains(['\x1b', '\u{202e}', '\u{200b}']) && !log.contains("\nFORGED"), "{log:?}");
}
