//! Rows 15, 25, 26 and 28: more than one publisher, and publishers that do not get to run.

use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_tests::place::{Place, answer};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

use crate::support::in_namespace;

fn no_wait(place: &Place, server: &FaultServer) -> Command {
    let mut command = place.run_command(&server.url());
    command.arg("--no-wait");
    command
}

#[test]
fn row_25_a_second_publisher_says_that_there_is_a_first() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    let _first = place.run(&server);
    place.wait_for_n(1);
    let second = answer(no_wait(&place, &server));
    assert_eq!(second.code, 1, "{second:?}");
    let lock = place.lock().display().to_string();
    assert!(
        second.stderr.contains("held by another publisher") && second.stderr.contains(&lock),
        "{second:?}"
    );
    assert_eq!(server.connections(), 1);
}

#[test]
fn row_25_a_publisher_that_stands_by_takes_over_when_the_first_is_killed() {
    let (mut locks, mut streams) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let place = Place::new();
        let server = FaultServer::start();
        server.publish(r#"{"n": 1}"#);
        let mut first = place.run(&server);
        place.wait_for_n(1);
        let second = place.run(&server);
        second.expect_log("stands by");
        let reader = place.reader();
        let generation = reader.generation();
        assert_eq!(server.connections(), 1, "who stands by does not stream");
        let killed = Instant::now();
        first.kill();
        let (lock, _) = second.expect_log("took over");
        let stream = server.wait_for_requests(2, DEADLINE)[1].at;
        locks.push(lock.saturating_duration_since(killed));
        streams.push(stream.saturating_duration_since(killed));
        server.wait_for_streams(1, DEADLINE);
        server.publish(r#"{"n": 2}"#);
        wait_until("flags of the second", DEADLINE, || reader.get_i64("n") == 2);
        assert_eq!(reader.generation(), generation.next(), "round {round}");
    }
    eprintln!("taken over after {locks:?}, streaming after {streams:?}");
    assert!(locks.iter().chain(&streams).all(|time| *time < Duration::from_secs(1)), "{locks:?} {streams:?}");
}

#[test]
fn row_25_of_many_that_stand_by_exactly_one_takes_over() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    let mut first = place.run(&server);
    place.wait_for_n(1);
    let waiting: Vec<Process> = (0..6).map(|_| place.run(&server)).collect();
    waiting.iter().for_each(|one| drop(one.expect_log("stands by")));
    first.kill();
    server.wait_for_requests(2, DEADLINE);
    server.wait_for_streams(1, DEADLINE);
    server.publish(r#"{"n": 2}"#);
    place.wait_for_n(2);
    let winners = || waiting.iter().filter(|one| one.stderr().contains("took over")).count();
    wait_until("the winner says so", DEADLINE, || winners() > 0);
    assert_eq!((winners(), server.requests().len()), (1, 2));
}

#[test]
fn row_15_a_stopped_publisher_keeps_its_lock_and_goes_on_when_it_is_continued() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    let first = place.run(&server);
    place.wait_for_n(1);
    server.wait_for_streams(1, DEADLINE);
    first.signal(Signal::STOP);
    server.publish(r#"{"n": 2}"#);
    let second = answer(no_wait(&place, &server));
    assert_eq!(second.code, 1, "two writers: {second:?}");
    wait_until("the silence is visible", DEADLINE, || place.status()["publisher"] == "gone");
    let status = place.status();
    assert!(status["stale"] == true && status["contact_age"].as_f64() > Some(2.0), "{status}");
    assert_eq!(place.get("n"), "1");
    first.signal(Signal::CONT);
    place.wait_for_n(2);
    wait_until("it is seen alive", DEADLINE, || place.status()["publisher"] == "alive");
}

#[test]
fn row_26_a_publisher_in_another_pid_namespace_is_respected_read_and_succeeded() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    let Some(mut command) = in_namespace("-p", "exec \"$0\" \"$@\"") else { return };
    let run = place.run_command(&server.url());
    command.arg(run.get_program()).args(run.get_args());
    let mut first = Process::start(command);
    place.wait_for_n(1);
    assert_eq!(place.status()["publisher"], "alive");
    let refused = answer(no_wait(&place, &server));
    assert_eq!(refused.code, 1, "{refused:?}");
    let second = place.run(&server);
    second.expect_log("stands by");
    first.kill();
    second.expect_log("took over");
    server.publish(r#"{"n": 2}"#);
    place.wait_for_n(2);
}

#[test]
fn a_publisher_whose_lock_file_was_removed_ends_and_says_why() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    let mut publisher = place.run(&server);
    place.wait_for_n(1);
    std::fs::remove_file(place.lock()).unwrap();
    let status = publisher.wait(DEADLINE);
    assert_eq!(status.code(), Some(1), "{}", publisher.stderr());
    assert!(publisher.stderr().contains("was removed or replaced"), "{}", publisher.stderr());
    assert_eq!(place.get("n"), "1");
}
