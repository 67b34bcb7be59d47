//! A server as a part of another program.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flagstaff_server::{ChangeError, Flags, Server, ServerOptions, StartError};

const DEADLINE: Duration = Duration::from_secs(30);

fn start(flags: &str) -> Server {
    let flags = Flags::Memory(flags.to_owned());
    Server::start(ServerOptions::default().port(0).environment("demo", flags)).unwrap()
}

fn stream(server: &Server) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let request =
        "GET /api/v1/flags/live HTTP/1.1\r\nHost: localhost\r\nX-API-Key: demo\r\nUser-Agent: test\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    BufReader::new(socket)
}

fn next_data(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(data) = line.strip_prefix("data: ") {
            return data.trim_end().to_owned();
        }
    }
}

#[test]
fn a_program_starts_it_sets_flags_and_waits_until_they_are_sent() {
    let server = start(r#"{"a": 1}"#);
    assert_eq!(server.url(), format!("http://{}", server.address()));
    assert!(!server.wait_for_clients(1, Duration::from_millis(20)));
    let mut stream = stream(&server);
    assert!(server.wait_for_clients(1, DEADLINE));
    assert_eq!(next_data(&mut stream), r#"{"a":1}"#);
    assert_eq!(server.set("a", "2").unwrap(), 1);
    assert_eq!(next_data(&mut stream), r#"{"a":2}"#);
    assert!(server.wait_for_clients(1, DEADLINE));
    assert_eq!(server.patch(r#"{"a": null, "b": 1e400}"#).unwrap(), 2);
    assert_eq!(next_data(&mut stream), r#"{"b":1e400}"#);
    assert_eq!(server.flags(), r#"{"b":1e400}"#);
    let clients = server.clients();
    assert_eq!((clients.len(), clients[0].user_agent.as_deref()), (1, Some("test")));
    assert!(matches!(server.set("a", "tru"), Err(ChangeError::Payload(_))));
    assert!(matches!(server.set("", "1"), Err(ChangeError::BadKey { .. })));
    let environment = server.environment("demo").unwrap();
    assert!(matches!(environment.remove("x"), Err(ChangeError::NoFlag { .. })));
    assert_eq!((environment.remove("b").unwrap(), environment.revision()), (3, 3));
    assert!(server.environment("other").is_none());
    drop(stream);
    let begun = Instant::now();
    while !server.clients().is_empty() {
        assert!(begun.elapsed() < DEADLINE, "the client is gone");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn it_ends_when_it_is_dropped_and_gives_its_port_back() {
    let server = start("{}");
    let address = server.address();
    let mut stream = stream(&server);
    next_data(&mut stream);
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the end of a stream and not of a connection: {rest:?}");
    let again = ServerOptions::default().port(address.port()).environment("demo", Flags::samples());
    assert_eq!(Server::start(again).unwrap().address(), address);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let two = ServerOptions::default()
        .port(0)
        .environment("a", Flags::samples())
        .environment("a", Flags::samples());
    assert!(matches!(Server::start(two), Err(StartError::SameKey { key }) if key == "a"));
    let open = ServerOptions::default().port(0).bind([0, 0, 0, 0].into());
    assert!(matches!(Server::start(open), Err(StartError::NoToken { .. })));
    let missing = || {
        ServerOptions::default().port(0).environment("a", Flags::File("/proc/self/no-such-flags.json".into()))
    };
    let Err(StartError::Missing { path }) = Server::start(missing()) else { panic!("started") };
    assert_eq!(path.to_str(), Some("/proc/self/no-such-flags.json"));
    assert!(matches!(Server::start(missing().create_missing_files()), Err(StartError::Create { .. })));
    let name = ServerOptions::default().port(0).environment_name("other", "Shop");
    assert!(matches!(Server::start(name), Err(StartError::Name { .. })));
    let bad = ServerOptions::default().port(0).environment("a", Flags::Memory("[]".to_owned()));
    assert!(matches!(Server::start(bad), Err(StartError::Flags(_))));
    assert!(matches!(
        Server::start(ServerOptions::default().port(0).environment(" ", Flags::samples())),
        Err(StartError::ApiKey(_))
    ));
}
