use std::net::TcpListener;
use std::time::Duration;

use super::super::test_server::{CHUNKED, KEY, Server, UNTIL_CLOSE, hold, send, send_chunk};
use super::*;

pub(super) fn open(server: &Server) -> Result<Connection, Failure> {
    Connection::open(&server.endpoint(), None, &Stopper::new())
}

pub(super) fn open_with(server: &Server, options: StreamOptions) -> Result<Connection, Failure> {
    let endpoint = server.endpoint_with(options, ApiKey::new(KEY).unwrap());
    Connection::open(&endpoint, None, &Stopper::new())
}

/// The data of all events until the connection ends, and why it did.
pub(super) fn read_all(mut connection: Connection) -> (Vec<String>, Failure) {
    let mut items = Vec::new();
    let failure = loop {
        if let Err(failure) = connection.next_items(&mut items) {
            break failure;
        }
    };
    let data = items.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some(event.data),
        _ => None,
    });
    (data.collect(), failure)
}

/// The data of the first event.
pub(super) fn first_event(connection: &mut Connection) -> String {
    let mut items = Vec::new();
    loop {
        connection.next_items(&mut items).unwrap();
        for item in items.drain(..) {
            if let Item::Event(event) = item {
                return event.data;
            }
        }
    }
}

pub(super) fn status_line(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n")
}

#[test]
fn the_request_has_the_headers_of_the_protocol() {
    let server = Server::answer(UNTIL_CLOSE);
    open(&server).unwrap();
    let request = server.requests().remove(0);
    assert!(request.starts_with("get /api/v1/flags/live http/1.1\r\n"), "{request}");
    for line in [
        "accept: text/event-stream",
        "cache-control: no-cache",
        "accept-encoding: identity",
        "user-agent: flagstaff/",
    ] {
        assert!(request.contains(&format!("\r\n{line}")), "{line}: {request}");
    }
    assert!(request.contains(&format!("\r\nx-api-key: {KEY}\r\n")), "{request}");
    assert!(!request.contains("last-event-id"), "{request}");
}

#[test]
fn a_last_event_id_is_sent_when_it_is_not_empty_and_can_be_sent() {
    let server = Server::answer(UNTIL_CLOSE);
    let endpoint = server.endpoint();
    for id in ["", "id-7", "gr\u{fc}n", "a\u{1}b"] {
        Connection::open(&endpoint, Some(id), &Stopper::new()).unwrap();
    }
    let ids: Vec<Option<String>> = server
        .requests()
        .iter()
        .map(|request| {
            request.lines().find_map(|line| line.strip_prefix("last-event-id: ").map(str::to_owned))
        })
        .collect();
    assert_eq!(ids, [None, Some("id-7".to_owned()), Some("gr\u{fc}n".to_owned()), None]);
}

#[test]
fn chunks_of_single_bytes_give_exact_events() {
    let stream = "\u{feff}: hi\r\ndata: gr\u{fc}n \u{1f6a9}\r\ndata: 2\r\n\r\nevent: x\ndata: b\n\n";
    let server = Server::start(move |_, client| {
        send(client, CHUNKED);
        for byte in stream.as_bytes() {
            send_chunk(client, &[*byte]);
        }
        send(client, "0\r\n\r\n");
    });
    let (events, failure) = read_all(open(&server).unwrap());
    assert_eq!(events, ["gr\u{fc}n \u{1f6a9}\n2", "b"]);
    assert!(matches!(failure, Failure::Ended), "{failure:?}");
}

#[test]
fn an_event_is_delivered_while_the_response_goes_on() {
    for head in
        [UNTIL_CLOSE, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100000\r\n\r\n"]
    {
        let server = Server::start(move |_, client| {
            send(client, head);
            send(client, "data: tiny\n\n");
            hold(client);
        });
        assert_eq!(first_event(&mut open(&server).unwrap()), "tiny");
    }
}

#[test]
fn events_of_megabytes_arrive_whole() {
    let data = "0123456789".repeat(400_000);
    let body = format!("data: {data}\n\n");
    let server = Server::start(move |_, client| {
        send(client, CHUNKED);
        for chunk in body.as_bytes().chunks(100_001) {
            send_chunk(client, chunk);
        }
        hold(client);
    });
    assert_eq!(first_event(&mut open(&server).unwrap()), data);
}

#[test]
fn a_truncated_chunk_drops_the_unfinished_event() {
    let server = Server::answer(format!("{CHUNKED}9\r\ndata: a\n\n\r\n20\r\ndata: b\n\nda"));
    let (events, failure) = read_all(open(&server).unwrap());
    // The second event is complete, although its chunk is not.
    assert_eq!(events, ["a", "b"]);
    assert!(matches!(failure, Failure::Read { .. }), "{failure:?}");
    let server = Server::answer(format!("{CHUNKED}9\r\ndata: a\n\n\r\n20\r\ndata: b\n"));
    assert_eq!(read_all(open(&server).unwrap()).0, ["a"]);
}

#[test]
fn only_event_streams_open() {
    for content_type in [
        "text/event-stream",
        "TEXT/Event-Stream",
        "text/event-stream;charset=utf-8",
        "text/event-stream ; a=b",
    ] {
        let server = Server::answer(format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n"));
        assert!(open(&server).is_ok(), "{content_type}");
    }
    for content_type in ["text/html", "text/event-streams", "application/json; text/event-stream", ""] {
        let server = Server::answer(format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n<html>"));
        let failure = open(&server).unwrap_err();
        assert!(
            matches!(&failure, Failure::ContentType { found } if found.as_deref() == Some(content_type)),
            "{failure:?}"
        );
    }
    let failure = open(&Server::answer("HTTP/1.1 200 OK\r\n\r\n")).unwrap_err();
    assert!(matches!(failure, Failure::ContentType { found: None }), "{failure:?}");
}

#[test]
fn gzip_that_nobody_asked_for_is_undone_promptly_and_other_encodings_are_refused() {
    let event = b"data: packed\n\n";
    let length = u16::try_from(event.len()).unwrap();
    // A gzip header and one stored block that is not the last one.
    let packed = [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        event,
    ]
    .concat();
    let server = Server::start(move |_, client| {
        send(client, UNTIL_CLOSE.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n"));
        send(client, &packed);
        hold(client);
    });
    assert_eq!(first_event(&mut open(&server).unwrap()), "packed");
    let server = Server::answer(UNTIL_CLOSE.replace("\r\n\r\n", "\r\nContent-Encoding: br\r\n\r\n"));
    let failure = open(&server).unwrap_err();
    assert!(matches!(&failure, Failure::ContentEncoding { found } if found == "br"), "{failure:?}");
}

/// Symptom: after `Transfer-Encoding: gzip, chunked` nothing arrived, and there was no error. Cause: only the chunks were undone, and the
/// rest was read as lines. Fix: a coding that is not undone is refused.
#[test]
fn a_transfer_coding_other_than_chunked_is_refused() {
    for found in ["gzip, chunked", "gzip", "chunked, br"] {
        let head = CHUNKED.replace("chunked", found);
        let failure = open(&Server::answer(head)).unwrap_err();
        let other = found.split(", ").find(|coding| *coding != "chunked").unwrap();
        assert!(matches!(&failure, Failure::ContentEncoding { found } if found == other), "{failure:?}");
    }
}

#[test]
fn statuses_are_reported_with_their_retry_after() {
    for (status, headers, seconds) in [
        ("401 No", "", None),
        ("403 No", "", None),
        ("404 No", "", None),
        ("429 Slow", "Retry-After: 17\r\n", Some(17)),
        ("503 Down", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(0)),
        ("500 Oops", "Retry-After: soon\r\n", None),
        ("304 Same", "", None),
        ("201 Made", "", None),
    ] {
        let failure = open(&Server::answer(status_line(status, headers))).unwrap_err();
        let expected: u16 = status[..3].parse().unwrap();
        assert!(matches!(failure, Failure::Status { code, .. } if code == expected), "{status}: {failure:?}");
        assert_eq!(failure.retry_after(), seconds.map(Duration::from_secs), "{status}");
    }
}

#[test]
fn no_content_is_told_apart() {
    let failure = open(&Server::answer("HTTP/1.1 204 No Content\r\n\r\n")).unwrap_err();
    assert!(matches!(failure, Failure::NoContent), "{failure:?}");
}

#[test]
fn a_refused_connection_is_no_other_failure() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint::new(&format!("http://127.0.0.1:{port}"), ApiKey::new(KEY).unwrap()).unwrap();
    let failure = Connection::open(&endpoint, None, &Stopper::new()).unwrap_err();
    assert!(matches!(failure, Failure::Connect { .. }), "{failure:?}");
    assert!(std::error::Error::source(&failure).is_some());
}

#[test]
fn a_name_that_cannot_be_resolved_is_no_other_failure() {
    let options = StreamOptions::default().connect_timeout(Duration::from_secs(3));
    // An empty label: the lookup fails without asking the network.
    let endpoint = Endpoint::with_options("http://a..b", ApiKey::new(KEY).unwrap(), options).unwrap();
    let failure = Connection::open(&endpoint, None, &Stopper::new()).unwrap_err();
    assert!(matches!(failure, Failure::Dns { .. }), "{failure:?}");
}

#[test]
fn a_server_without_tls_fails_as_tls() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", plain.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        let (mut client, _) = plain.accept().unwrap();
        send(&mut client, "HTTP/1.1 400 What?\r\n\r\n");
        hold(&mut client);
    });
    let endpoint = Endpoint::new(&url, ApiKey::new(KEY).unwrap()).unwrap();
    let failure = Connection::open(&endpoint, None, &Stopper::new()).unwrap_err();
    assert!(matches!(failure, Failure::Tls { .. }), "{failure:?}");
    answer.join().unwrap();
}

#[test]
fn a_bad_root_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots.pem");
    let options = StreamOptions::default().root_certificates(&path);
    let endpoint = Endpoint::with_options("https://127.0.0.1:1", ApiKey::new(KEY).unwrap(), options).unwrap();
    for text in [None, Some("nothing"), Some("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n")]
    {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let failure = Connection::open(&endpoint, None, &Stopper::new()).unwrap_err();
        assert!(matches!(failure, Failure::RootCertificates { .. }), "{failure:?}");
        assert!(failure.to_string().contains("roots.pem"));
    }
}
