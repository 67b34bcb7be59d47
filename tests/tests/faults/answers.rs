//! Rows 1 to 7: services that cannot be reached, or answer something else than flags.

use std::fs;
use std::time::Duration;

use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

use crate::support::{place, retry_in, serves_last_good};

/// First delays: uniform over 0 to 2 s, but never below this.
const SHORT: (f64, f64) = (0.1, 2.0);

/// One row: what is said, how the link is shown, and when the next try comes.
#[track_caller]
fn fails(what: &str, place: &Place, publisher: &Process, said: &str, link: &str, seconds: (f64, f64)) {
    let (_, line) = publisher.expect_log(said);
    let may_pass = link == "retrying" || said.contains("204");
    let level = if may_pass { "WARN" } else { "ERROR" };
    assert!(line.contains(level) && line.contains("serving the last snapshot"), "{what}: {line}");
    let delay = retry_in(&line).as_secs_f64();
    assert!((seconds.0..=seconds.1).contains(&delay), "{what}: {line}");
    let status = place.status();
    assert_eq!((&status["publisher"], &status["stale"]), (&"alive".into(), &true.into()), "{what}: {status}");
    // After a short delay the next try may be under way already.
    let is_shown = status["link"] == link || (status["link"] == "connecting" && seconds.1 <= 2.0);
    assert!(is_shown, "{what}: {status}");
    serves_last_good(place, what);
    assert_eq!(place.answer("status", ["--check"]).code, 1, "{what}");
}

#[test]
fn row_1_a_service_that_cannot_be_reached_leaves_the_last_flags_and_is_tried_again() {
    let closed = FaultServer::start().url();
    let plain = FaultServer::start();
    plain.always(Script::close_at_once());
    for (what, url, said) in [
        ("refused", closed.as_str(), "cannot connect to http://127.0.0.1:"),
        ("no such host", "http://no-such-host.invalid:80", "no-such-host.invalid"),
        ("no tls", &plain.url().replace("http:", "https:"), "cannot set up tls with https://127.0.0.1:"),
    ] {
        let place = place();
        let mut command = place.run_command(url);
        command.args(["--connect-timeout", "2"]);
        let publisher = Process::start(command);
        if what == "no such host" {
            // How a name service without an answer fails, and how fast, is the machine's affair.
            publisher.expect_log("no stream; serving the last snapshot");
            serves_last_good(&place, what);
            let log = publisher.stderr();
            assert!(
                log.contains("cannot resolve") || log.contains("no address of the host within 2 s"),
                "{log}"
            );
            continue;
        }
        fails(what, &place, &publisher, said, "retrying", SHORT);
    }
}

#[test]
fn row_2_a_silent_stream_is_given_up_and_made_anew() {
    let place = place();
    let server = FaultServer::start();
    let mut command = place.run_command(&server.url());
    command.args(["--read-timeout", "1"]);
    let publisher = Process::start(command);
    server.wait_for_streams(1, DEADLINE);
    let opened = server.requests()[0].at;
    let (failed, line) = publisher.expect_log("no data or heartbeat within 1 s");
    let silence = failed.saturating_duration_since(opened);
    assert!((0.9..3.0).contains(&silence.as_secs_f64()), "{silence:?}: {line}");
    serves_last_good(&place, "silence");
    assert!(place.status()["contact_age"].as_f64() >= Some(0.9), "{}", place.status());
    server.publish(r#"{"n": 2}"#);
    place.wait_for_n(2);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn row_2_heartbeats_keep_a_stream_without_events_open() {
    let place = place();
    let server = FaultServer::start();
    let mut command = place.run_command(&server.url());
    command.args(["--read-timeout", "1"]);
    let _publisher = Process::start(command);
    server.wait_for_streams(1, DEADLINE);
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(server.heartbeat(), 1);
    }
    assert_eq!(server.requests().len(), 1);
    wait_until("the last heartbeat counts as contact", DEADLINE, || {
        place.status()["contact_age"].as_f64() < Some(0.3)
    });
}

/// Delays are random, so that the growth is seen in the sum over several publishers: with the means of 1, 2, 5 s each
/// connects 3 to 4 times in 7 s, with a constant mean of 1 s it would be 8 times.
#[test]
fn row_3_a_service_that_accepts_and_closes_is_asked_less_and_less_often() {
    const PUBLISHERS: usize = 8;
    let server = FaultServer::start();
    server.always(Script::stream().then_close());
    let places: Vec<Place> = (0..PUBLISHERS).map(|_| place()).collect();
    let publishers: Vec<Process> = places.iter().map(|place| place.run(&server)).collect();
    server.wait_for_connections(PUBLISHERS, DEADLINE);
    std::thread::sleep(Duration::from_secs(7));
    let connections = server.connections();
    eprintln!("{connections} connections of {PUBLISHERS} publishers in 7 s");
    assert!((2 * PUBLISHERS..=5 * PUBLISHERS).contains(&connections), "{connections}");
    for (publisher, place) in publishers.iter().zip(&places) {
        publisher.expect_log("no stream");
        serves_last_good(place, "accept and close");
    }
}

#[test]
fn rows_4_5_and_7_an_answer_that_is_no_stream_is_told_apart_and_tried_again_in_its_own_time() {
    let slow = (48.0, 72.0);
    let rows = [
        ("401", Script::status(401, &[], "no"), "found 401; check the api key", "refused", slow),
        ("403", Script::status(403, &[], "no"), "found 403; check the api key", "refused", slow),
        ("404", Script::status(404, &[], "no"), "found 404; check the base url", "refused", slow),
        ("204", Script::status(204, &[], ""), "found status 204", "refused", (240.0, 360.0)),
        ("500", Script::status(500, &[], ""), "found 500; the service has trouble", "retrying", SHORT),
        (
            "503 with Retry-After",
            Script::status(503, &[("Retry-After", "120")], ""),
            "found 503",
            "retrying",
            (120.0, 132.0),
        ),
        (
            "429 with a Retry-After of a year",
            Script::status(429, &[("Retry-After", "31536000")], ""),
            "found 429; the service limits how often it is asked",
            "retrying",
            (3600.0, 3600.0),
        ),
        (
            "login page",
            Script::status(200, &[("Content-Type", "text/html; charset=utf-8")], "<html>{\"n\": 666}</html>"),
            "expected content type text/event-stream, found text/html",
            "retrying",
            SHORT,
        ),
        (
            "JSON",
            Script::status(200, &[("Content-Type", "application/json")], "{\"n\": 666}"),
            "found application/json",
            "retrying",
            SHORT,
        ),
        (
            "no http",
            Script::raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
            "expected a valid http response",
            "retrying",
            SHORT,
        ),
        ("reset", Script::reset_at_once(), "the connection broke", "retrying", SHORT),
        ("redirect without target", Script::status(302, &[], ""), "it has no location", "refused", slow),
        (
            "redirect to a file",
            Script::status(302, &[("Location", "file:///etc/passwd")], ""),
            "its location is",
            "refused",
            slow,
        ),
    ];
    for (what, script, said, link, seconds) in rows {
        let place = place();
        let server = FaultServer::start();
        server.always(script);
        let publisher = place.run(&server);
        fails(what, &place, &publisher, said, link, seconds);
    }
}

#[test]
fn row_4_a_refused_key_is_read_again_from_its_file() {
    let place = place();
    let server = FaultServer::start();
    server.queue(Script::status(401, &[], ""));
    server.publish(r#"{"n": 2}"#);
    let publisher = place.run(&server);
    publisher.expect_log("check the api key");
    wait_until("the refusal is visible", DEADLINE, || place.status()["link"] == "refused");
    fs::write(place.key_file(), "another-key\n").unwrap();
    // Nobody has to wait for the slow retry.
    publisher.signal(Signal::HUP);
    place.wait_for_n(2);
    let keys: Vec<_> =
        server.requests().iter().map(|request| request.header("X-API-Key").map(str::to_owned)).collect();
    assert_eq!(keys, [Some(KEY.to_owned()), Some("another-key".to_owned())]);
}

#[test]
fn row_4_a_missing_key_file_is_waited_for() {
    let place = place();
    let server = FaultServer::start();
    server.publish(r#"{"n": 2}"#);
    let publisher = place.run(&server);
    place.wait_for_n(2);
    server.wait_for_streams(1, DEADLINE);
    fs::rename(place.key_file(), place.join("away")).unwrap();
    server.reset_streams();
    publisher.expect_log("no usable api key");
    assert_eq!(place.get("n"), "2");
    fs::rename(place.join("away"), place.key_file()).unwrap();
    server.publish(r#"{"n": 3}"#);
    place.wait_for_n(3);
}

#[test]
fn row_5_retry_after_is_honoured() {
    let place = place();
    let server = FaultServer::start();
    server.queue(Script::status(503, &[("Retry-After", "2")], ""));
    server.publish(r#"{"n": 2}"#);
    let _publisher = place.run(&server);
    let requests = server.wait_for_requests(2, DEADLINE);
    let waited = requests[1].at - requests[0].at;
    eprintln!("asked again {waited:?} after Retry-After: 2");
    assert!((1.95..4.5).contains(&waited.as_secs_f64()), "{waited:?}");
    place.wait_for_n(2);
}

#[test]
fn row_6_a_redirect_to_another_origin_never_gets_the_key() {
    for code in [301, 302, 303, 307, 308] {
        let place = place();
        let (server, other) = (FaultServer::start(), FaultServer::start());
        other.publish(r#"{"n": 2}"#);
        server.always(Script::status(code, &[("Location", &format!("{}/elsewhere", other.url()))], ""));
        let _publisher = place.run(&server);
        place.wait_for_n(2);
        assert_eq!(server.requests()[0].header("x-api-key"), Some(KEY), "{code}");
        let there = &other.requests()[0];
        assert_eq!(there.path, "/elsewhere", "{code}");
        assert!(!format!("{there:?}").contains(KEY), "{code}: {there:?}");
    }
}

#[test]
fn row_6_a_redirect_within_the_origin_keeps_the_key_and_one_in_a_circle_ends() {
    let place = place();
    let server = FaultServer::start();
    server.queue(Script::status(307, &[("Location", "/elsewhere")], ""));
    server.publish(r#"{"n": 2}"#);
    let publisher = place.run(&server);
    place.wait_for_n(2);
    let requests = server.requests();
    assert_eq!((requests[1].path.as_str(), requests[1].header("X-API-Key")), ("/elsewhere", Some(KEY)));
    drop(publisher);

    let circle = FaultServer::start();
    circle.always(Script::status(302, &[("Location", "/again")], ""));
    let publisher = place.run(&circle);
    publisher.expect_log("redirects in a row");
    assert!(circle.requests().len() <= 11, "{}", circle.requests().len());
    assert_eq!(place.get("n"), "2");
}
