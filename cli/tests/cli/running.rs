//! `run`.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Folder, LIMIT, Running, until};

fn run(folder: &Folder) -> Running {
    Running::start(folder.flagstaff(["run", "--source"]).arg(folder.path().join("flags.json")))
}

#[test]
fn a_watched_file_is_published_whenever_it_changes_and_status_is_fresh() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut publisher = run(&folder);
    publisher.logs("1 added: a");
    assert_eq!(folder.run(["get", "a"]).out, "1\n");
    let fresh = folder.run(["status", "--check", "--max-age", "60", "--json"]);
    assert_eq!(fresh.code, Some(0), "{fresh:?}");
    let json: Value = serde_json::from_str(&fresh.out).unwrap();
    assert_eq!((&json["publisher"], &json["link"]), (&"alive".into(), &"open".into()));
    let old = folder.run(["status", "--max-age", "0"]);
    assert_eq!(old.code, Some(1));
    assert!(old.err.contains("expected at most"), "{}", old.err);
    folder.file("flags.json", r#"{"a":2}"#);
    publisher.logs("1 changed: a");
    assert_eq!(folder.run(["get", "a"]).out, "2\n");
    // A bad file is said once, and the last flags stay.
    folder.file("flags.json", "{");
    let bad = publisher.logs("file of flags cannot be used");
    assert!(bad.contains("payload is not valid JSON at line 1"), "the reason is missing: {bad}");
    assert_eq!(folder.run(["get", "a"]).out, "2\n");
}

#[test]
fn sigterm_and_sigint_stop_it_cleanly_and_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = Folder::new();
        folder.file("flags.json", r#"{"a":1}"#);
        let mut publisher = run(&folder);
        publisher.logs("published");
        let start = Instant::now();
        publisher.signal(signal);
        let status = publisher.end();
        let took = start.elapsed();
        println!("stopped {took:?} after {signal:?}");
        assert!(status.success() && took < Duration::from_secs(1), "{status} after {took:?}");
        let json: Value = serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap();
        assert_eq!((&json["publisher"], &json["durable_generation"]), (&"stopped".into(), &1.into()));
        assert!(publisher.everything().contains("stops after SIG"));
    }
}

#[test]
fn it_stops_soon_while_a_connection_is_being_made_that_nobody_answers() {
    // A listener that accepts nothing, with more connections than it queues: the next one waits for its time limit.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut queued = Vec::new();
    while let Ok(client) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(client);
    }
    let folder = Folder::new();
    let mut command = folder.flagstaff(["run", "--connect-timeout", "60", "--base-url"]);
    let mut publisher =
        Running::start(command.arg(format!("http://{address}")).env("FLAGSTAFF_API_KEY", "k"));
    publisher.logs("made a new snapshot file");
    until("the link is being made", || folder.run(["status", "--json"]).out.contains("connecting"));
    let start = Instant::now();
    publisher.signal(Signal::TERM);
    let status = publisher.end();
    let took = start.elapsed();
    println!("stopped {took:?} after the signal");
    assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
}

#[test]
fn a_log_that_nobody_reads_does_not_end_it() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut command = folder.flagstaff(["run", "--source"]);
    command.arg(folder.path().join("flags.json")).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    until("the first flags are there", || folder.run(["get", "a"]).out == "1\n");
    folder.file("flags.json", r#"{"a":2}"#);
    until("the next flags are there", || folder.run(["get", "a"]).out == "2\n");
    assert!(child.try_wait().unwrap().is_none());
    crate::program::kill(child.id(), Signal::TERM);
    assert!(child.wait().unwrap().success());
}

#[test]
fn sighup_starts_the_source_anew() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut publisher = run(&folder);
    publisher.logs("published");
    publisher.signal(Signal::HUP);
    publisher.logs("connects again");
    folder.file("flags.json", r#"{"a":2}"#);
    publisher.logs("1 changed: a");
    publisher.signal(Signal::TERM);
    assert!(publisher.end().success());
}

#[test]
fn another_publisher_stands_by_and_takes_over_at_once() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut first = run(&folder);
    first.logs("published");
    let no_wait = folder.run(["run", "--no-wait", "--source", "flags.json"]);
    assert_eq!(no_wait.code, Some(1));
    assert!(no_wait.err.contains("held by another publisher"), "{}", no_wait.err);
    let mut second = run(&folder);
    second.logs("stands by");
    let start = Instant::now();
    first.signal(Signal::KILL);
    second.logs("took over");
    println!("took over {:?} after the kill", start.elapsed());
    folder.file("flags.json", r#"{"a":2}"#);
    second.logs("1 changed: a");
    assert_eq!(folder.run(["get", "a"]).out, "2\n");
}

#[test]
fn a_publisher_that_stands_by_stops_at_once() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut first = run(&folder);
    first.logs("published");
    let mut second = run(&folder);
    second.logs("stands by");
    let start = Instant::now();
    second.signal(Signal::TERM);
    assert!(second.end().success() && start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_lock_file_that_is_removed_ends_it_with_a_no() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let mut publisher = run(&folder);
    publisher.logs("published");
    fs::remove_file(folder.path().join("flags.flagstaff.lock")).unwrap();
    assert_eq!(publisher.end().code(), Some(1));
    assert!(publisher.everything().contains("was removed or replaced"));
}

#[test]
fn it_starts_from_the_cache_of_the_sdk() {
    let folder = Folder::new();
    // sha256("abc") = ba7816bf..
    folder.file("soasap_cache_ba7816bf.json", "\u{feff}{\"imported\":true}");
    let mut command = folder.flagstaff(["run", "--base-url", "http://127.0.0.1:1"]);
    let mut publisher = Running::start(command.env("FLAGSTAFF_API_KEY", "abc"));
    publisher.logs("started from the cache of the SDK");
    assert_eq!(folder.run(["get", "imported"]).out, "true\n");
    publisher.logs("no stream");
    until("the link is seen as lost", || {
        let json: Value = serde_json::from_str(&folder.run(["status", "--json"]).out).unwrap();
        json["link"] == "retrying" && json["stale"] == true
    });
}

#[test]
fn a_service_manager_is_told_when_it_is_ready_and_when_it_stops() {
    let folder = Folder::new();
    folder.file("flags.json", r#"{"a":1}"#);
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let mut command = folder.flagstaff(["run", "--source"]);
    let mut publisher =
        Running::start(command.arg(folder.path().join("flags.json")).env("NOTIFY_SOCKET", &socket));
    let hear = || {
        let mut text = [0; 100];
        let bytes = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..bytes]).into_owned()
    };
    assert!(hear().starts_with("READY=1\n"));
    publisher.signal(Signal::TERM);
    assert_eq!(hear(), "STOPPING=1");
    assert!(publisher.end().success());
}

/// Symptom: the log said that the cache of the SDK was not imported, and not why. Cause: only the outermost error was
/// logged, which names the file. Fix: what it says about the content is logged as well.
#[test]
fn a_cache_of_the_sdk_that_cannot_be_used_is_logged_with_its_reason() {
    let folder = Folder::new();
    folder.file("soasap_cache_ba7816bf.json", "[1]");
    let mut command = folder.flagstaff(["run", "--base-url", "http://127.0.0.1:1"]);
    let mut publisher = Running::start(command.env("FLAGSTAFF_API_KEY", "abc"));
    let line = publisher.logs("was not imported");
    assert!(line.contains("payload is an array, expected an object"), "{line}");
}
