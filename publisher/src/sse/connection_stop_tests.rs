use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::super::test_server::{CHUNKED, DEADLINE, KEY, Server, hold, send};
use super::*;

/// Runs `work` in a thread, stops it once `ready` says so, and gives its result and how long it went on after the stop.
fn stop_when<T: Send>(
    stopper: &Stopper,
    ready: impl FnOnce(),
    work: impl FnOnce() -> T + Send,
) -> (T, Duration) {
    std::thread::scope(|scope| {
        let worker = scope.spawn(work);
        ready();
        let stopped = Instant::now();
        stopper.stop();
        (worker.join().unwrap(), stopped.elapsed())
    })
}

const PROMPT: Duration = Duration::from_millis(200);

#[test]
fn a_stop_ends_a_blocked_read_promptly_and_is_remembered() {
    let server = Server::start(|_, client| {
        send(client, CHUNKED);
        hold(client);
    });
    let stopper = Stopper::new();
    let mut connection = Connection::open(&server.endpoint(), None, &stopper).unwrap();
    let (result, took) = stop_when(&stopper, || {}, || connection.next_items(&mut Vec::new()));
    assert!(matches!(result, Err(Failure::Stopped)), "{result:?}");
    assert!(took < PROMPT, "{took:?}");
    let again = Connection::open(&server.endpoint(), None, &stopper);
    assert!(matches!(again, Err(Failure::Stopped)), "{again:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_stop_ends_a_wait_for_headers_promptly() {
    let server = Server::start(|_, client| hold(client));
    let stopper = Stopper::new();
    let endpoint = server.endpoint();
    let ready = || {
        let start = Instant::now();
        while server.requests().is_empty() {
            assert!(start.elapsed() < DEADLINE);
            std::thread::yield_now();
        }
    };
    let (result, took) = stop_when(&stopper, ready, || Connection::open(&endpoint, None, &stopper));
    assert!(matches!(result, Err(Failure::Stopped)), "{result:?}");
    assert!(took < PROMPT, "{took:?}");
}

#[test]
fn a_stop_ends_a_tls_handshake_promptly() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint =
        Endpoint::new(&format!("https://{}", silent.local_addr().unwrap()), ApiKey::new(KEY).unwrap())
            .unwrap();
    let stopper = Stopper::new();
    let mut client: Option<TcpStream> = None;
    let ready = || {
        let (mut accepted, _) = silent.accept().unwrap();
        // The first byte of the handshake: the connection is registered by then.
        std::io::Read::read_exact(&mut accepted, &mut [0]).unwrap();
        client = Some(accepted);
    };
    let (result, took) = stop_when(&stopper, ready, || Connection::open(&endpoint, None, &stopper));
    assert!(matches!(result, Err(Failure::Stopped)), "{result:?}");
    assert!(took < PROMPT, "{took:?}");
}
