//! The rules of connecting: one function for each, most of them by the command.

use std::time::Duration;

use flagstaff_publisher::sse::{Failure, RedirectRefusal, Signal, StreamOptions};
use flagstaff_tests::place::KEY;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{FakeClock, Secure, answer_to, next_failure, open, place, run, stream};
use crate::{deadlines, rules, secure};

const RULES: [(&str, fn()); 21] = [
    ("A request has `Accept: text/event-stream` and `Cache-Control: no-cache`.", headers),
    ("`Last-Event-ID` is sent only when there is one that is not empty.", last_event_id),
    (
        "Only status 200 with `Content-Type: text/event-stream`, in any case and with any parameters, opens a stream.",
        only_event_streams,
    ),
    (
        "Gzip that was not asked for is undone; any other encoding is refused. So is a transfer coding other than `chunked`.",
        encodings,
    ),
    ("After 204 it is asked again minutes later, which is shown.", no_content),
    ("Redirects 301, 302, 303, 307 and 308 are followed, five in a row at most.", redirects),
    ("A redirect without a location is an error.", no_location),
    ("The API key never goes to another origin, and not to one that redirects back.", key_stays_home),
    ("A redirect from https to http is refused.", secure::downgrade),
    ("Delays grow from failure to failure, with full jitter.", delays_grow),
    (
        "Delays start anew only after a connection that was good for 30 s, not at each clean end.",
        delays_start_anew,
    ),
    ("`Retry-After` is honoured, up to an hour.", retry_after),
    ("401, 403 and 404 are tried about once a minute, and are not transient.", slow_retry),
    ("Lookup, connection, proxy and TLS have a deadline.", deadlines::connecting),
    ("Response headers have a deadline, however slowly they come.", deadlines::headers),
    ("Any byte of the stream resets the read timeout.", deadlines::any_byte),
    ("Connections have TCP keepalive.", keepalive),
    ("Headers, lines, events and what gzip unpacks are bounded in memory.", crate::memory::bounded),
    ("Certificates are verified, and nothing switches that off.", secure::verified),
    (
        "A proxy of the environment is asked for a tunnel, and with https it never sees the key.",
        secure::proxy,
    ),
    ("A stop ends a lookup, a connect, a handshake, a read and a wait at once.", deadlines::stop),
];

#[test]
fn every_rule_of_connecting_has_a_case() {
    rules::all_are_shown("Connection", &RULES.map(|(rule, _)| rule));
}

#[test]
fn every_rule_of_connecting_is_kept() {
    rules::each(&RULES, |(rule, _)| rule, |(_, show)| show());
}

fn headers() {
    let (place, server) = (place(), FaultServer::start());
    let _publisher = place.run(&server);
    let request = &server.wait_for_requests(1, DEADLINE)[0];
    for (name, value) in [
        ("accept", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("accept-encoding", "identity"),
        ("x-api-key", KEY),
    ] {
        assert_eq!(request.header(name), Some(value), "{request:?}");
    }
    assert!(request.header("last-event-id").is_none() && request.method == "GET", "{request:?}");
}

fn last_event_id() {
    let server = FaultServer::start();
    for text in [": alive\n", "id: gr\u{fc}n\n\n", "data: {}\n\nid: 8\n", "id\n\n", "id: a\u{1}b\n\n"] {
        server.queue(Script::plain_stream().bytes(text.as_bytes()).then_close());
    }
    let mut stream = stream(&server, &FakeClock::new(), || 0.5);
    for _ in 0..5 {
        next_failure(&mut stream);
    }
    while !matches!(stream.next(), Signal::Open) {}
    let requests = server.requests();
    let ids: Vec<_> = requests.iter().map(|request| request.header("last-event-id")).collect();
    // An id counts at a blank line, and one that cannot be sent is not.
    assert_eq!(ids, [None, None, Some("gr\u{fc}n"), Some("gr\u{fc}n"), None, None]);
}

fn only_event_streams() {
    let head = |status: &str, content_type: &str| {
        Script::raw(format!("HTTP/1.1 {status}\r\n{content_type}\r\n\r\n").as_bytes())
    };
    for good in [
        "text/event-stream",
        "TEXT/Event-Stream",
        "text/event-stream;charset=utf-8",
        "text/event-stream ; a=b",
    ] {
        assert!(answer_to(head("200 OK", &format!("Content-Type: {good}"))).is_ok(), "{good}");
    }
    for bad in ["text/html", "text/event-streams", "application/json; text/event-stream", ""] {
        let failure = answer_to(head("200 OK", &format!("Content-Type: {bad}"))).unwrap_err();
        assert!(matches!(failure, Failure::ContentType { .. }), "{bad}: {failure:?}");
    }
    assert!(matches!(answer_to(head("200 OK", "X: y")), Err(Failure::ContentType { found: None })));
    for status in [201, 202, 206, 300, 304, 400, 402, 406, 410, 418, 426, 451, 500, 502, 504, 599, 999] {
        let answer =
            answer_to(head(&format!("{status} No"), "Content-Type: text/event-stream\r\nContent-Length: 0"));
        assert!(
            matches!(answer, Err(Failure::Status { code, .. }) if code == status),
            "{status}: {answer:?}"
        );
    }
}

fn encodings() {
    let (place, server) = (place(), FaultServer::start());
    for encoding in ["br", "deflate", "zstd", "x", "gzip, br"] {
        let failure = answer_to(Script::encoded(encoding, b"data: {}\n\n")).unwrap_err();
        assert!(matches!(failure, Failure::ContentEncoding { .. }), "{encoding}: {failure:?}");
    }
    assert!(answer_to(Script::encoded("identity", b"")).is_ok());
    server.queue(Script::encoded("gzip", &crate::memory::gzip(b"data: {\"n\": 2}\n\n")));
    let _publisher = place.run(&server);
    place.wait_for_n(2);
}

fn no_content() {
    let (place, server) = (place(), FaultServer::start());
    server.always(Script::status(204, &[], ""));
    let publisher = place.run(&server);
    let (_, line) = publisher.expect_log("found status 204");
    let minutes = line.split("retry_in=").nth(1).unwrap().split('.').next().unwrap().parse::<u32>().unwrap();
    assert!((240..=360).contains(&minutes), "{line}");
    wait_until("it is shown", DEADLINE, || place.status()["link"] == "refused");
}

fn redirects() {
    for code in [301, 302, 303, 307, 308] {
        let (place, server) = (place(), FaultServer::start());
        for hop in 1..=5 {
            server.queue(Script::status(code, &[("Location", &format!("/{hop}?q"))], ""));
        }
        server.publish(r#"{"n": 2}"#);
        let _publisher = place.run(&server);
        place.wait_for_n(2);
        let requests = server.requests();
        assert_eq!((requests.len(), requests[5].path.as_str()), (6, "/5?q"), "{code}");
        assert!(requests.iter().all(|request| request.header("x-api-key") == Some(KEY)), "{code}");
    }
    let circle = answer_to(Script::status(302, &[("Location", "/")], ""));
    let is_refused =
        matches!(circle, Err(Failure::Redirect { reason: RedirectRefusal::TooMany { limit: 5 } }));
    assert!(is_refused, "{circle:?}");
}

fn no_location() {
    for code in [301, 302, 303, 307, 308] {
        let answer = answer_to(Script::status(code, &[], ""));
        let is_refused = matches!(answer, Err(Failure::Redirect { reason: RedirectRefusal::NoLocation }));
        assert!(is_refused, "{code}: {answer:?}");
    }
}

fn key_stays_home() {
    for code in [301, 302, 303, 307, 308] {
        let (place, home, other) = (place(), FaultServer::start(), FaultServer::start());
        home.queue(Script::status(code, &[("Location", &format!("{}/there", other.url()))], ""));
        other.queue(Script::status(code, &[("Location", &format!("{}/back", home.url()))], ""));
        home.publish(r#"{"n": 2}"#);
        let _publisher = place.run(&home);
        place.wait_for_n(2);
        assert!(!format!("{:?}", other.requests()).contains(KEY), "{code}");
        let back = &home.requests()[1];
        assert!(back.path == "/back" && !format!("{back:?}").contains(KEY), "{code}: {back:?}");
    }
}

fn delays_grow() {
    let server = FaultServer::start();
    server.always(Script::close_at_once());
    for (random, expected) in [
        (0.5, [1.0, 2.0, 5.0, 10.0, 30.0, 30.0]),
        (0.0, [2.0, 4.0, 10.0, 20.0, 60.0, 60.0]),
        // The floor, however small the number.
        (1.0, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
    ] {
        let mut stream = stream(&server, &FakeClock::new(), move || random);
        let delays: Vec<f64> = expected.iter().map(|_| next_failure(&mut stream).1).collect();
        assert_eq!(delays, expected);
    }
}

fn delays_start_anew() {
    let server = FaultServer::start();
    for alive in ["", ": alive\n", ": alive\n"] {
        server.queue(Script::plain_stream().bytes(alive.as_bytes()).then_close());
    }
    server.always(Script::plain_stream().event("{}").then_close());
    let clock = FakeClock::new();
    let mut stream = stream(&server, &clock, || 0.5);
    let mut delays = Vec::new();
    let mut lives = [31, 29, 30, 1, 1].into_iter();
    while delays.len() < 5 {
        match stream.next() {
            Signal::Open => clock.advance(Duration::from_secs(lives.next().unwrap())),
            Signal::Failed { retry_in, .. } => delays.push(retry_in.as_secs()),
            _ => {}
        }
    }
    // Long without a sign of life, nearly long enough, long enough, short with an event: twice.
    assert_eq!(delays, [1, 2, 1, 2, 5]);
}

fn retry_after() {
    let (place, server) = (place(), FaultServer::start());
    server.queue(Script::status(429, &[("Retry-After", "1")], ""));
    server.publish(r#"{"n": 2}"#);
    let _publisher = place.run(&server);
    let requests = server.wait_for_requests(2, DEADLINE);
    let waited = (requests[1].at - requests[0].at).as_secs_f64();
    assert!((0.95..5.0).contains(&waited), "{waited}");
    let other = FaultServer::start();
    other.always(Script::status(503, &[("Retry-After", "99999999999")], ""));
    let mut stream = stream(&other, &FakeClock::new(), || 0.5);
    assert_eq!(next_failure(&mut stream).1, 3600.0);
}

fn slow_retry() {
    for code in [401, 403, 404] {
        let server = FaultServer::start();
        server.always(Script::status(code, &[], ""));
        for random in [0.0, 0.5, 1.0] {
            let (failure, delay) = next_failure(&mut stream(&server, &FakeClock::new(), move || random));
            assert!((48.0..=72.0).contains(&delay) && !failure.is_transient(), "{code}: {failure} {delay}");
        }
    }
}

/// The kernel shows the timer of the client's socket: 2 is keepalive.
fn keepalive() {
    let server = FaultServer::start();
    let _connection = open(&server.url(), StreamOptions::default()).unwrap();
    let port = format!(":{:04X} ", server.address().port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let client = sockets.lines().find(|line| {
        let mut words = line.split_whitespace().skip(2);
        words.next().is_some_and(|remote| format!("{remote} ").ends_with(&port)) && words.next() == Some("01")
    });
    let timer = client.unwrap().split_whitespace().nth(5).unwrap();
    assert!(timer.starts_with("02:"), "{client:?}");
}

/// Behind TLS everything is as without it.
#[test]
fn a_private_authority_is_trusted_by_option_or_by_variable() {
    for by_option in [true, false] {
        let place = place();
        let secure = Secure::start(&place, "127.0.0.1");
        secure.server.publish(r#"{"n": 2}"#);
        let (arguments, variables) = match by_option {
            true => (vec!["--root-certificates", &*secure.roots], vec![]),
            false => (vec![], vec![("SSL_CERT_FILE", &*secure.roots)]),
        };
        let publisher = run(&place, &secure.front.url(), &arguments, &variables);
        place.wait_for_n(2);
        assert_eq!(secure.server.requests()[0].header("x-api-key"), Some(KEY));
        secure.server.wait_for_streams(1, DEADLINE);
        secure.server.publish(r#"{"n": 3}"#);
        place.wait_for_n(3);
        secure.server.cut_streams();
        publisher.expect_log("no stream");
        place.wait_for_n(3);
        secure.server.wait_for_requests(2, DEADLINE);
        assert_eq!(secure.front.handshakes(), 2);
    }
}
