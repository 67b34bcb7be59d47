//! What a publisher takes while a server sends without end: the most memory that was ever resident.

use std::io::Write;
use std::time::{Duration, Instant};

use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{place, run};

/// In KiB: buffers for one event of 5 MiB, and what a program takes.
const MOST_MEMORY: u64 = 48 * 1024;

/// Complete, with length and checksum.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// 64 MiB in some hundred KiB, without its end.
fn bomb(start: &str, filler: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(start.as_bytes()).unwrap();
    let filler = filler.repeat((1 << 20) / filler.len());
    (0..64).for_each(|_| packer.write_all(filler.as_bytes()).unwrap());
    let mut bytes = packer.finish().unwrap();
    // Checksum and length, and the mark of the last block.
    bytes.truncate(bytes.len() - 16);
    bytes
}

pub(crate) fn bounded() {
    const TOO_LARGE: &str = "is larger than 5242880 bytes; it was dropped";
    const SILENCE: &str = "no data or heartbeat within 3 s";
    const HEADERS: &str = "response headers are larger than 65536 bytes";
    let line = |start: &str| Script::plain_stream().bytes(start.as_bytes()).endlessly(&[b'x'; 16 * 1024]);
    let head = |start: &[u8]| Script::raw(start).endlessly(&[b'x'; 16 * 1024]);
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (what, script, said) in [
        ("headers", Script::endless_headers(), HEADERS),
        ("one header", head(b"HTTP/1.1 200 OK\r\nX-Long: "), HEADERS),
        ("a header's name", head(b"HTTP/1.1 200 OK\r\n"), "no stream"),
        ("a status line", head(b"HTTP/1.1 200 "), "no stream"),
        ("no line at all", head(b""), "no stream"),
        ("a chunk's extension", head(format!("{chunked}1;").as_bytes()), "no stream"),
        ("a chunk's size", Script::raw(chunked.as_bytes()).endlessly(&[b'0'; 16 * 1024]), "no stream"),
        ("trailers", Script::raw(format!("{chunked}0\r\n").as_bytes()).endlessly(b"X: y\r\n"), SILENCE),
        ("a line of data", line("data: "), TOO_LARGE),
        ("a comment", line(": "), TOO_LARGE),
        ("an unknown field", line("unknown"), TOO_LARGE),
        ("an id", line("id: "), "is larger than 4096 bytes; it was dropped"),
        ("an event type", line("event: "), "is larger than 4096 bytes; it was dropped"),
        ("lines of data", Script::plain_stream().endlessly(b"data: x\ndata\n"), TOO_LARGE),
        ("gzip of a line", Script::encoded("gzip", &bomb("data: ", "x")), TOO_LARGE),
        ("gzip of lines", Script::encoded("gzip", &bomb("", "data: x\n")), TOO_LARGE),
        (
            "gzip of nothing",
            Script::encoded("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\xff").endlessly(&[0, 0, 0, 0xff, 0xff]),
            SILENCE,
        ),
        (
            "gzip's file name",
            Script::encoded("gzip", b"\x1f\x8b\x08\x08\0\0\0\0\0\x03").endlessly(&[b'x'; 1024]),
            "no stream",
        ),
    ] {
        let (place, server) = (place(), FaultServer::start());
        server.queue(script);
        server.publish(r#"{"n": 2}"#);
        let publisher = run(&place, &server.url(), &["--read-timeout", "3"], &[]);
        publisher.expect_log(said);
        // The next connection is good.
        place.wait_for_n(2);
        is_bounded(what, &publisher);
    }
    unending();
}

/// Nothing here is forbidden, so it goes on and on.
fn unending() {
    for (what, script) in [
        ("comments", Script::plain_stream().endlessly(&b": x\n".repeat(4096))),
        ("blank lines", Script::plain_stream().endlessly(&[b'\n'; 16 * 1024])),
        ("ids", Script::plain_stream().endlessly(&b"id: x\n\n".repeat(2048))),
        ("the same event", Script::plain_stream().endlessly(&b"data: {\"n\": 2}\n\n".repeat(1024))),
        ("gzip of comments", Script::encoded("gzip", &bomb("data: {\"n\": 2}\n\n", ": x\n"))),
    ] {
        let (place, server) = (place(), FaultServer::start());
        server.queue(script);
        let mut publisher = place.run(&server);
        publisher.expect_log("stream is open");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            assert!(publisher.is_running() && place.reader().get_i64("n") >= 1, "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!publisher.stderr().contains("no stream"), "{what}: {}", publisher.stderr());
        is_bounded(what, &publisher);
    }
}

#[track_caller]
fn is_bounded(what: &str, publisher: &Process) {
    let peak = publisher.memory("VmHWM");
    eprintln!("{what} without end: at most {:.1} MiB resident", peak as f64 / 1024.0);
    assert!(peak < MOST_MEMORY, "{what}: {peak} KiB");
}
