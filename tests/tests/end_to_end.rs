//! From the service to eight processes, through good and bad times.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

const READERS: usize = 8;

struct Readers(Vec<Process>);

impl Readers {
    fn start(place: &Place) -> Readers {
        let start = |_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
            command.arg("watch").arg(place.file());
            Process::start(command)
        };
        let readers: Vec<_> = (0..READERS).map(start).collect();
        readers.iter().for_each(|reader| drop(reader.expect_line("ready")));
        Readers(readers)
    }

    /// Waits until all have seen the payload of `n`, and says when the last one had.
    #[track_caller]
    fn expect(&self, n: i64) -> Instant {
        let line = format!("n={n} on={} name=name-{n} json=[{n},\"\u{e9}\"]", n % 2 == 0);
        self.0.iter().map(|reader| reader.expect_line(&line).0).max().unwrap()
    }

    fn is_any_wrong(&self) -> bool {
        self.0.iter().any(|reader| reader.stdout().contains("n=-1"))
    }
}

fn payload(n: i64) -> String {
    format!("{{\"n\": {n}, \"on\": {}, \"name\": \"name-{n}\", \"json\": [{n}, \"\u{e9}\"]}}", n % 2 == 0)
}

#[test]
fn every_change_of_the_service_reaches_eight_processes() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(&payload(0));
    let readers = Readers::start(&place);
    let _publisher = place.run(&server);
    readers.expect(0);
    server.wait_for_streams(1, DEADLINE);
    let mut times = Vec::new();
    for n in 1..=50 {
        let sent = Instant::now();
        assert_eq!(server.publish(&payload(n)), 1);
        times.push(readers.expect(n).saturating_duration_since(sent));
    }
    times.sort();
    eprintln!(
        "from the service to the last of {READERS} processes: median {:?}, most {:?}",
        times[25], times[49]
    );
    assert!(times[25] < Duration::from_millis(500), "{times:?}");
    assert!(!readers.is_any_wrong());
}

#[test]
fn readers_live_through_a_lost_stream_a_lost_service_and_a_cold_start() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(&payload(0));
    let mut publisher = place.run(&server);
    let readers = Readers::start(&place);
    readers.expect(0);

    // The stream is reset: the flags stay, and the next one brings what was missed.
    server.wait_for_streams(1, DEADLINE);
    assert_eq!(server.reset_streams(), 1);
    server.publish(&payload(1));
    assert_eq!(place.get("n"), "0");
    let lost = Instant::now();
    server.wait_for_requests(2, DEADLINE);
    readers.expect(1);
    eprintln!("back {:?} after a reset", lost.elapsed());

    // The service goes away altogether.
    let address = server.address();
    drop(server);
    publisher.expect_log("cannot connect");
    wait_until("the loss is visible", DEADLINE, || place.status()["link"] == "retrying");
    let status = place.status();
    assert_eq!((&status["publisher"], &status["stale"]), (&"alive".into(), &true.into()), "{status}");
    assert!(status["contact_age"].is_number(), "{status}");
    assert_eq!(place.get("n"), "1");

    // The publisher starts again, with nothing but its file.
    publisher.signal(Signal::TERM);
    assert!(publisher.wait(DEADLINE).success(), "{}", publisher.stderr());
    let stopped = place.status();
    assert_eq!((&stopped["publisher"], &stopped["stale"]), (&"stopped".into(), &true.into()), "{stopped}");
    assert_eq!(stopped["durable_generation"], stopped["generation"], "{stopped}");
    assert_eq!(place.get("name"), "name-1");
    let publisher = Process::start(place.run_command(&format!("http://{address}")));
    publisher.expect_log("goes on with the snapshot file");
    publisher.expect_log("cannot connect");
    let status = place.status();
    assert_eq!(status["generation"], stopped["generation"], "{status}");
    let age = |status: &serde_json::Value| status["published_age"].as_f64().unwrap();
    assert!(age(&status) >= age(&stopped) && status["contact_age"].as_f64() > Some(0.0), "{status}");
    assert_eq!(place.get("n"), "1");

    // And the service comes back.
    let server = FaultServer::start_at(address);
    server.publish(&payload(2));
    readers.expect(2);
    wait_until("the link is good", DEADLINE, || place.status()["stale"] == false);
    assert!(!readers.is_any_wrong(), "a reader got a default after the first flags");
}

#[test]
fn the_command_line_sees_what_the_service_says() {
    let place = Place::new();
    let server = FaultServer::start();
    server.publish(&payload(0));
    let publisher = place.run(&server);
    place.wait_for_n(0);
    assert_eq!((place.get("on").as_str(), place.get("json").as_str()), ("true", "[0,\"\u{e9}\"]"));
    let mut watch = place.flagstaff("watch");
    watch.args(["n", "--json", "--count", "1"]);
    let mut watch = Process::start(watch);
    watch.expect_line("{\"event\":\"start\"");
    server.wait_for_streams(1, DEADLINE);
    server.publish(&payload(7));
    assert!(watch.wait(DEADLINE).success());
    let stdout = watch.stdout();
    let change: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&change["key"], &change["old"], &change["new"]),
        (&"n".into(), &0.into(), &7.into()),
        "{change}"
    );
    let dump: serde_json::Value = serde_json::from_str(&place.answer("dump", ["--json"]).stdout).unwrap();
    assert_eq!(dump, serde_json::from_str::<serde_json::Value>(&payload(7)).unwrap());
    assert_eq!(place.answer("status", ["--check", "--max-age", "60"]).code, 0);
    // The log names what changed, not to what.
    let (_, line) = publisher.expect_log("changed: ");
    assert!(line.contains("4 changed") && line.contains("name") && !line.contains("name-7"), "{line}");
}
