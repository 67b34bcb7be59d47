//! What `flagstaff status` says of the last error: which one, since when, and that it stays when the service is well again.

use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::place;

fn last_error(place: &Place) -> Value {
    place.status()["last_error"].clone()
}

fn age(error: &Value) -> f64 {
    error["age"].as_f64().unwrap_or_else(|| panic!("no age: {error}"))
}

/// The error is told once this was said, and still with `n = 2` from the service, older and older.
#[track_caller]
fn is_told_and_stays(
    what: &str,
    (place, publisher, server): (&Place, &Process, &FaultServer),
    said: &str,
    (kind, status): (&str, Option<u16>),
) {
    publisher.expect_log(said);
    let told = last_error(place);
    assert_eq!((&told["kind"], &told["status"]), (&json!(kind), &json!(status)), "{what}: {told}");
    assert!((0.0..20.0).contains(&age(&told)), "{what}: {told}");
    server.publish(r#"{"n": 2}"#);
    // Nobody has to wait for the next try.
    publisher.signal(Signal::HUP);
    place.wait_for_n(2);
    wait_until("the link is open", DEADLINE, || place.status()["link"] == "open");
    let healed = last_error(place);
    wait_until("it grows older", DEADLINE, || age(&last_error(place)) > age(&healed) + 0.05);
    let later = last_error(place);
    assert_eq!((&later["kind"], &later["status"]), (&json!(kind), &json!(status)), "{what}: {later}");
    assert_eq!(place.status()["stale"], false, "{what}");
    let text = place.answer("status", ["--color", "never"]).stdout;
    let line = text.lines().find(|line| line.starts_with("last error")).unwrap();
    assert!(line.ends_with(" ago"), "{what}: {line}");
    if let Some(status) = status {
        assert!(line.contains(&format!("{status} from the service, ")), "{what}: {line}");
    }
}

#[test]
fn an_answer_that_is_no_stream_is_the_last_error_also_after_recovery() {
    let html = Script::status(200, &[("Content-Type", "text/html")], "<html>");
    for (what, script, said, kind, status) in [
        ("403", Script::status(403, &[], "no"), "found 403", "http_status", Some(403)),
        ("text/html", html, "found text/html", "content_type", None),
    ] {
        let (place, server) = (place(), FaultServer::start());
        assert_eq!(last_error(&place), Value::Null, "{what}");
        server.queue(script);
        let publisher = place.run(&server);
        is_told_and_stays(what, (&place, &publisher, &server), said, (kind, status));
    }
}

#[test]
fn a_refused_connection_is_the_last_error_also_after_recovery() {
    let place = place();
    let address = FaultServer::start().address();
    let publisher = Process::start(place.run_command(&format!("http://{address}")));
    publisher.expect_log("cannot connect to");
    let server = FaultServer::start_at(address);
    is_told_and_stays("refused", (&place, &publisher, &server), "cannot connect to", ("not_connected", None));
}

#[test]
fn a_refused_payload_is_the_last_error_although_the_link_is_open() {
    let (place, server) = (place(), FaultServer::start());
    let publisher = place.run(&server);
    server.wait_for_streams(1, DEADLINE);
    server.send_event("[1, 2]");
    publisher.expect_log("payload is an array");
    assert_eq!(place.status()["link"], "open");
    is_told_and_stays("array", (&place, &publisher, &server), "payload is an array", ("payload", None));
}

/// No key, url or text of the service gets into the file: what is told is a number.
#[test]
fn nothing_of_an_error_is_in_the_file_but_its_kind() {
    let place = Place::new();
    let server = FaultServer::start();
    server.always(Script::status(403, &[("X-Note", KEY)], KEY));
    let publisher = place.run(&server);
    publisher.expect_log("found 403");
    let file = std::fs::File::open(place.file()).unwrap();
    let mut header = [0; 4096];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut header, 0).unwrap();
    let holds = |text: &str| header.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds(KEY) && !holds("http") && !holds("127.0.0.1") && !holds("found 403"));
    assert_eq!(header[29 * 8 + 7], 5, "the code of an HTTP status");
    assert_eq!(u16::from_le_bytes([header[29 * 8 + 5], header[29 * 8 + 6]]), 403);
}
