//! The server judged by a plain socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// A connection that has sent its request. Reads give up at the deadline.
fn ask(server: &FaultServer) -> TcpStream {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = "GET /api/v1/flags/live HTTP/1.1\r\nHost: x\r\nX-API-Key: secret\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    socket
}

fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap_or_else(|error| {
            panic!("no {end:?} but {error}: {:?}", String::from_utf8_lossy(&bytes));
        });
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

fn rest(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn requests_are_recorded_and_streams_take_what_is_sent() {
    let server = FaultServer::start();
    let mut client = ask(&server);
    let request = server.wait_for_requests(1, DEADLINE).remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/api/v1/flags/live"));
    assert_eq!(request.header("x-api-key"), Some("secret"));
    assert_eq!((request.connection, server.connections()), (0, 1));

    let head = read_until(&mut client, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
    server.wait_for_streams(1, DEADLINE);
    assert_eq!(server.send_event("a\nb\r\nc"), 1);
    assert_eq!(read_until(&mut client, "\n\n\r\n"), "19\r\ndata: a\ndata: b\ndata: c\n\n\r\n");
    server.heartbeat();
    assert_eq!(read_until(&mut client, "\n\n\r\n"), "d\r\n: heartbeat\n\n\r\n");
    server.send_raw(b"zz\r\n");
    assert_eq!(read_until(&mut client, "zz\r\n"), "zz\r\n");
    assert_eq!(server.close_streams(), 1);
    assert_eq!(rest(&mut client), "0\r\n\r\n");
    assert_eq!(server.open_streams(), 0);
}

#[test]
fn each_stream_gets_the_current_payload_once_and_then_every_new_one() {
    let server = FaultServer::start();
    server.always(Script::plain_stream());
    server.publish("{\"n\": 1}");
    let mut first = ask(&server);
    read_until(&mut first, "\r\n\r\n");
    assert_eq!(read_until(&mut first, "\n\n"), "data: {\"n\": 1}\n\n");
    server.wait_for_streams(1, DEADLINE);
    assert_eq!(server.publish("{\"n\": 2}"), 1);
    let mut second = ask(&server);
    read_until(&mut second, "\r\n\r\n");
    server.wait_for_streams(2, DEADLINE);
    server.publish("{\"n\": 3}");
    server.cut_streams();
    assert_eq!(rest(&mut first), "data: {\"n\": 2}\n\ndata: {\"n\": 3}\n\n");
    assert_eq!(rest(&mut second), "data: {\"n\": 2}\n\ndata: {\"n\": 3}\n\n");
}

#[test]
fn scripts_are_taken_in_order_and_then_the_default() {
    let server = FaultServer::start();
    server.queue(Script::status(503, &[("Retry-After", "7")], "later"));
    server.queue(Script::status(204, &[], ""));
    server.always(Script::status(401, &[], ""));
    let answer = rest(&mut ask(&server));
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("Retry-After: 7\r\n") && answer.ends_with("\r\n\r\nlater"), "{answer}");
    assert!(rest(&mut ask(&server)).starts_with("HTTP/1.1 204 "));
    assert!(rest(&mut ask(&server)).starts_with("HTTP/1.1 401 "));
    assert!(rest(&mut ask(&server)).starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_a_close() {
    let server = FaultServer::start();
    let mut client = ask(&server);
    read_until(&mut client, "\r\n\r\n");
    server.wait_for_streams(1, DEADLINE);
    assert_eq!(server.reset_streams(), 1);
    assert_eq!(client.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);

    server.queue(Script::reset_at_once());
    assert_eq!(ask(&server).read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);

    server.queue(Script::close_at_once());
    assert_eq!(ask(&server).read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_truncated_chunk_ends_in_the_middle_and_split_bytes_still_add_up() {
    let server = FaultServer::start();
    server.queue(Script::truncated_chunk("0123456789"));
    let answer = rest(&mut ask(&server));
    assert!(answer.ends_with("\r\n\r\n12\r\ndata: 01"), "{answer:?}");

    server.queue(Script::plain_stream().one_byte_at_a_time().event("x").then_close());
    let answer = rest(&mut ask(&server));
    assert!(answer.ends_with("\r\n\r\ndata: x\n\n"), "{answer:?}");
}

#[test]
fn a_burst_comes_whole_and_the_stream_stays_open() {
    let server = FaultServer::start();
    server.queue(Script::plain_stream().burst(1000));
    let mut client = ask(&server);
    let burst = read_until(&mut client, "{\"burst\": 999}\n\n");
    assert_eq!(burst.matches("data: ").count(), 1000);
    server.wait_for_streams(1, DEADLINE);
    drop(client);
    server.wait_for_streams(0, DEADLINE);
}

#[test]
fn endless_answers_go_on_until_the_client_leaves() {
    let server = FaultServer::start();
    for script in [Script::endless_headers(), Script::endless_line()] {
        server.queue(script);
        let mut megabyte = vec![0; 1 << 20];
        ask(&server).read_exact(&mut megabyte).unwrap();
    }
}

#[test]
fn slow_headers_come_byte_by_byte() {
    let server = FaultServer::start();
    server.queue(Script::slow_headers(Duration::from_millis(1)));
    let mut client = ask(&server);
    let begun = Instant::now();
    let head = read_until(&mut client, "\r\n\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(head.len() as u64 / 2), "{:?}", begun.elapsed());
    server.wait_for_streams(1, DEADLINE);
}

#[test]
fn dropping_the_server_ends_every_script_and_frees_the_port() {
    let server = FaultServer::start();
    let scripts = [
        Script::stall(),
        Script::stream(),
        Script::slow_headers(Duration::from_secs(1000)),
        Script::endless_line(),
    ];
    let clients: Vec<TcpStream> = scripts
        .into_iter()
        .map(|script| {
            server.queue(script);
            ask(&server)
        })
        .collect();
    server.wait_for_requests(clients.len(), DEADLINE);
    let address = server.address();
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).is_err());
    drop(clients);
    assert_eq!(FaultServer::start_at(address).address(), address);
}
