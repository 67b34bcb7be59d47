use std::sync::Mutex;
use std::thread::{self, ThreadId};

use super::super::api_key::ApiKeySource;
use super::super::test_server::{KEY, Server, UNTIL_CLOSE};
use super::tests::status_line;
use super::*;

/// Collects every log line of the libraries below, at the finest level, for each thread: other tests run at the same time.
struct Collector(Mutex<Vec<(ThreadId, String)>>);

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = record.args().to_string();
        // Rows of bytes end with 16 characters of text; joined they show what was sent.
        let text = line.get(line.len().saturating_sub(16)..).unwrap_or(&line);
        self.0.lock().unwrap().push((thread::current().id(), text.to_owned()));
    }

    fn flush(&self) {}
}

static LOG: Collector = Collector(Mutex::new(Vec::new()));

/// Symptom: with the finest log level the request was in the log, with the key. Cause: the protocol library logs all bytes it
/// writes. Fix: the key takes the place of a placeholder below the layers that log.
#[test]
fn the_key_is_in_no_log_no_debug_and_no_message() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let key = ApiKey::new(KEY).unwrap();
    let mut shown = String::new();
    for answer in [
        UNTIL_CLOSE.to_owned(),
        UNTIL_CLOSE.replace("text/event-stream", KEY),
        UNTIL_CLOSE.replace("\r\n\r\n", &format!("\r\nContent-Encoding: {KEY}\r\n\r\n")),
        status_line("302 Go", &format!("Location: gopher://{KEY}\r\n")),
        status_line("302 Go", &format!("Location: http://{KEY}.invalid:x/\r\n")),
        status_line(&format!("500 {KEY}"), &format!("Retry-After: {KEY}\r\n")),
        format!("HTTP/1.1 200 OK\r\n{KEY} {KEY}\r\n\r\n"),
        KEY.to_owned(),
    ] {
        let server = Server::answer(answer);
        let endpoint = server.endpoint_with(StreamOptions::default(), ApiKeySource::from(key.clone()));
        shown += &format!("{endpoint:?}");
        match Connection::open(&endpoint, None, &Stopper::new()) {
            Ok(connection) => shown += &format!("{connection:?}"),
            Err(failure) => {
                shown += &format!("{failure} {failure:?} {:?}", std::error::Error::source(&failure));
            }
        }
        assert!(server.requests()[0].contains(KEY));
    }
    log::set_max_level(log::LevelFilter::Off);
    let me = thread::current().id();
    let lines = LOG.0.lock().unwrap();
    let log: String = lines.iter().filter(|(id, _)| *id == me).map(|(_, text)| text.as_str()).collect();
    assert!(log.contains("x-api-key:"), "the log must hold requests, or this test shows nothing");
    assert!(!shown.contains(KEY), "{shown}");
    // Answers that repeat the key are the server's doing, and they are logged as they come. A request has it in its header.
    assert!(log.contains("x-api-key:.*****"), "{log}");
    assert!(!log.contains("x-api-key:.s3cr3t"), "{log}");
}
