//! A proxy on loopback that makes tunnels, or refuses, or misbehaves.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::relay::{Open, Relay, pass_on};

/// What the proxy does with a client.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Makes a tunnel to this server, whichever host was asked for.
    Tunnel(SocketAddr),
    /// Gives this answer and closes.
    Answer(String),
    /// Takes the request and says nothing.
    Silence,
    /// Gives an answer that never ends, a byte after each pause.
    Drip(Duration),
}

/// The proxy, until dropped.
pub struct Proxy {
    relay: Relay,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    /// All that clients sent through tunnels.
    sent: Vec<u8>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1.
    pub fn start(manner: Manner) -> Proxy {
        let seen = Arc::<Mutex<Seen>>::default();
        let of_relay = Arc::clone(&seen);
        let relay = Relay::start(move |client, open| serve(client, open, &manner, &of_relay));
        Proxy { relay, seen }
    }

    /// As a client's environment names it.
    pub fn url(&self) -> String {
        format!("http://{}", self.relay.address())
    }

    /// The requests so far, with their headers.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// Whether this was anywhere in what clients sent, in requests or through tunnels.
    pub fn has_seen(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let in_tunnel = seen.sent.windows(text.len()).any(|window| window == text.as_bytes());
        in_tunnel || seen.requests.iter().any(|request| request.contains(text))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.relay.address()).finish_non_exhaustive()
    }
}

fn serve(mut client: &TcpStream, open: &Open, manner: &Manner, seen: &Mutex<Seen>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let seen = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen().requests.push(String::from_utf8_lossy(&request).into_owned());
    match manner {
        Manner::Tunnel(server) => {
            let server = open.connect(*server)?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            std::thread::scope(|scope| {
                scope.spawn(|| pass_on(&server, client, |_| {}));
                pass_on(client, &server, |bytes| seen().sent.extend_from_slice(bytes))
            })
        }
        Manner::Answer(answer) => client.write_all(answer.as_bytes()),
        Manner::Silence => io::copy(&mut client, &mut io::sink()).map(drop),
        Manner::Drip(pause) => {
            client.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
            // Ends with the client.
            loop {
                client.write_all(b"x")?;
                std::thread::sleep(*pause);
            }
        }
    }
}
