//! Many streams of one server, read by one thread: how long until the last of them has a change.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors of a process beside the streams.
const OTHERS: u64 = 200;

/// Streams that are connected.
#[derive(Debug)]
pub struct Streams(Vec<Stream>);

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    /// What came last.
    text: Vec<u8>,
}

impl Streams {
    /// Connects `count` streams with an API key, and raises this process's limit of descriptors if need be.
    ///
    /// # Errors
    /// The limit cannot be raised, or the server does not accept.
    pub fn open(address: SocketAddr, key: &str, count: usize) -> io::Result<Streams> {
        allow(count)?;
        let open = |_| {
            let mut socket = TcpStream::connect(address)?;
            let request =
                format!("GET /api/v1/flags/live HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {key}\r\n\r\n");
            socket.write_all(request.as_bytes())?;
            socket.set_nonblocking(true)?;
            Ok(Stream { socket, text: Vec::new() })
        };
        (0..count).map(open).collect::<io::Result<_>>().map(Streams)
    }

    /// Reads until every stream has brought `text` since the last call, and says how long after `begun` the last one had it.
    ///
    /// # Errors
    /// A stream ends, or it takes longer than `deadline`.
    pub fn wait_for(&mut self, text: &str, begun: Instant, deadline: Duration) -> io::Result<Duration> {
        let mut waiting: Vec<&mut Stream> = self.0.iter_mut().collect();
        let mut last = begun.elapsed();
        while !waiting.is_empty() {
            if begun.elapsed() > deadline {
                let message = format!("{} streams have not brought {text:?}", waiting.len());
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
            let mut descriptors: Vec<_> =
                waiting.iter().map(|stream| PollFd::new(&stream.socket, PollFlags::IN)).collect();
            poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 100_000_000 }))?;
            let is_ready: Vec<_> = descriptors.iter().map(|found| !found.revents().is_empty()).collect();
            let mut is_ready = is_ready.into_iter();
            let mut left = Vec::with_capacity(waiting.len());
            for stream in waiting {
                if is_ready.next() == Some(true) && stream.brings(text.as_bytes())? {
                    last = begun.elapsed();
                } else {
                    left.push(stream);
                }
            }
            waiting = left;
        }
        Ok(last)
    }
}

/// Raises this process's limit of descriptors for `count` connections, if need be.
///
/// # Errors
/// The system does not allow so many.
pub fn allow(count: usize) -> io::Result<()> {
    let needed = count as u64 + OTHERS;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(needed);
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}

impl Stream {
    /// Reads what is there. What came before `text` is forgotten.
    fn brings(&mut self, text: &[u8]) -> io::Result<bool> {
        let mut block = [0; 64 * 1024];
        loop {
            match self.socket.read(&mut block) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => self.text.extend_from_slice(&block[..bytes]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let found = self.text.windows(text.len()).any(|window| window == text);
        let keep = if found { 0 } else { text.len() - 1 };
        let from = self.text.len().saturating_sub(keep);
        self.text.drain(..from);
        Ok(found)
    }
}
