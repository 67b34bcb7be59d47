use std::io::Write;
use std::time::Duration;

use super::super::event::Part;
use super::super::failure::Awaited;
use super::super::test_server::{CHUNKED, Server, UNTIL_CLOSE, hold, send, send_chunk};
use super::tests::{first_event, open, open_with, read_all};
use super::*;

#[test]
fn headers_without_end_are_cut_off() {
    let server = Server::start(|_, client| {
        send(client, "HTTP/1.1 200 OK\r\nX-Long: ");
        while client.write_all(&[b'x'; 1000]).is_ok() {}
    });
    let failure = open(&server).unwrap_err();
    assert!(matches!(failure, Failure::HeaderTooLarge { limit: agent::MAX_HEADER_BYTES }), "{failure:?}");
}

#[test]
fn large_headers_below_the_limit_are_taken() {
    let long = "x".repeat(agent::MAX_HEADER_BYTES - 200);
    let server =
        Server::answer(UNTIL_CLOSE.replace("\r\n\r\n", &format!("\r\nX-Long: {long}\r\n\r\ndata: a\n\n")));
    assert_eq!(first_event(&mut open(&server).unwrap()), "a");
}

/// Symptom: a head of 100,000 bytes was taken. Cause: the HTTP layer reads 128 KiB at once and looks at the limit only if the head is
/// not complete by then. Fix: what came is counted.
#[test]
fn large_headers_above_the_limit_are_refused_also_if_they_come_in_one_piece() {
    for headers in [1, 4] {
        let long = format!("\r\nX-Long: {}", "x".repeat(100_000 / headers)).repeat(headers);
        let server = Server::answer(UNTIL_CLOSE.replace("\r\n\r\n", &format!("{long}\r\n\r\ndata: a\n\n")));
        let failure = open(&server).unwrap_err();
        assert!(matches!(failure, Failure::HeaderTooLarge { limit: agent::MAX_HEADER_BYTES }), "{failure:?}");
    }
}

#[test]
fn headers_that_do_not_come_end_with_a_timeout() {
    let server = Server::start(|_, client| {
        send(client, "HTTP/1.1 200 OK\r\n");
        hold(client);
    });
    let failure =
        open_with(&server, StreamOptions::default().header_timeout(Duration::from_millis(50))).unwrap_err();
    assert!(matches!(failure, Failure::Timeout { waited_for: Awaited::Headers, .. }), "{failure:?}");
}

#[test]
fn headers_that_trickle_end_with_the_same_timeout() {
    let server = Server::start(|_, client| {
        // Other bytes keep coming: only a limit for all headers together ends this.
        while client.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").is_ok() {
            // The pace of the trickle: in the time given it stays far below the limit on bytes.
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let failure =
        open_with(&server, StreamOptions::default().header_timeout(Duration::from_millis(50))).unwrap_err();
    assert!(matches!(failure, Failure::Timeout { waited_for: Awaited::Headers, .. }), "{failure:?}");
}

#[test]
fn silence_ends_with_a_timeout_and_any_byte_restarts_it() {
    let server = Server::start(|_, client| {
        send(client, CHUNKED);
        // Ten gaps, together longer than the timeout, each much shorter.
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(100));
            send_chunk(client, b"x");
        }
        send_chunk(client, b"\ndata: late\n\n");
        hold(client);
    });
    let mut connection =
        open_with(&server, StreamOptions::default().read_timeout(Duration::from_millis(800))).unwrap();
    assert_eq!(first_event(&mut connection), "late");
    let failure = connection.next_items(&mut Vec::new()).unwrap_err();
    assert!(matches!(failure, Failure::Timeout { waited_for: Awaited::Data, .. }), "{failure:?}");
    assert!(matches!(connection.next_items(&mut Vec::new()), Err(Failure::Ended)));
}

#[test]
fn lines_and_events_without_end_are_cut_off_and_earlier_events_are_delivered() {
    for (start, part) in
        [("data: ", Part::Data), (": ", Part::Line), ("what", Part::Line), ("id: ", Part::EventId)]
    {
        let server = Server::start(move |_, client| {
            send(client, UNTIL_CLOSE);
            send(client, format!("data: good\n\n{start}"));
            while client.write_all(&[b'x'; 1000]).is_ok() {}
        });
        let connection = open_with(&server, StreamOptions::default().max_event_bytes(100_000)).unwrap();
        let (events, failure) = read_all(connection);
        assert_eq!(events, ["good"]);
        assert!(
            matches!(failure, Failure::EventTooLarge { part: found, .. } if found == part),
            "{failure:?}"
        );
    }
}

#[test]
fn a_chunk_size_without_end_is_cut_off() {
    let server = Server::start(|_, client| {
        send(client, CHUNKED);
        while client.write_all(&[b'0'; 1000]).is_ok() {}
    });
    let (events, failure) = read_all(open(&server).unwrap());
    assert!(events.is_empty());
    assert!(matches!(failure, Failure::Read { .. } | Failure::Protocol { .. }), "{failure:?}");
}

/// Symptom: trailers without end kept a client for ever, which heard nothing. Cause: any byte of the socket started the read
/// timeout anew. Fix: only a byte of the stream does.
#[test]
fn bytes_that_are_none_of_the_stream_do_not_restart_the_timeout() {
    // A stored block of deflate with nothing in it.
    let empty_block = [0, 0, 0, 0xff, 0xff];
    let gzip = UNTIL_CLOSE.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n");
    for (start, more) in [
        (format!("{CHUNKED}0\r\n").into_bytes(), b"X: y\r\n".to_vec()),
        ([gzip.as_bytes(), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]].concat(), empty_block.to_vec()),
    ] {
        let server = Server::start(move |_, client| {
            send(client, &start);
            while client.write_all(&more).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut connection =
            open_with(&server, StreamOptions::default().read_timeout(Duration::from_millis(500))).unwrap();
        let begun = std::time::Instant::now();
        let failure = connection.next_items(&mut Vec::new()).unwrap_err();
        assert!(matches!(failure, Failure::Timeout { waited_for: Awaited::Data, .. }), "{failure:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
