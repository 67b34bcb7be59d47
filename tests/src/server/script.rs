//! What the server does on one connection.

use std::time::Duration;

/// Steps, then an ending. Made by a constructor and refined by the chained methods.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) ending: Ending,
    pub(super) framing: Framing,
    /// Each byte in a segment of its own, also of what the test sends later.
    pub(super) split: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    ReadRequest,
    Send(Vec<u8>),
    /// One byte, a pause, the next byte.
    Dribble(Vec<u8>, Duration),
    /// Again and again until the client has had enough.
    Endless(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Stay open for what the test sends.
    Stream,
    /// Stay open and send nothing, ever.
    Silence,
    Close,
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    Plain,
}

impl Default for Script {
    fn default() -> Self {
        Self::stream()
    }
}

impl Script {
    /// 200 with an event stream in chunks, open for what the test sends.
    pub fn stream() -> Self {
        let head = stream_head(Framing::Chunked);
        Self::new(vec![Step::ReadRequest, Step::Send(head)], Ending::Stream, Framing::Chunked)
    }

    /// The same without chunks; its end is the end of the connection.
    pub fn plain_stream() -> Self {
        let head = stream_head(Framing::Plain);
        Self::new(vec![Step::ReadRequest, Step::Send(head)], Ending::Stream, Framing::Plain)
    }

    /// A complete answer, then close.
    pub fn status(code: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {code} Scripted\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        // A 204 has no body, and says so by having no length.
        if code != 204 {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        head += body;
        Self::raw(head.as_bytes())
    }

    /// Reads the request, sends exactly these bytes, then closes.
    pub fn raw(bytes: &[u8]) -> Self {
        Self::new(vec![Step::ReadRequest, Step::Send(bytes.to_vec())], Ending::Close, Framing::Plain)
    }

    /// Sends these bytes without waiting for a request, and stays silent then. With none of them: just silent.
    pub fn unasked(bytes: &[u8]) -> Self {
        Self::new(vec![Step::Send(bytes.to_vec())], Ending::Silence, Framing::Plain)
    }

    /// Accepts and closes without reading.
    pub fn close_at_once() -> Self {
        Self::new(vec![], Ending::Close, Framing::Plain)
    }

    /// Reads the request, then resets the connection.
    pub fn reset_at_once() -> Self {
        Self::new(vec![Step::ReadRequest], Ending::Reset, Framing::Plain)
    }

    /// Accepts, takes the request, and stays silent: a half-open connection, as the client sees it.
    pub fn stall() -> Self {
        Self::new(vec![Step::ReadRequest], Ending::Silence, Framing::Plain)
    }

    /// The head of a stream one byte at a time with a pause after each, then the stream.
    pub fn slow_headers(pause: Duration) -> Self {
        let head = Step::Dribble(stream_head(Framing::Chunked), pause);
        Self::new(vec![Step::ReadRequest, head], Ending::Stream, Framing::Chunked)
    }

    /// A status line, then headers without end.
    pub fn endless_headers() -> Self {
        let start = Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec());
        // So long that their bytes are too many before their number is.
        let header = format!("X-Filler: {}\r\n", "x".repeat(4000));
        let headers = Step::Endless(header.repeat(4).into_bytes());
        Self::new(vec![Step::ReadRequest, start, headers], Ending::Close, Framing::Plain)
    }

    /// A stream whose first line never ends.
    pub fn endless_line() -> Self {
        Self::plain_stream().bytes(b"data: ").endlessly(&[b'x'; 16 * 1024]).then_close()
    }

    /// A stream that announces a chunk for `data`, sends half of it and closes.
    pub fn truncated_chunk(data: &str) -> Self {
        let mut bytes = chunk(&event_bytes(data));
        bytes.truncate(bytes.len() / 2);
        Self::stream().bytes(&bytes).then_close()
    }

    /// A stream with a `Content-Encoding`, though none was asked for, and these bytes in it.
    pub fn encoded(encoding: &str, body: &[u8]) -> Self {
        let head = String::from_utf8_lossy(&stream_head(Framing::Plain)).into_owned();
        let head = head.replace("\r\n\r\n", &format!("\r\nContent-Encoding: {encoding}\r\n\r\n"));
        let steps = vec![Step::ReadRequest, Step::Send(head.into_bytes()), Step::Send(body.to_vec())];
        Self::new(steps, Ending::Stream, Framing::Plain)
    }

    /// Also sends this event.
    pub fn event(self, data: &str) -> Self {
        let bytes = frame(self.framing, &event_bytes(data));
        self.bytes(&bytes)
    }

    /// Also sends `n` events as fast as they go, `{"burst": 0}` to `{"burst": n - 1}`.
    pub fn burst(self, n: usize) -> Self {
        let events = (0..n).flat_map(|i| frame(self.framing, &event_bytes(&format!("{{\"burst\": {i}}}"))));
        let bytes: Vec<u8> = events.collect();
        self.bytes(&bytes)
    }

    /// Also sends these bytes as they are.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.then(Step::Send(bytes.to_vec()))
    }

    /// Also sends these bytes again and again until the client has had enough.
    pub fn endlessly(self, bytes: &[u8]) -> Self {
        self.then(Step::Endless(bytes.to_vec()))
    }

    /// Also sends these bytes, with a pause after each.
    pub fn slowly(self, bytes: Vec<u8>, pause: Duration) -> Self {
        self.then(Step::Dribble(bytes, pause))
    }

    /// Sends everything in segments of one byte.
    pub fn one_byte_at_a_time(mut self) -> Self {
        self.split = true;
        self
    }

    /// Ends with a close instead.
    pub fn then_close(mut self) -> Self {
        self.ending = Ending::Close;
        self
    }

    /// Ends with a reset instead.
    pub fn then_reset(mut self) -> Self {
        self.ending = Ending::Reset;
        self
    }

    fn new(steps: Vec<Step>, ending: Ending, framing: Framing) -> Self {
        Self { steps, ending, framing, split: false }
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

fn stream_head(framing: Framing) -> Vec<u8> {
    let mut head =
        String::from("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n");
    head += match framing {
        Framing::Chunked => "Transfer-Encoding: chunked\r\n\r\n",
        Framing::Plain => "Connection: close\r\n\r\n",
    };
    head.into_bytes()
}

/// All line ends of the event stream split `data`, so that what a client puts together again has LF for each.
pub(super) fn event_bytes(data: &str) -> Vec<u8> {
    let data = data.replace("\r\n", "\n").replace('\r', "\n");
    let mut bytes = Vec::with_capacity(data.len() + 16);
    for line in data.split('\n') {
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes
}

pub(super) fn frame(framing: Framing, bytes: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Chunked => chunk(bytes),
        Framing::Plain => bytes.to_vec(),
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
