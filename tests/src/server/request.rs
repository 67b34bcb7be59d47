//! The head of a request.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Instant;

/// Far more than any client here sends.
const MAX_HEAD: usize = 64 * 1024;

/// What a client asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Names and values in the order sent, with the names' case kept.
    pub headers: Vec<(String, String)>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// When it was complete, for tests of delays.
    pub at: Instant,
}

impl Request {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads up to the empty line. `None` if the client closed before it, or sent something else.
    pub(super) fn read(mut socket: &TcpStream, connection: usize) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut buffer = [0; 4096];
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            let n = socket.read(&mut buffer)?;
            if n == 0 || head.len() > MAX_HEAD {
                return Ok(None);
            }
            head.extend_from_slice(&buffer[..n]);
        }
        Ok(Self::parse(&String::from_utf8_lossy(&head), connection))
    }

    fn parse(head: &str, connection: usize) -> Option<Self> {
        let mut lines = head.split("\r\n").take_while(|line| !line.is_empty());
        let mut words = lines.next()?.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { method, path, headers, connection, at: Instant::now() })
    }
}
