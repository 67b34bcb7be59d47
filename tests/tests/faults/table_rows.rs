//! The cases, row by row.

use std::io::Write;
use std::time::Duration;

use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::tls::Authority;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::table::{Case, RARE, SLOW, SOON, Service, Then};
use Service::{NoTls, Redirect, Tls, Url};
use Then::{Fails, Refuses, Takes, TakesOnce};

const TWO: &str = r#"{"n": 2}"#;
const HOST: &str = "127.0.0.1";
const NO_TLS: Then = Fails("cannot set up tls with https://127.0.0.1:", SOON);
const TOO_LARGE: Then = Fails("is larger than 5242880 bytes; it was dropped", SOON);
const BROKE: Then = Fails("the connection broke", SOON);
const ENDED: Then = Fails("the server ended the stream", SOON);
const HEADERS: Then = Fails("response headers are larger than 65536 bytes", SOON);
const NO_HEADERS: Then = Fails("no complete response headers within 10 s", SOON);
const SILENCE: Then = Fails("no data or heartbeat within 3 s", SOON);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |row, what, service, then| cases.push(Case { row, what, service, then });
    unreachable(&mut add);
    answers(&mut add);
    too_slow(&mut add);
    in_pieces(&mut add);
    too_much(&mut add);
    payloads(&mut add);
    cases
}

type Add<'a> = dyn FnMut(u32, &'static str, Service, Then) + 'a;

/// Rows 1 to 3.
fn unreachable(add: &mut Add<'_>) {
    add(
        1,
        "nothing listens",
        Url(FaultServer::start().url()),
        Fails("cannot connect to http://127.0.0.1:", SOON),
    );
    // An empty label: the lookup fails without asking the network.
    add(1, "no such name", Url("http://a..b".to_owned()), Fails("cannot resolve http://a..b:80", SOON));
    let stream = || Script::stream().event(TWO);
    add(1, "unknown authority", Tls(|_| Authority::new().issue(HOST), stream()), NO_TLS);
    add(1, "other host name", Tls(|authority| authority.issue("flags.test"), stream()), NO_TLS);
    add(1, "other address", Tls(|authority| authority.issue("127.0.0.2"), stream()), NO_TLS);
    add(1, "expired", Tls(|authority| authority.issue_expired(HOST), stream()), NO_TLS);
    add(1, "not good yet", Tls(|authority| authority.issue_early(HOST), stream()), NO_TLS);
    add(1, "signed by itself", Tls(|_| Authority::self_signed(HOST), stream()), NO_TLS);
    add(
        1,
        "garbage instead of a handshake",
        NoTls(Script::unasked(b"\x00\xff\x16\x03 garbage\r\n\r\n")),
        NO_TLS,
    );
    add(1, "plain http on the port", NoTls(Script::unasked(b"HTTP/1.1 400 Bad Request\r\n\r\n")), NO_TLS);
    add(1, "an alert", NoTls(Script::unasked(b"\x15\x03\x03\0\x02\x02\x28")), NO_TLS);
    add(
        1,
        "half a handshake, then the end",
        NoTls(Script::unasked(b"\x16\x03\x03\x00\x7a\x02\0\0\x76\x03\x03").then_close()),
        NO_TLS,
    );
    add(1, "closed in the handshake", NoTls(Script::close_at_once()), NO_TLS);
    add(1, "reset in the handshake", NoTls(Script::unasked(b"").then_reset()), Fails("no stream", SOON));
    add(1, "silent in the handshake", NoTls(Script::unasked(b"")), Fails("no connection within 5 s", SOON));
    let endless = Script::unasked(b"").endlessly(&b"\x16\x03\x03\x40\0".repeat(3000));
    add(1, "a handshake without end", NoTls(endless), NO_TLS);
    add(1, "a good certificate", Tls(|authority| authority.issue(HOST), stream()), Takes);
    add(
        1,
        "events over tls, byte by byte",
        Tls(|authority| authority.issue(HOST), stream().one_byte_at_a_time()),
        Takes,
    );
    let cut = Script::plain_stream().bytes(b"data: {\"n\": 666}\n").then_reset();
    add(1, "tls that ends without saying so", Tls(|authority| authority.issue(HOST), cut), BROKE);

    add(2, "a silent stream", Service::Script(Script::stream()), SILENCE);
    add(
        2,
        "silence in an event",
        Service::Script(Script::plain_stream().bytes(b"data: {\"n\": 666}")),
        SILENCE,
    );
    add(
        2,
        "silence in a chunk",
        Service::Script(Script::stream().bytes(b"20\r\ndata: {\"n\": 666}")),
        SILENCE,
    );
    add(2, "silence behind tls", Tls(|authority| authority.issue(HOST), Script::stream()), SILENCE);
    add(2, "no answer", Service::Script(Script::stall()), NO_HEADERS);

    add(3, "accepts and closes", Service::Script(Script::close_at_once()), Fails("no stream", SOON));
    add(3, "closes after the request", Service::Script(Script::raw(b"")), Fails("no stream", SOON));
    add(3, "resets after the request", Service::Script(Script::reset_at_once()), BROKE);
    add(3, "opens and ends", Service::Script(Script::plain_stream().then_close()), ENDED);
    add(
        3,
        "opens and ends in order",
        Service::Script(Script::stream().bytes(b"0\r\n\r\n").then_close()),
        ENDED,
    );
    add(3, "opens and breaks off", Service::Script(Script::stream().then_close()), BROKE);
}

/// Rows 4 to 7.
fn answers(add: &mut Add<'_>) {
    let status = |code, headers: &[(&str, &str)]| Service::Script(Script::status(code, headers, "no"));
    add(4, "401", status(401, &[]), Fails("found 401; check the api key", SLOW));
    add(4, "403", status(403, &[]), Fails("found 403; check the api key", SLOW));
    add(4, "404", status(404, &[]), Fails("found 404; check the base url", SLOW));
    add(
        4,
        "401 behind tls",
        Tls(|authority| authority.issue(HOST), Script::status(401, &[], "")),
        Fails("found 401", SLOW),
    );

    add(5, "204", Service::Script(Script::status(204, &[], "")), Fails("found status 204", RARE));
    add(5, "429", status(429, &[("Retry-After", "120")]), Fails("found 429", (120.0, 132.0)));
    add(5, "503", status(503, &[("Retry-After", "120")]), Fails("found 503", (120.0, 132.0)));
    add(
        5,
        "a Retry-After of a year",
        status(503, &[("Retry-After", "31536000")]),
        Fails("found 503", (3600.0, 3600.0)),
    );
    add(5, "a Retry-After that is none", status(503, &[("Retry-After", "soon")]), Fails("found 503", SOON));
    add(
        5,
        "a Retry-After of long ago",
        status(503, &[("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        Fails("found 503", SOON),
    );
    add(5, "500", status(500, &[]), Fails("found 500; the service has trouble", SOON));

    for code in [301, 302, 303, 307, 308] {
        add(6, "to another host", Redirect(code, Script::stream().event(TWO)), Takes);
    }
    add(6, "to a refusal", Redirect(302, Script::status(401, &[], "")), Fails("found 401", SLOW));
    add(6, "to nowhere", status(302, &[]), Fails("it has no location", SLOW));
    add(6, "to a file", status(302, &[("Location", "file:///etc/passwd")]), Fails("its location is", SLOW));
    let down = Script::status(302, &[("Location", "http://127.0.0.1:1/")], "");
    add(
        6,
        "from https to http",
        Tls(|authority| authority.issue(HOST), down),
        Fails("it leads from https to http", SLOW),
    );
    let away = Script::status(302, &[("Location", "http://a..b/")], "");
    add(6, "to a host without address", Service::Script(away), Fails("cannot resolve http://a..b:80", SOON));

    let page = |content_type: &str| {
        Service::Script(Script::status(
            200,
            &[("Content-Type", content_type)],
            "<html>data: {\"n\": 666}\n\n",
        ))
    };
    add(7, "text/html", page("text/html; charset=utf-8"), Fails("found text/html", SOON));
    add(7, "application/json", page("application/json"), Fails("found application/json", SOON));
    add(7, "text/plain", page("text/plain, text/event-stream"), Fails("found text/plain", SOON));
    add(7, "no type", Service::Script(Script::status(200, &[], TWO)), Fails("found none", SOON));
    add(
        7,
        "no http",
        Service::Script(Script::raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")),
        Fails("expected a valid http", SOON),
    );
    add(
        7,
        "another encoding",
        Service::Script(Script::encoded("br", b"data: {\"n\": 666}\n\n")),
        Fails("found br", SOON),
    );
}

/// Row 8.
fn too_slow(add: &mut Add<'_>) {
    let script = Service::Script;
    add(8, "slow headers", script(Script::slow_headers(Duration::from_millis(500))), NO_HEADERS);
    let tiny = Script::raw(b"HTTP/1.1 200 OK\r\n").endlessly(b"X: y\r\n");
    add(8, "tiny headers without end", script(tiny), Fails("expected a valid http response", SOON));
    add(8, "headers without end", script(Script::endless_headers()), HEADERS);
    add(
        8,
        "a header without end",
        script(Script::raw(b"HTTP/1.1 200 OK\r\nX: ").endlessly(&[b'x'; 9999])),
        HEADERS,
    );
    let line = |start: &str| script(Script::plain_stream().bytes(start.as_bytes()).endlessly(&[b'x'; 9999]));
    add(8, "data without end", line("data: "), TOO_LARGE);
    add(8, "a comment without end", line(":"), TOO_LARGE);
    add(8, "a name without end", line("unknown"), TOO_LARGE);
    add(8, "an id without end", line("id: "), Fails("is larger than 4096 bytes", SOON));
    let endless = Script::plain_stream().bytes(b"data: ").endlessly(&[b'x'; 9999]);
    add(8, "data without end behind tls", Tls(|authority| authority.issue(HOST), endless), TOO_LARGE);
}

/// Row 10.
fn too_much(add: &mut Add<'_>) {
    let script = Service::Script;
    let large = format!("data: {{\"n\": 666, \"x\": \"{}\"}}\n\n", "x".repeat(5 << 20));
    let lines = format!("{}\n", "data: 0123456789012345678901234567890123456789\n".repeat(130_000));
    let packed = packed(large.as_bytes());
    add(10, "an event over the cap", script(Script::plain_stream().bytes(large.as_bytes())), TOO_LARGE);
    add(10, "lines over the cap", script(Script::plain_stream().bytes(lines.as_bytes())), TOO_LARGE);
    add(10, "over the cap once it is unpacked", script(Script::encoded("gzip", &packed)), TOO_LARGE);
}

/// Row 9.
fn in_pieces(add: &mut Add<'_>) {
    let script = Service::Script;
    let event = "data: {\"n\": 2,\ndata: \"t\": \"gr\u{fc}n \u{1f6a9}\"}\n\n";
    let chunks = event
        .bytes()
        .fold(Script::stream(), |script, byte| script.bytes(&[b"1\r\n", &[byte][..], b"\r\n"].concat()));
    add(9, "chunks of one byte", script(chunks.clone()), Takes);
    add(9, "chunks of one byte in segments of one byte", script(chunks.one_byte_at_a_time()), Takes);
    add(
        9,
        "segments of one byte",
        script(Script::plain_stream().bytes(event.as_bytes()).one_byte_at_a_time()),
        Takes,
    );
    add(
        9,
        "a byte-order mark and other line ends",
        script(Script::plain_stream().bytes(b"\xef\xbb\xbfdata: {\"n\":\r\ndata: 2}\r\r\n")),
        Takes,
    );
    add(9, "a truncated chunk", script(Script::truncated_chunk(r#"{"n": 666}"#)), BROKE);
    add(
        9,
        "a chunk of no size",
        script(Script::stream().bytes(b"zz\r\ndata: {\"n\": 666}\n\n")),
        Fails("no stream", SOON),
    );
    add(
        9,
        "the end before the blank line",
        script(Script::plain_stream().bytes(b"data: {\"n\": 666}\n").then_close()),
        ENDED,
    );
    add(
        9,
        "a reset before the blank line",
        script(Script::plain_stream().bytes(b"data: {\"n\": 666}\n").then_reset()),
        BROKE,
    );
    let whole = packed(b"data: {\"n\": 2}\n\n");
    add(9, "gzip that nobody asked for", script(Script::encoded("gzip", &whole)), Takes);
    add(
        9,
        "garbage where gzip is said to be",
        script(Script::encoded("gzip", b"no gzip at all")),
        Fails("no stream", SOON),
    );
    add(
        9,
        "half of gzip",
        script(Script::encoded("gzip", &whole[..whole.len() / 2]).then_close()),
        Fails("no stream", SOON),
    );
    let mut flipped = packed(format!("data: {{\"n\": 666, \"x\": \"{}\"}}\n", "x".repeat(500)).as_bytes());
    let last = flipped.len() - 6;
    flipped[last] ^= 0x40;
    add(
        9,
        "gzip with a wrong checksum",
        script(Script::encoded("gzip", &flipped).then_close()),
        Fails("no stream", SOON),
    );
}

/// Rows 11 to 13.
fn payloads(add: &mut Add<'_>) {
    let bomb = "[".repeat(100_000);
    let deep = format!("{{\"deep\": {}{}}}", "[".repeat(200), "]".repeat(200));
    for (what, payload, said) in [
        ("an array", "[1, 2]", "payload is an array, expected an object"),
        ("null", "null", "payload is null"),
        ("a text", "\"text\"", "payload is a string"),
        ("nothing", "", "payload is not valid JSON at line 1, column 0"),
        ("NaN", r#"{"n": NaN}"#, "payload is not valid JSON at line 1, column 7"),
        ("a page", "<html>", "payload is not valid JSON at line 1, column 1"),
        ("garbage behind", r#"{"n": 666} x"#, "payload is not valid JSON"),
        ("a bomb", &bomb, "payload is not valid JSON"),
        ("depth", &deep, "nested deeper than 128 levels"),
    ] {
        add(11, what, Service::Script(Script::stream().event(payload)), Refuses(said));
    }
    for (what, payload) in [
        ("1e999", r#"{"n": 2, "huge": 1e999}"#),
        ("huge integers", r#"{"n": 2, "exact": 18446744073709551615, "more": 99999999999999999999999}"#),
        ("a lone surrogate", r#"{"n": 2, "lone": "\ud800"}"#),
        ("NUL and an empty key", "{\"n\": 2, \"\": \"a\\u0000b\"}"),
        ("the same key twice", r#"{"n": 666, "n": 2}"#),
    ] {
        add(11, what, Service::Script(Script::stream().event(payload)), Takes);
    }
    add(12, "the same payload again", Service::Script(Script::stream().event(TWO)), TakesOnce);
    add(12, "the same payload at once", Service::Script(Script::stream().event(TWO).event(TWO)), TakesOnce);
    let burst = |script: Script| Service::Script(script.burst(1000).event(TWO));
    add(13, "a thousand events in chunks", burst(Script::stream()), Takes);
    add(13, "a thousand events in one piece", burst(Script::plain_stream()), Takes);
    add(13, "a thousand events byte by byte", burst(Script::plain_stream().one_byte_at_a_time()), Takes);
    add(
        13,
        "a thousand events behind tls",
        Tls(|authority| authority.issue(HOST), Script::stream().burst(1000).event(TWO)),
        Takes,
    );
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
