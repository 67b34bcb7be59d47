//! A small HTTP client, for what an ordinary one would not send: any `Host`, any `Origin`, any body.

#![allow(clippy::expect_used, clippy::panic, reason = "a test without its server cannot go on")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wait::DEADLINE;

/// A request, with `Connection: close` and the `Host` of the server unless told otherwise.
#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    trailing: String,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Request {
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            trailing: String::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// Sets what follows the head, as it is: no length is said.
    pub fn trailing(mut self, text: String) -> Request {
        self.trailing = text;
        self
    }

    fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_nodelay(true)?;
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {address}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes.extend_from_slice(self.trailing.as_bytes());
        // A server that refuses a large body by its head closes before all of it is sent.
        let _ = (&socket).write_all(&bytes);
        Ok(socket)
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Panics
    /// There is no answer within the deadline.
    #[track_caller]
    pub fn send(self, address: SocketAddr) -> Response {
        self.try_send(address).expect("a whole answer within the deadline")
    }

    /// As [`Request::send`], for a server that may be killed meanwhile.
    ///
    /// # Errors
    /// There is no answer, or it is cut off.
    pub fn try_send(self, address: SocketAddr) -> io::Result<Response> {
        let is_head = self.method == "HEAD";
        let mut reader = BufReader::new(self.header("Connection", "close").open(address)?);
        let (status, headers) = read_head(&mut reader)?;
        let mut body = Vec::new();
        if !is_head {
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(u64::MAX);
            reader.take(length).read_to_end(&mut body)?;
            if length != u64::MAX && body.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let body = String::from_utf8(body).map_err(io::Error::other)?;
        Ok(Response { status, headers, body })
    }
}

impl Response {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and code of a refusal, whose sentence has been checked to be one.
    ///
    /// # Panics
    /// It is no refusal.
    #[track_caller]
    #[must_use]
    pub fn refusal(&self) -> (u16, String) {
        let json = self.json();
        let text = json["error"].as_str().unwrap_or_default();
        assert!(text.len() > 10 && !text.ends_with('.') && self.status >= 400, "{self:?}");
        (self.status, json["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Status and headers.
fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines.first().and_then(|first| first.split(' ').nth(1)?.parse().ok());
    let headers = lines.iter().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let status =
        status.ok_or_else(|| io::Error::other(format!("an answer begins with {:?}", lines.first())))?;
    Ok((status, headers.collect()))
}

/// A stream of events.
#[derive(Debug)]
pub struct Events(BufReader<Chunks>);

/// One event, or a comment as the event of the name `:`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name; empty without one.
    pub name: String,
    /// Its id; empty without one.
    pub id: String,
    /// Its data.
    pub data: String,
}

impl Event {
    /// The data as JSON.
    ///
    /// # Panics
    /// It is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Events {
    /// Opens a stream.
    ///
    /// # Panics
    /// The answer is no stream.
    #[track_caller]
    #[must_use]
    pub fn open(request: &Request, address: SocketAddr) -> Events {
        Events::try_open(request, address).expect("a stream within the deadline")
    }

    /// As [`Events::open`], for a server that may be killed meanwhile.
    ///
    /// # Errors
    /// There is no answer.
    ///
    /// # Panics
    /// The answer is no stream.
    pub fn try_open(request: &Request, address: SocketAddr) -> io::Result<Events> {
        let mut reader = BufReader::new(request.open(address)?);
        let (status, headers) = read_head(&mut reader)?;
        assert_eq!(status, 200, "{headers:?}");
        for expected in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
        ] {
            assert!(
                headers.iter().any(|(name, value)| (name.as_str(), value.as_str()) == expected),
                "{headers:?}"
            );
        }
        Ok(Events(BufReader::new(Chunks { reader, left: 0, ended: false })))
    }

    /// The next event or comment; the end if the stream was ended in order.
    ///
    /// # Errors
    /// Nothing comes within the deadline, or the stream is cut off.
    ///
    /// # Panics
    /// What comes is no event.
    pub fn try_next(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                assert_eq!(event, Event::default(), "the stream ends within an event");
                return Ok(None);
            }
            let line = line.trim_end_matches('\n');
            match line.split_once(':') {
                None => {
                    assert_eq!(line, "", "a line without a colon");
                    return Ok(Some(event));
                }
                Some(("", comment)) => (event.name, event.data) = (":".to_owned(), comment.trim().to_owned()),
                Some(("event", name)) => name.trim().clone_into(&mut event.name),
                Some(("id", id)) => id.trim().clone_into(&mut event.id),
                Some(("data", data)) => event.data += data.trim_start(),
                Some((field, _)) => panic!("unexpected field {field:?}"),
            }
        }
    }

    /// The next event that is `wanted`; others are skipped.
    ///
    /// # Panics
    /// It does not come.
    #[track_caller]
    pub fn find(&mut self, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        loop {
            let event = self.next().expect("the stream goes on");
            if wanted(&event) {
                return event;
            }
        }
    }
}

/// The next event or comment; the end if the stream was ended in order. Panics if nothing comes, or if it is cut off.
impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.try_next().expect("an event within the deadline")
    }
}

/// The content of HTTP/1.1 chunks.
#[derive(Debug)]
struct Chunks {
    reader: BufReader<TcpStream>,
    left: usize,
    ended: bool,
}

impl Read for Chunks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            self.left = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = out.len().min(self.left);
        let bytes = self.reader.read(&mut out[..most])?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= bytes;
        if self.left == 0 {
            let mut end = [0; 2];
            self.reader.read_exact(&mut end)?;
        }
        Ok(bytes)
    }
}
