//! A flag service that misbehaves on request: HTTP/1.1 with Server-Sent Events on loopback, for tests.
//!
//! ```no_run
//! use std::time::Duration;
//! use flagstaff_tests::server::{FaultServer, Script};
//!
//! let server = FaultServer::start();
//! server.queue(Script::status(503, &[("Retry-After", "1")], "")); // the first connection
//! server.publish(r#"{"new-checkout": true}"#); // every further one streams
//! // .. start a publisher on server.url() ..
//! server.wait_for_requests(2, Duration::from_secs(5));
//! server.reset_streams();
//! ```
//!
//! Each connection takes the next [`Script`] from the queue, or the default, [`Script::stream`]. What the test sends later
//! goes to all open streams, in one order, before the call returns. A new stream gets the newest published payload at
//! once, as the real service does.
//!
//! One connection serves one request. Threads sleep in system calls and end when the server is dropped.
//!
//! Files: `script` is what one connection does, `connection` does it, `request` is what the client sent.

#![allow(clippy::expect_used, reason = "a test without its server cannot go on")]

mod connection;
mod request;
mod script;

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use request::Request;
pub use script::Script;

use connection::{Shared, State, Stream};
use script::Framing;

/// The server, until dropped. Dropping it closes all connections.
pub struct FaultServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl FaultServer {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Listens on the address of an earlier server: the service is back.
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a loopback port to listen on");
        let address = listener.local_addr().expect("the address of a listener");
        let shared = Arc::new(Shared::default());
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || connection::accept(&listener, &shared))
        };
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// The base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection without a script gets this one.
    pub fn queue(&self, script: Script) {
        self.shared.lock().scripts.push_back(script);
    }

    /// What connections get when the queue is empty.
    pub fn always(&self, script: Script) {
        self.shared.lock().default = script;
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().accepted
    }

    /// How many streams are open now. A stream counts from the end of its script until either side closes it.
    pub fn open_streams(&self) -> usize {
        self.shared.lock().streams.len()
    }

    /// The requests so far, in the order in which they were complete.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits until there were `n` requests, and answers them.
    ///
    /// # Panics
    /// After `deadline`.
    #[track_caller]
    pub fn wait_for_requests(&self, n: usize, deadline: Duration) -> Vec<Request> {
        let state = self.shared.wait_until(deadline, |state| state.requests.len() >= n);
        assert!(state.requests.len() >= n, "{n} requests expected within {deadline:?}: {:?}", state.requests);
        state.requests.clone()
    }

    /// Waits until `n` connections were accepted.
    ///
    /// # Panics
    /// After `deadline`.
    #[track_caller]
    pub fn wait_for_connections(&self, n: usize, deadline: Duration) {
        let state = self.shared.wait_until(deadline, |state| state.accepted >= n);
        assert!(
            state.accepted >= n,
            "{n} connections expected within {deadline:?}, found {}",
            state.accepted
        );
    }

    /// Waits until exactly `n` streams are open; 0 is useful too.
    ///
    /// # Panics
    /// After `deadline`.
    #[track_caller]
    pub fn wait_for_streams(&self, n: usize, deadline: Duration) {
        let state = self.shared.wait_until(deadline, |state| state.streams.len() == n);
        let found = state.streams.len();
        assert!(found == n, "{n} open streams expected within {deadline:?}, found {found}");
    }

    /// Makes `payload` the current one: sent to all open streams now, and to each new stream when it opens.
    pub fn publish(&self, payload: &str) -> usize {
        let mut state = self.shared.lock();
        state.current = Some(payload.to_owned());
        state.broadcast(|stream| stream.send_event(payload))
    }

    /// One event to all open streams; each line of `data` becomes a `data:` line. Answers how many streams took it.
    pub fn send_event(&self, data: &str) -> usize {
        self.shared.lock().broadcast(|stream| stream.send_event(data))
    }

    /// Bytes of the event stream, as one chunk where the stream is chunked.
    pub fn send_chunk(&self, bytes: &[u8]) -> usize {
        self.shared.lock().broadcast(|stream| stream.send_chunk(bytes))
    }

    /// Bytes on the wire exactly as they are, without chunk framing.
    pub fn send_raw(&self, bytes: &[u8]) -> usize {
        self.shared.lock().broadcast(|stream| stream.send_raw(bytes))
    }

    /// A comment line, as the service sends it to keep connections alive.
    pub fn heartbeat(&self) -> usize {
        self.send_chunk(b": heartbeat\n\n")
    }

    /// Ends all open streams as a server does that shuts down in order.
    pub fn close_streams(&self) -> usize {
        self.end_streams(|stream| {
            if stream.framing() == Framing::Chunked {
                stream.send_raw(b"0\r\n\r\n").ok();
            }
            stream.socket().shutdown(Shutdown::Write).ok();
        })
    }

    /// Ends all open streams without the last chunk.
    pub fn cut_streams(&self) -> usize {
        self.end_streams(|stream| {
            stream.socket().shutdown(Shutdown::Write).ok();
        })
    }

    /// Resets all open streams: the client gets "connection reset". Returns when the resets are on their way.
    pub fn reset_streams(&self) -> usize {
        let mut gone = Vec::new();
        let count = self.end_streams(|stream| {
            connection::reset_on_close(stream.socket());
            // Wakes the connection's thread. Only when the last owner has closed the socket, the reset is sent.
            stream.socket().shutdown(Shutdown::Read).ok();
            gone.push(stream.connection());
        });
        let closed = |state: &State| !state.live.iter().any(|live| gone.contains(&live.number));
        drop(self.shared.wait_until(Duration::from_secs(5), closed));
        count
    }

    fn end_streams(&self, mut end: impl FnMut(&Stream)) -> usize {
        let mut state = self.shared.lock();
        let streams = std::mem::take(&mut state.streams);
        streams.iter().for_each(&mut end);
        self.shared.changed.notify_all();
        streams.len()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        self.shared.changed.notify_all();
        for live in &state.live {
            live.socket.shutdown(Shutdown::Both).ok();
        }
        drop(state);
        // `accept` cannot be interrupted, but it can be given something.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

#[cfg(test)]
mod tests;
