//! From start to end, and from the server to a reader.

use std::time::{Duration, Instant};

use flagstaff_tests::flag_server::{FlagServer, command, put};
use flagstaff_tests::http::Request;
use flagstaff_tests::place::{KEY, Place, answer};
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

#[test]
fn what_is_put_is_what_readers_get() {
    let place = Place::new();
    let file = place.join("flags.json");
    let server =
        FlagServer::start(["--create".as_ref(), "--api-key".as_ref(), KEY.as_ref(), file.as_os_str()]);
    let send = |request: Request| request.header("X-API-Key", KEY).send(server.address);
    assert_eq!(send(put("n", "1")).status, 201);
    let _publisher = Process::start(place.run_command(&server.url()));
    place.wait_for_n(1);
    for n in 2..=10 {
        assert_eq!(send(put("n", &n.to_string())).status, 200);
        place.wait_for_n(n);
    }
    assert_eq!(send(put("text", "\"h\u{e9}llo\"")).status, 201);
    wait_until("the text arrives", DEADLINE, || place.answer("get", ["text"]).code == 0);
    assert_eq!(place.get("text"), "h\u{e9}llo");
    std::fs::write(&file, "{\"n\": 11}").unwrap();
    place.wait_for_n(11);
    // The server knows who streams.
    let clients = send(Request::new("GET", "/api/v1/clients")).json();
    let client = &clients["clients"][0];
    assert!(client["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{clients}");
    assert!(client["user_agent"].as_str().unwrap().contains("flagstaff"), "{clients}");
    assert_eq!(client["sent_revision"], send(Request::new("GET", "/api/v1/history")).json()["revision"]);
    assert!(client["connected_at"].as_str().unwrap().ends_with('Z') && client["id"] == 1, "{clients}");
}

#[test]
fn a_publisher_comes_back_to_a_server_that_was_started_again() {
    let place = Place::new();
    let file = place.join("flags.json");
    std::fs::write(&file, "{\"n\": 1}").unwrap();
    let mut server = FlagServer::start(["--api-key".as_ref(), KEY.as_ref(), file.as_os_str()]);
    let _publisher = Process::start(place.run_command(&server.url()));
    place.wait_for_n(1);
    server.process.signal(Signal::TERM);
    assert!(server.process.wait(DEADLINE).success());
    std::fs::write(&file, "{\"n\": 2}").unwrap();
    let port = server.address.port().to_string();
    let mut again = flagstaff_tests::place::flagstaff();
    again.args(["serve", "--port", &port, "--api-key", KEY]).arg(&file);
    let _again = FlagServer::start_command(again);
    place.wait_for_n(2);
}

#[test]
fn a_signal_ends_streams_in_order_and_the_server_within_a_second() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = FlagServer::start([] as [&str; 0]);
        let (mut stream, mut page) = (server.stream(), server.page_stream());
        stream.next().unwrap();
        page.find(|event| event.name == "flags");
        // A connection that sends nothing, and a client that has sent half a request.
        let _silent = std::net::TcpStream::connect(server.address).unwrap();
        let mut half = std::net::TcpStream::connect(server.address).unwrap();
        std::io::Write::write_all(
            &mut half,
            b"PUT /api/v1/flags/by-key/a HTTP/1.1\r\nHost: localhost\r\nContent-",
        )
        .unwrap();
        let begun = Instant::now();
        server.process.signal(signal);
        let status = server.process.wait(DEADLINE);
        let took = begun.elapsed();
        assert_eq!(status.code(), Some(0), "{}", server.process.stderr());
        assert!(took < Duration::from_secs(1), "{took:?}");
        // The last chunk came: the end of a stream and not of a connection.
        assert!(stream.next().is_none());
        assert!(page.all(|event| event.name == "clients"));
    }
}

#[test]
fn a_port_that_is_in_use_is_named_with_what_to_do() {
    let server = FlagServer::start([] as [&str; 0]);
    let port = server.address.port().to_string();
    let mut second = flagstaff_tests::place::flagstaff();
    second.args(["serve", "--port", &port]);
    let refusal = answer(second);
    assert_eq!((refusal.code, refusal.stdout.as_str()), (1, ""), "{refusal:?}");
    assert!(refusal.stderr.contains(&format!("port {port} is in use")), "{refusal:?}");
    assert!(refusal.stderr.contains("port 0 takes a free one"), "{refusal:?}");
}

#[test]
fn without_a_file_there_are_samples_and_it_is_said_that_nothing_is_kept() {
    let server = FlagServer::start([] as [&str; 0]);
    server.process.expect_log("changes are lost when the server stops");
    assert_eq!(server.line, format!("{}/", server.url()));
    let flags = server.get("/api/v1/flags").json();
    assert!(flags.as_object().unwrap().len() >= 4, "{flags}");
    assert_eq!(server.put("greeting", "\"changed\"").status, 200);
}

#[test]
fn each_environment_has_its_own_key_and_its_own_flags() {
    let place = Place::new();
    let (live, staging) = (place.join("live.json"), place.join("staging.json"));
    std::fs::write(&live, "{\"a\": 1}").unwrap();
    std::fs::write(&staging, "{\"a\": 2}").unwrap();
    let environment = format!("staging={}", staging.display());
    let server = FlagServer::start(["--environment".as_ref(), environment.as_ref(), live.as_os_str()]);
    let staging_get =
        |path: &str| Request::new("GET", path).header("X-API-Key", "staging").send(server.address);
    let mut stream = server.stream();
    assert_eq!(stream.next().unwrap().data, "{\"a\":1}");
    assert_eq!(staging_get("/api/v1/flags").body, "{\"a\":2}");
    let change = put("a", "3").header("X-API-Key", "staging").send(server.address);
    assert_eq!(change.status, 200);
    assert_eq!(server.flags(), "{\"a\":1}");
    assert_eq!(std::fs::read_to_string(&staging).unwrap(), "{\n  \"a\": 3\n}\n");
    assert_eq!(std::fs::read_to_string(&live).unwrap(), "{\"a\": 1}");
    assert_eq!(staging_get("/api/v1/clients").json()["clients"].as_array().unwrap().len(), 0);
    assert_eq!(server.get("/api/v1/clients").json()["clients"].as_array().unwrap().len(), 1);
    server.put("a", "9");
    assert_eq!(stream.next().unwrap().data, "{\"a\":9}");
    for (arguments, said) in [
        (["--environment", "dev=x.json"], "two environments have the api key"),
        (["--environment", "nofile"], "expected an API key and a file"),
        (["--api-key", "two\nlines"], "api key"),
    ] {
        let refusal = answer(command(arguments));
        assert!(refusal.code == 2 && refusal.stderr.contains(said), "{refusal:?}");
    }
}

#[test]
fn a_silent_stream_has_heartbeats() {
    let server = FlagServer::start(["--heartbeat", "0.05"]);
    for open in [FlagServer::stream, FlagServer::page_stream] {
        let begun = Instant::now();
        let mut stream = open(&server);
        for _ in 0..3 {
            stream.find(|event| event.name == ":" && event.data == "heartbeat");
        }
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }
}
