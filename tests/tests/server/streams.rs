//! Many streams, and streams that do not read.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flagstaff_tests::flag_server::FlagServer;
use flagstaff_tests::streams::Streams;
use flagstaff_tests::wait::{DEADLINE, wait_until};

const STREAMS: usize = 1000;
const MOST_RESIDENT_KIB: u64 = 150 * 1024;

#[test]
fn a_thousand_streams_have_a_change_within_a_quarter_of_a_second() {
    let server = FlagServer::start([] as [&str; 0]);
    for n in 0..100 {
        server.put(&format!("area-{}.flag-{n}", n % 7), "true");
    }
    let mut streams = Streams::open(server.address, "dev", STREAMS).unwrap();
    streams.wait_for("area-1.flag-99", Instant::now(), Duration::from_secs(60)).unwrap();
    let mut times = Vec::new();
    for turn in 0..10 {
        let begun = Instant::now();
        assert!(server.put("turn", &format!("\"turn {turn} of all\"")).status <= 201);
        times.push(streams.wait_for(&format!("turn {turn} of all"), begun, Duration::from_secs(60)).unwrap());
    }
    let resident = server.process.memory("VmHWM");
    times.sort();
    eprintln!(
        "change to last of {STREAMS} streams: best {:?}, median {:?}, worst {:?}; {} MiB resident",
        times[0],
        times[5],
        times[9],
        resident / 1024
    );
    // The best of ten: others use this machine too.
    assert!(times[0] < Duration::from_millis(250), "{times:?}");
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    assert_eq!(server.get("/api/v1/clients").json()["clients"].as_array().unwrap().len(), STREAMS);
    drop(streams);
    wait_until("all are gone", DEADLINE, || {
        server.get("/api/v1/clients").json()["clients"].as_array().unwrap().is_empty()
    });
}

#[test]
fn clients_that_do_not_read_hold_nobody_up_and_make_nothing_grow() {
    let server = FlagServer::start([] as [&str; 0]);
    let stalled: Vec<_> = (0..50)
        .map(|_| {
            let mut socket = TcpStream::connect(server.address).unwrap();
            let address = server.address;
            write!(socket, "GET /api/v1/flags/live HTTP/1.1\r\nHost: {address}\r\nX-API-Key: dev\r\n\r\n")
                .unwrap();
            socket
        })
        .collect();
    let mut reading = server.stream();
    let filler = "x".repeat(1024 * 1024);
    let mut slowest = Duration::ZERO;
    for n in 0..60 {
        let begun = Instant::now();
        assert!(server.put("filler", &format!("\"{n} {filler}\"")).status <= 201);
        let wanted = format!("\"filler\":\"{n} ");
        reading.find(|event| event.data.contains(&wanted));
        slowest = slowest.max(begun.elapsed());
    }
    let resident = server.process.memory("VmHWM");
    eprintln!(
        "60 changes of 1 MiB beside {} stalled streams: slowest {slowest:?}, {} MiB resident",
        stalled.len(),
        resident / 1024
    );
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    drop(stalled);
}
