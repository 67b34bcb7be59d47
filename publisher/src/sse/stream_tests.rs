use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Instant;

use super::super::api_key::{ApiKey, ApiKeySource};
use super::super::event::Part;
use super::super::failure::Awaited;
use super::super::options::StreamOptions;
use super::super::test_server::{CHUNKED, KEY, Server, UNTIL_CLOSE, hold, send, send_chunk};
use super::*;

/// Time that passes only in waits, and when a test says so.
#[derive(Debug, Clone)]
struct FakeClock(Arc<Mutex<Instant>>);

impl FakeClock {
    fn new() -> FakeClock {
        FakeClock(Arc::new(Mutex::new(Instant::now())))
    }

    fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn wait(&self, time: Duration, _: &Stopper) -> Waited {
        self.advance(time);
        Waited::Elapsed
    }
}

/// A stream that waits no real time and whose delays are the means of their steps.
fn stream(endpoint: Endpoint) -> EventStream {
    stream_on(endpoint, &FakeClock::new())
}

fn stream_on(endpoint: Endpoint, clock: &FakeClock) -> EventStream {
    EventStream::with_parts(endpoint, Stopper::new(), Backoff::with_random(|| 0.5), Box::new(clock.clone()))
}

fn next_failure(stream: &mut EventStream) -> (Failure, Duration) {
    loop {
        if let Signal::Failed { failure, retry_in } = stream.next() {
            return (failure, retry_in);
        }
    }
}

fn next_event(stream: &mut EventStream) -> String {
    loop {
        match stream.next() {
            Signal::Event(event) => return event.data,
            Signal::Failed { failure, .. } => panic!("no event: {failure}"),
            _ => {}
        }
    }
}

fn seconds(seconds: &[u64]) -> Vec<Duration> {
    seconds.iter().copied().map(Duration::from_secs).collect()
}

fn serve_event(client: &mut TcpStream, data: &str) {
    send(client, CHUNKED);
    send_chunk(client, format!("data: {data}\n\n").as_bytes());
    hold(client);
}

#[test]
fn signals_come_in_order() {
    let server = Server::start(|_, client| {
        send(client, CHUNKED);
        send_chunk(client, b"data: a\n\n");
        send(client, "0\r\n\r\n");
    });
    let mut stream = stream(server.endpoint());
    assert!(matches!(stream.next(), Signal::Connecting));
    assert!(matches!(stream.next(), Signal::Open));
    assert!(matches!(stream.next(), Signal::Event(_)));
    assert!(matches!(stream.next(), Signal::Failed { failure: Failure::Ended, .. }));
    assert!(matches!(stream.next(), Signal::Connecting));
}

#[test]
fn a_half_open_connection_ends_with_the_read_timeout_and_a_new_one_is_made() {
    let server = Server::start(|number, client| match number {
        0 => {
            send(client, CHUNKED);
            hold(client);
        }
        _ => serve_event(client, "back"),
    });
    let options = StreamOptions::default().read_timeout(Duration::from_millis(500));
    let mut stream = stream(server.endpoint_with(options, ApiKey::new(KEY).unwrap()));
    let (failure, retry_in) = next_failure(&mut stream);
    assert!(matches!(failure, Failure::Timeout { waited_for: Awaited::Data, .. }), "{failure:?}");
    assert_eq!(retry_in, Duration::from_secs(1));
    assert_eq!(next_event(&mut stream), "back");
}

#[test]
fn a_server_that_accepts_and_closes_at_once_sees_growing_delays() {
    for answer in [UNTIL_CLOSE.to_owned(), format!("{UNTIL_CLOSE}data: a\n\n: b\n"), String::new()] {
        let server = Server::answer(answer);
        let mut stream = stream(server.endpoint());
        let delays: Vec<Duration> = (0..6).map(|_| next_failure(&mut stream).1).collect();
        assert_eq!(delays, seconds(&[1, 2, 5, 10, 30, 30]));
    }
}

#[test]
fn delays_start_anew_after_a_good_connection() {
    let server = Server::start(|number, client| {
        send(client, CHUNKED);
        if number == 2 {
            send_chunk(client, b": alive\n");
        }
        send(client, "0\r\n\r\n");
    });
    let clock = FakeClock::new();
    let mut stream = stream_on(server.endpoint(), &clock);
    let mut delays = Vec::new();
    while delays.len() < 5 {
        match stream.next() {
            Signal::Alive => clock.advance(Duration::from_secs(31)),
            Signal::Failed { retry_in, .. } => delays.push(retry_in),
            _ => {}
        }
    }
    assert_eq!(delays, seconds(&[1, 2, 1, 2, 5]));
}

#[test]
fn no_content_is_a_long_pause_that_is_visible() {
    let server = Server::answer("HTTP/1.1 204 No Content\r\n\r\n");
    let mut stream = stream(server.endpoint());
    let (failure, retry_in) = next_failure(&mut stream);
    assert!(matches!(failure, Failure::NoContent), "{failure:?}");
    assert_eq!(retry_in, Duration::from_secs(300));
}

#[test]
fn a_refused_key_is_tried_slowly_and_its_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let server = Server::start(|number, client| match number {
        0 => send(client, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
        _ => serve_event(client, "in"),
    });
    let mut stream = stream(server.endpoint_with(StreamOptions::default(), ApiKeySource::File(path.clone())));
    let (failure, retry_in) = next_failure(&mut stream);
    assert!(matches!(failure, Failure::ApiKey { .. }) && !failure.is_transient(), "{failure:?}");
    assert_eq!(retry_in, Duration::from_secs(1));
    std::fs::write(&path, "old-key\n").unwrap();
    let (failure, retry_in) = next_failure(&mut stream);
    assert!(matches!(failure, Failure::Status { code: 401, .. }) && !failure.is_transient(), "{failure:?}");
    assert_eq!(retry_in, Duration::from_secs(60));
    std::fs::write(&path, "new-key\n").unwrap();
    assert_eq!(next_event(&mut stream), "in");
    let requests = server.requests();
    assert!(requests[0].contains("x-api-key: old-key\r\n") && requests[1].contains("x-api-key: new-key\r\n"));
}

#[test]
fn retry_after_is_honoured() {
    let server = Server::answer("HTTP/1.1 429 Slow down\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n");
    let mut stream = stream(server.endpoint());
    let (failure, retry_in) = next_failure(&mut stream);
    assert!(failure.is_transient());
    assert_eq!(retry_in, Duration::from_secs(105));
}

#[test]
fn retry_of_the_stream_is_a_lower_bound_for_the_delay() {
    let server = Server::answer(format!("{UNTIL_CLOSE}retry: 20000\n"));
    let (_, retry_in) = next_failure(&mut stream(server.endpoint()));
    assert_eq!(retry_in, Duration::from_secs(30), "the middle of 20 to 40 s");
}

#[test]
fn the_last_event_id_goes_into_the_next_request() {
    let server = Server::answer(format!("{UNTIL_CLOSE}id: 41\ndata: a\n\nid: 42\n"));
    let mut stream = stream(server.endpoint());
    next_failure(&mut stream);
    next_failure(&mut stream);
    let requests = server.requests();
    assert!(!requests[0].contains("last-event-id"));
    assert!(requests[1].contains("last-event-id: 41\r\n"), "{}", requests[1]);
}

#[test]
fn in_a_burst_the_newest_event_can_be_told_from_the_older_ones() {
    let server = Server::start(|_, client| {
        let burst: String = (0..1000).map(|number| format!("data: {number}\n\n")).collect();
        send(client, CHUNKED);
        send_chunk(client, burst.as_bytes());
        hold(client);
    });
    let mut stream = stream(server.endpoint());
    let mut published = Vec::new();
    while published.last().is_none_or(|data| data != "999") {
        match stream.next() {
            Signal::Event(event) if stream.pending_events() > 0 => stream.recycle(event.data),
            Signal::Event(event) => published.push(event.data),
            Signal::Failed { failure, .. } => panic!("{failure}"),
            _ => {}
        }
    }
    // The burst comes in a few reads, however the system cuts it.
    assert!(published.len() < 100, "{}", published.len());
    assert_eq!(stream.pending_events(), 0);
}

#[test]
fn heartbeats_and_parts_of_events_are_signs_of_life() {
    let server = Server::start(|_, client| {
        send(client, CHUNKED);
        send_chunk(client, b": alive\n");
        hold(client);
    });
    let mut stream = stream(server.endpoint());
    for _ in 0..2 {
        stream.next();
    }
    assert!(matches!(stream.next(), Signal::Alive));
}

#[test]
fn an_event_that_is_too_large_is_dropped_and_reported_and_the_next_connection_goes_on() {
    let server = Server::start(|number, client| match number {
        0 => {
            send(client, CHUNKED);
            send_chunk(client, format!("data: good\n\ndata: {}", "x".repeat(2000)).as_bytes());
            hold(client);
        }
        _ => serve_event(client, "small"),
    });
    let options = StreamOptions::default().max_event_bytes(1000);
    let mut stream = stream(server.endpoint_with(options, ApiKey::new(KEY).unwrap()));
    assert_eq!(next_event(&mut stream), "good");
    let (failure, _) = next_failure(&mut stream);
    assert!(matches!(failure, Failure::EventTooLarge { part: Part::Data, limit: 1000 }), "{failure:?}");
    assert_eq!(next_event(&mut stream), "small");
}

#[test]
fn a_stop_ends_a_read_and_a_wait_promptly_and_for_good() {
    let reading = Server::start(|_, client| {
        send(client, CHUNKED);
        hold(client);
    });
    let refusing = Server::answer("HTTP/1.1 204 No Content\r\n\r\n");
    for server in [reading, refusing] {
        let stopper = Stopper::new();
        let mut stream = EventStream::new(server.endpoint(), stopper.clone());
        assert!(matches!(stream.next(), Signal::Connecting));
        let connected = stream.next();
        assert!(
            matches!(connected, Signal::Open | Signal::Failed { failure: Failure::NoContent, .. }),
            "{connected:?}"
        );
        let took = std::thread::scope(|scope| {
            let worker = scope.spawn(|| stream.next());
            let start = Instant::now();
            stopper.stop();
            assert!(matches!(worker.join().unwrap(), Signal::Stopped));
            start.elapsed()
        });
        assert!(took < Duration::from_millis(200), "{took:?}");
        assert!(matches!(stream.next(), Signal::Stopped));
    }
}

#[test]
fn a_stream_that_was_stopped_before_it_began_makes_no_connection() {
    let server = Server::answer(UNTIL_CLOSE);
    let stopper = Stopper::new();
    stopper.stop();
    assert!(matches!(EventStream::new(server.endpoint(), stopper).next(), Signal::Stopped));
    assert!(server.requests().is_empty());
}

#[test]
fn a_thousand_events_a_second_for_a_while_do_not_grow_anything() {
    let server = Server::start(|_, client| {
        send(client, UNTIL_CLOSE);
        let event = format!("data: {}\n\n", "x".repeat(10_000));
        while client.write_all(event.as_bytes()).is_ok() {}
    });
    let mut stream = stream(server.endpoint());
    let mut most = 0;
    for _ in 0..3000 {
        if let Signal::Event(event) = stream.next() {
            most = most.max(stream.pending_events());
            stream.recycle(event.data);
        }
    }
    assert!(most <= 7, "64 KiB hold six of these and parts: {most}");
    assert!(stream.ready.capacity() < 64 && stream.batch.capacity() < 64);
}
