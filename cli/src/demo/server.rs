//! A flag server that is just large enough for the demo: one path, one key, server-sent events over HTTP/1.1 chunks.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::clock;
use super::flags;

/// A request's head must fit.
const MOST_HEAD: usize = 8 * 1024;

/// For reading a request, and for writing to a client that does not read.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server. Its thread ends with the process.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    api_key: String,
    constant_part: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    turn: u64,
    clients: Vec<TcpStream>,
    /// Turns that were sent because a client came.
    greeted: Vec<u64>,
}

impl Server {
    pub(super) fn start(api_key: &str) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let shared = Arc::new(Shared {
            api_key: api_key.to_owned(),
            constant_part: flags::constant_part(),
            state: Mutex::default(),
        });
        let address = listener.local_addr()?;
        let of_thread = shared.clone();
        thread::Builder::new().name("demo-server".to_owned()).spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that goes away or asks for something else is no trouble of the server's.
                let _ = of_thread.greet(client);
            }
        })?;
        Ok(Server { address, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes on to `turn` and sends it. `false` if nobody is connected.
    pub(super) fn flip(&self, turn: u64) -> bool {
        let mut state = self.shared.state();
        state.turn = turn;
        state.clients.retain_mut(|client| self.shared.send(client, turn).is_ok());
        !state.clients.is_empty()
    }

    /// Sends a sign of life.
    pub(super) fn beat(&self) {
        self.shared.state().clients.retain_mut(|client| write_chunk(client, ":\n\n").is_ok());
    }

    /// The turns that new clients got since the last call.
    pub(super) fn greeted(&self) -> Vec<u64> {
        std::mem::take(&mut self.shared.state().greeted)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a request, answers it, and keeps the client.
    fn greet(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_write_timeout(Some(PATIENCE))?;
        let head = read_head(&mut client)?;
        let mut lines = head.split("\r\n");
        if !lines.next().is_some_and(|line| line.starts_with("GET /api/v1/flags/live HTTP/1.1")) {
            return client
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        let is_key = |line: &str| {
            line.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("x-api-key") && value.trim() == self.api_key
            })
        };
        if !lines.any(is_key) {
            return client
                .write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        client.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        let mut state = self.state();
        let turn = state.turn;
        self.send(&mut client, turn)?;
        state.greeted.push(turn);
        state.clients.push(client);
        Ok(())
    }

    /// Sends all flags, with the time.
    fn send(&self, client: &mut TcpStream, turn: u64) -> io::Result<()> {
        let payload = flags::payload(turn, clock::now(), &self.constant_part);
        write_chunk(client, &format!("data: {payload}\n\n"))
    }
}

fn write_chunk(client: &mut TcpStream, text: &str) -> io::Result<()> {
    client.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}

fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut block = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match client.read(&mut block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => head.extend_from_slice(&block[..bytes]),
        }
        if head.len() > MOST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
