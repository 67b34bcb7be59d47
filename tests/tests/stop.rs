//! SIGTERM and SIGINT, whatever the publisher is doing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::time::{Duration, Instant};

use flagstaff_publisher::lock::{LockMode, PublisherLock};
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::DEADLINE;
use rustix::process::Signal;

/// What is aimed at is 200 ms; a loaded machine gets more.
const LIMIT: Duration = Duration::from_secs(1);

/// Signals the publisher and looks at what it leaves behind.
#[track_caller]
fn stops_well(what: &str, mut publisher: Process, signal: Signal, place: &Place) {
    let signalled = Instant::now();
    publisher.signal(signal);
    let status = publisher.wait(DEADLINE);
    let took = signalled.elapsed();
    eprintln!("{what}: {signal:?} ended it in {took:?}");
    assert_eq!(status.code(), Some(0), "{what}: {}", publisher.stderr());
    assert!(took < LIMIT, "{what}: {took:?}\n{}", publisher.stderr());
    let report: serde_json::Value = serde_json::from_str(&place.answer("verify", ["--json"]).stdout).unwrap();
    let generation = &report["generation"];
    let durable = report["areas"].as_array().unwrap().iter().any(|area| {
        area["area"].as_str().unwrap().starts_with("checkpoint")
            && &area["generation"] == generation
            && area["state"] == "ok"
    });
    assert!(generation == 0 || durable, "{what}: no checkpoint of the current generation: {report}");
    let lock = PublisherLock::try_acquire(place.lock(), LockMode::Owner);
    assert!(lock.is_ok(), "{what}: {lock:?}");
    assert_eq!(place.status()["publisher"], "stopped", "{what}");
}

#[test]
fn a_signal_ends_a_publisher_with_an_idle_stream() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(r#"{"n": 1}"#);
        let publisher = place.run(&server);
        place.wait_for_n(1);
        server.wait_for_streams(1, DEADLINE);
        server.publish(r#"{"n": 2}"#);
        place.wait_for_n(2);
        stops_well("idle stream", publisher, signal, &place);
        assert_eq!(place.get("n"), "2");
        server.wait_for_streams(0, DEADLINE);
    }
}

#[test]
fn a_signal_ends_a_publisher_that_waits_for_the_next_try() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = FaultServer::start();
        server.always(Script::status(503, &[("Retry-After", "600")], ""));
        let publisher = place.run(&server);
        publisher.expect_log("retry_in");
        stops_well("backoff", publisher, signal, &place);
    }
}

#[test]
fn a_signal_ends_a_publisher_in_the_middle_of_a_big_payload() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(r#"{"n": 1}"#);
        let publisher = place.run(&server);
        place.wait_for_n(1);
        server.wait_for_streams(1, DEADLINE);
        // Half of an event: the rest never comes.
        let half = format!("data: {{\"n\": 2, \"filler\": \"{}", "x".repeat(4 << 20));
        assert_eq!(server.send_chunk(half.as_bytes()), 1);
        stops_well("half a big payload", publisher, signal, &place);
        assert_eq!(place.get("n"), "1");
    }
}

#[test]
fn a_signal_ends_a_publisher_that_has_just_got_a_big_payload() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(r#"{"n": 1}"#);
        let publisher = place.run(&server);
        place.wait_for_n(1);
        server.wait_for_streams(1, DEADLINE);
        let flags: String = (0..100_000).map(|i| format!(",\"flag-{i}\":\"{i:030}\"")).collect();
        server.publish(&format!("{{\"n\": 2{flags}}}"));
        stops_well("big payload", publisher, signal, &place);
        // Old or new, and whole.
        assert!(["1", "2"].contains(&place.get("n").as_str()));
    }
}

#[test]
fn a_signal_ends_a_publisher_that_waits_for_an_answer_of_the_service() {
    let place = Place::new();
    let server = FaultServer::start();
    server.always(Script::stall());
    let publisher = place.run(&server);
    server.wait_for_requests(1, DEADLINE);
    stops_well("no answer", publisher, Signal::TERM, &place);
}

#[test]
fn a_signal_ends_a_publisher_that_stands_by() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(r#"{"n": 1}"#);
        let first = place.run(&server);
        place.wait_for_n(1);
        let mut second = place.run(&server);
        second.expect_log("stands by");
        let signalled = Instant::now();
        second.signal(signal);
        assert!(second.wait(DEADLINE).success(), "{}", second.stderr());
        eprintln!("standing by: {signal:?} ended it in {:?}", signalled.elapsed());
        assert!(signalled.elapsed() < LIMIT);
        assert_eq!(place.status()["publisher"], "alive");
        stops_well("after a stand-by", first, signal, &place);
    }
}

#[test]
fn a_signal_ends_a_publisher_of_a_file() {
    let place = Place::new();
    let source = place.join("flags.json");
    std::fs::write(&source, r#"{"n": 1}"#).unwrap();
    let mut command = place.flagstaff("run");
    command.arg("--source").arg(&source);
    let publisher = Process::start(command);
    place.wait_for_n(1);
    std::fs::write(&source, r#"{"n": 2}"#).unwrap();
    place.wait_for_n(2);
    stops_well("source file", publisher, Signal::TERM, &place);
}
