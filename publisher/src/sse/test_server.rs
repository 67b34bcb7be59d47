//! A server on loopback that does what a test says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::api_key::{ApiKey, ApiKeySource};
use super::endpoint::Endpoint;
use super::options::StreamOptions;

pub(super) const KEY: &str = "s3cr3t-key-0123456789";
pub(super) const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
/// Without a length: the body ends when the server closes.
pub(super) const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
/// For what must happen: long, because machines can be busy, and never waited for in a good run.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Answers each connection with a handler in a thread of its own.
pub(super) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    ended: Arc<Mutex<bool>>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// The handler gets the number of the connection, from 0, and the connection with its request read.
    pub(super) fn start(handler: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let ended: Arc<Mutex<bool>> = Arc::default();
        let handler = Arc::new(handler);
        let (seen, end) = (Arc::clone(&requests), Arc::clone(&ended));
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *end.lock().unwrap() {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
                std::thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    stream.set_read_timeout(Some(DEADLINE)).unwrap();
                    if let Some(request) = read_request(&mut stream) {
                        let number = {
                            let mut seen = seen.lock().unwrap();
                            seen.push(request);
                            seen.len() - 1
                        };
                        handler(number, &mut stream);
                    }
                });
            }
        });
        Server { address, requests, ended, listener: Some(listener) }
    }

    /// The same response to every request, then the connection is closed.
    pub(super) fn answer(answer: impl Into<Vec<u8>>) -> Server {
        let answer = answer.into();
        Server::start(move |_, stream| send(stream, &answer))
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in lower case.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint_with(StreamOptions::default(), ApiKey::new(KEY).unwrap())
    }

    pub(super) fn endpoint_with(&self, options: StreamOptions, key: impl Into<ApiKeySource>) -> Endpoint {
        Endpoint::with_options(&self.url(), key, options).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.ended.lock().unwrap() = true;
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(listener) = self.listener.take().filter(|_| woken) {
            listener.join().unwrap();
        }
    }
}

/// Sends; a client that has gone away already is none of the server's business.
pub(super) fn send(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    let _ = stream.write_all(bytes.as_ref());
}

/// Sends bytes as one chunk.
pub(super) fn send_chunk(stream: &mut TcpStream, bytes: &[u8]) {
    send(stream, [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat());
}

/// Keeps the connection open until the client closes it.
pub(super) fn hold(stream: &mut TcpStream) {
    let mut rest = [0; 64];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    Some(String::from_utf8(request).unwrap().to_ascii_lowercase())
}
