//! Rows 8, 10 and 23: services that send too much or too slowly, and disks that hold too little.

use std::time::{Duration, Instant};

use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{in_namespace, place, serves_last_good};

/// Most memory that a publisher may ever have had, in KiB: buffers for one event of 5 MiB, and what a program takes.
const MOST_MEMORY: u64 = 48 * 1024;

#[track_caller]
fn is_bounded(what: &str, publisher: &Process) {
    let peak = publisher.memory("VmHWM");
    eprintln!("{what}: at most {:.1} MiB resident", peak as f64 / 1024.0);
    assert!(peak < MOST_MEMORY, "{what}: {peak} KiB");
}

/// The service is good again, and so is the publisher.
#[track_caller]
fn recovers(place: &Place, server: &FaultServer) {
    server.publish(r#"{"n": 2}"#);
    place.wait_for_n(2);
}

#[test]
fn row_8_headers_that_come_too_slowly_are_given_up() {
    let place = place();
    let server = FaultServer::start();
    server.queue(Script::slow_headers(Duration::from_millis(500)));
    let publisher = place.run(&server);
    server.wait_for_requests(1, DEADLINE);
    let begun = Instant::now();
    publisher.expect_log("no complete response headers within 10 s");
    assert!((9.0..15.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
    serves_last_good(&place, "slow headers");
    is_bounded("slow headers", &publisher);
    recovers(&place, &server);
}

#[test]
fn row_8_headers_without_end_are_given_up_in_bounded_memory() {
    let place = place();
    let server = FaultServer::start();
    server.queue(Script::endless_headers());
    let publisher = place.run(&server);
    publisher.expect_log("response headers are larger than 65536 bytes");
    serves_last_good(&place, "endless headers");
    is_bounded("endless headers", &publisher);
    recovers(&place, &server);
}

#[test]
fn row_8_a_line_without_end_is_given_up_in_bounded_memory() {
    let place = place();
    let server = FaultServer::start();
    server.queue(Script::endless_line());
    let publisher = place.run(&server);
    publisher.expect_log("is larger than 5242880 bytes; it was dropped");
    serves_last_good(&place, "endless line");
    is_bounded("endless line", &publisher);
    recovers(&place, &server);
}

#[test]
fn row_8_lines_of_an_event_without_end_are_given_up_in_bounded_memory() {
    let place = place();
    let server = FaultServer::start();
    let lines = "data: 0123456789012345678901234567890123456789\n".repeat(130_000);
    server.queue(Script::plain_stream().bytes(lines.as_bytes()));
    let publisher = place.run(&server);
    publisher.expect_log("is larger than 5242880 bytes; it was dropped");
    serves_last_good(&place, "endless lines");
    is_bounded("endless lines", &publisher);
    recovers(&place, &server);
}

#[test]
fn row_10_an_event_over_the_cap_is_dropped_and_reported_and_the_next_connection_works() {
    let place = place();
    let server = FaultServer::start();
    let publisher = place.run(&server);
    server.wait_for_streams(1, DEADLINE);
    let oversize = format!("{{\"n\": 666, \"filler\": \"{}\"}}", "x".repeat(5 << 20));
    server.send_event(&oversize);
    let (_, line) = publisher.expect_log("is larger than 5242880 bytes; it was dropped");
    assert!(line.contains("serving the last snapshot"), "{line}");
    serves_last_good(&place, "oversize event");
    is_bounded("oversize event", &publisher);
    recovers(&place, &server);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn row_10_an_event_just_under_the_cap_is_taken() {
    let place = place();
    let server = FaultServer::start();
    let publisher = place.run(&server);
    server.wait_for_streams(1, DEADLINE);
    let frame = "{\"n\":2,\"filler\":\"\"}".len();
    server.publish(&format!("{{\"n\":2,\"filler\":\"{}\"}}", "x".repeat((5 << 20) - frame)));
    place.wait_for_n(2);
    eprintln!("5 MiB in one flag: at most {:.1} MiB resident", publisher.memory("VmHWM") as f64 / 1024.0);
    assert_eq!(place.reader().with_str("filler", |text| text.map(str::len)), Some((5 << 20) - frame));
}

/// Story: with a full disk every event of a busy service was another line in the log. Now the trouble is told when it
/// begins and when it ends.
#[test]
fn row_23_a_full_disk_is_reported_once_and_not_for_every_event() {
    let place = place();
    let server = FaultServer::start();
    let script = "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"";
    let Some(mut command) = in_namespace("-m", script) else { return };
    let mut run = place.flagstaff("run");
    run.args(["--base-url", &server.url()]);
    command.arg(place.folder()).arg(run.get_program()).args(run.get_args()).env("FLAGSTAFF_API_KEY", KEY);
    let publisher = Process::start(command);
    server.wait_for_streams(1, DEADLINE);
    let said = |text: &str| publisher.stderr().lines().filter(|line| line.contains(text)).count();
    let published = |n: usize| wait_until("another snapshot", DEADLINE, || said("published") == n);
    let large =
        |n: u32| server.send_event(&format!("{{\"n\": {n}, \"filler\": \"{}\"}}", "x".repeat(3 << 20)));
    server.send_event(r#"{"n": 2}"#);
    published(1);
    for round in 1..=2 {
        for n in 0..5 {
            assert_eq!(large(n), 1);
        }
        server.send_event(&format!("{{\"n\": {round}, \"small\": true}}"));
        published(1 + round);
        assert_eq!(said("cannot reserve space"), round, "{}", publisher.stderr());
        // Said after the publish itself.
        wait_until("it is told", DEADLINE, || said("file can be written again") == round);
    }
    let error = status_inside(&place, &publisher)["last_error"].clone();
    assert_eq!(
        (&error["kind"], &error["status"]),
        (&"disk_full".into(), &serde_json::Value::Null),
        "{error}"
    );
    assert!(error["age"].as_f64().is_some_and(|age| age >= 0.0), "{error}");
}

/// `flagstaff status --json` of the file that only the child of `unshare` sees at the place.
#[track_caller]
fn status_inside(place: &Place, unshare: &Process) -> serde_json::Value {
    let id = unshare.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let child = children.split_whitespace().next().unwrap();
    let file = format!("/proc/{child}/root{}", place.file().display());
    let mut status = flagstaff_tests::place::flagstaff();
    status.args(["status", "--json", "--file", &file]);
    let answer = flagstaff_tests::place::answer(status);
    serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// Symptom: `flagstaff publish` answered 0 although nothing had reached the disk. Cause: only a disk that hangs was told, and
/// not one that refuses. Fix: the answer of the disk decides.
#[test]
fn row_23_a_publish_that_does_not_reach_the_disk_is_a_no() {
    let (place, sources) = (Place::new(), Place::new());
    for n in 1..=2 {
        std::fs::write(sources.join(&format!("{n}.json")), format!("{{\"n\": {n}}}")).unwrap();
    }
    let script = "mount -t tmpfs -o size=2m tmpfs \"$0\" && \"$@\" SOURCES/1.json && \
        { cat /dev/zero > \"$0/hog\"; \"$@\" SOURCES/2.json; echo \"code $?\"; \"$1\" get n --file \"$0/flags.flagstaff\"; }";
    let script = script.replace("SOURCES", &sources.folder().display().to_string());
    let Some(mut command) = in_namespace("-m", &script) else { return };
    let publish = place.flagstaff("publish");
    command.arg(place.folder()).arg(publish.get_program()).args(publish.get_args());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(stdout.contains("code 1\n2\n"), "{stdout}{stderr}");
    assert!(stderr.contains("readers have generation 2 in memory"), "{stderr}");
    assert!(stderr.contains("would not survive a reboot"), "{stderr}");
}
