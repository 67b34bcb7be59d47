//! The threads: one accepts, and one per connection plays its script.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::request::Request;
use super::script::{Ending, Framing, Script, Step, event_bytes, frame};

/// How long a client may not read before the test's broadcast gives it up.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) stopping: bool,
    pub(super) scripts: VecDeque<Script>,
    pub(super) default: Script,
    pub(super) current: Option<String>,
    pub(super) requests: Vec<Request>,
    pub(super) accepted: usize,
    pub(super) streams: Vec<Stream>,
    pub(super) live: Vec<Live>,
}

/// A connection whose thread runs.
pub(super) struct Live {
    pub(super) number: usize,
    pub(super) socket: Arc<TcpStream>,
}

/// A connection that takes what the test sends.
pub(super) struct Stream {
    connection: usize,
    socket: Arc<TcpStream>,
    framing: Framing,
    split: bool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked has already failed; the others should report what they see.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the condition holds, or at the deadline; the caller looks which.
    pub(super) fn wait_until(
        &self,
        deadline: Duration,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.lock(), deadline, |state| !condition(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// False if the server ends meanwhile.
    fn pause(&self, time: Duration) -> bool {
        !self.wait_until(time, |state| state.stopping).stopping
    }
}

impl State {
    /// Under the lock, so that all streams see one order. A stream that does not take it is dropped.
    pub(super) fn broadcast(&mut self, send: impl Fn(&Stream) -> io::Result<()>) -> usize {
        self.streams.retain(|stream| {
            let sent = send(stream);
            if sent.is_err() {
                stream.socket.shutdown(Shutdown::Both).ok();
            }
            sent.is_ok()
        });
        self.streams.len()
    }
}

impl Stream {
    pub(super) fn connection(&self) -> usize {
        self.connection
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) fn send_event(&self, data: &str) -> io::Result<()> {
        self.send_chunk(&event_bytes(data))
    }

    pub(super) fn send_chunk(&self, bytes: &[u8]) -> io::Result<()> {
        self.send_raw(&frame(self.framing, bytes))
    }

    pub(super) fn send_raw(&self, bytes: &[u8]) -> io::Result<()> {
        send(&self.socket, bytes, self.split)
    }
}

/// Runs until the server stops, and then until all connections have ended.
pub(super) fn accept(listener: &TcpListener, shared: &Shared) {
    std::thread::scope(|scope| {
        for socket in listener.incoming() {
            let mut state = shared.lock();
            if state.stopping {
                return;
            }
            // An error here is a client that has gone before it was accepted.
            let Ok(socket) = socket.map(Arc::new) else {
                continue;
            };
            let number = state.accepted;
            state.accepted += 1;
            let script = state.scripts.pop_front().unwrap_or_else(|| state.default.clone());
            state.live.push(Live { number, socket: Arc::clone(&socket) });
            drop(state);
            shared.changed.notify_all();
            scope.spawn(move || {
                // An error is a client that went away, or the end of the server.
                play(script, number, &socket, shared).ok();
                // This thread's socket first, so that nothing keeps it open once it is off the lists.
                drop(socket);
                let mut state = shared.lock();
                state.streams.retain(|stream| stream.connection != number);
                state.live.retain(|live| live.number != number);
                drop(state);
                shared.changed.notify_all();
            });
        }
    });
}

fn play(script: Script, number: usize, socket: &Arc<TcpStream>, shared: &Shared) -> io::Result<()> {
    // Segments leave as they are written.
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(WRITE_LIMIT))?;
    for step in script.steps {
        match step {
            Step::ReadRequest => {
                let Some(request) = Request::read(socket, number)? else {
                    return Ok(());
                };
                shared.lock().requests.push(request);
                shared.changed.notify_all();
            }
            Step::Send(bytes) => send(socket, &bytes, script.split)?,
            Step::Dribble(bytes, pause) => {
                for byte in bytes {
                    send(socket, &[byte], true)?;
                    if !shared.pause(pause) {
                        return Ok(());
                    }
                }
            }
            Step::Endless(bytes) => send_endlessly(socket, &bytes, shared)?,
        }
    }
    match script.ending {
        Ending::Close => {
            socket.shutdown(Shutdown::Write)?;
            // Closing with unread bytes would be a reset, and the client could lose the end of the answer.
            wait_for_end(socket)
        }
        Ending::Reset => {
            reset_on_close(socket);
            Ok(())
        }
        Ending::Silence => wait_for_end(socket),
        Ending::Stream => {
            let stream = Stream {
                connection: number,
                socket: Arc::clone(socket),
                framing: script.framing,
                split: script.split,
            };
            let mut state = shared.lock();
            // One critical section with the registration: no payload is missed, and none comes twice.
            if let Some(current) = &state.current {
                stream.send_event(current)?;
            }
            state.streams.push(stream);
            drop(state);
            shared.changed.notify_all();
            wait_for_end(socket)
        }
    }
}

/// Returns when the client closes, or when a `shutdown` of another thread says so.
fn wait_for_end(mut socket: &TcpStream) -> io::Result<()> {
    let mut ignored = [0; 4096];
    while socket.read(&mut ignored)? > 0 {}
    Ok(())
}

fn send(mut socket: &TcpStream, bytes: &[u8], split: bool) -> io::Result<()> {
    if !split {
        return socket.write_all(bytes);
    }
    bytes.iter().try_for_each(|byte| socket.write_all(std::slice::from_ref(byte)))
}

fn send_endlessly(mut socket: &TcpStream, bytes: &[u8], shared: &Shared) -> io::Result<()> {
    let mut at = 0;
    loop {
        match socket.write(&bytes[at..]) {
            Ok(n) => at = (at + n) % bytes.len(),
            // A client that reads slowly; an endless answer waits for it.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if shared.lock().stopping {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// The last close of the socket then sends a reset and drops what was not sent.
pub(super) fn reset_on_close(socket: &TcpStream) {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).ok();
}
