//! The loop: connect, read, wait, connect again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::clock::{Clock, SystemClock};
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::event::{Event, Item};
use super::failure::Failure;
use crate::stopper::{Stopper, Waited};

/// What happened next on the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Signal {
    /// A connection is about to be made.
    Connecting,
    /// The server answered with an event stream.
    Open,
    /// A complete event. Also a contact with the server.
    Event(Event),
    /// Bytes came, but no complete event: a heartbeat, or a part of an event.
    Alive,
    /// There is no connection, or no longer one. The next call waits.
    Failed {
        /// Why.
        failure: Failure,
        /// How long the next call waits before it connects.
        retry_in: Duration,
    },
    /// The [`Stopper`] was used. All further calls give this too.
    Stopped,
}

/// A stream of events that never ends by itself.
///
/// [`next`](EventStream::next) blocks and always comes back: at the latest with a timeout of the [`StreamOptions`](super::StreamOptions),
/// and within milliseconds when the stopper is used.
pub struct EventStream {
    endpoint: Endpoint,
    stopper: Stopper,
    backoff: Backoff,
    clock: Box<dyn Clock>,
    state: State,
    ready: VecDeque<Signal>,
    batch: Vec<Item>,
    pending_events: usize,
    last_event_id: Arc<str>,
}

enum State {
    Idle,
    Waiting(Duration),
    Connecting,
    Open(Box<Connection>),
    Stopped,
}

impl EventStream {
    /// A stream that is not connected yet: the first [`next`](EventStream::next) starts it.
    #[must_use]
    pub fn new(endpoint: Endpoint, stopper: Stopper) -> EventStream {
        EventStream::with_parts(endpoint, stopper, Backoff::new(), Box::new(SystemClock))
    }

    /// A stream with delays and time of the caller's making.
    #[must_use]
    pub fn with_parts(
        endpoint: Endpoint,
        stopper: Stopper,
        backoff: Backoff,
        clock: Box<dyn Clock>,
    ) -> EventStream {
        EventStream {
            endpoint,
            stopper,
            backoff,
            clock,
            state: State::Idle,
            ready: VecDeque::new(),
            batch: Vec::new(),
            pending_events: 0,
            last_event_id: Arc::from(""),
        }
    }

    /// Waits for what happens next. One call does one step: it waits, or connects, or reads once.
    // Not an `Iterator`: there is no end, and the caller needs the stream between two signals.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would have to end, and would stay borrowed in a loop"
    )]
    pub fn next(&mut self) -> Signal {
        loop {
            if self.stopper.is_stopped() {
                self.close();
            }
            if let Some(signal) = self.ready.pop_front() {
                self.pending_events -= usize::from(matches!(signal, Signal::Event(_)));
                return signal;
            }
            match std::mem::replace(&mut self.state, State::Stopped) {
                State::Stopped => return Signal::Stopped,
                State::Idle => {
                    self.state = State::Connecting;
                    return Signal::Connecting;
                }
                State::Waiting(time) => {
                    if self.clock.wait(time, &self.stopper) == Waited::Elapsed {
                        self.state = State::Idle;
                    }
                }
                State::Connecting => {
                    let last_event_id = Some(&*self.last_event_id);
                    match Connection::open(&self.endpoint, last_event_id, &self.stopper) {
                        Ok(connection) => {
                            self.backoff.opened(self.clock.now());
                            self.state = State::Open(Box::new(connection));
                            return Signal::Open;
                        }
                        Err(failure) => return self.failed(failure),
                    }
                }
                State::Open(mut connection) => match connection.next_items(&mut self.batch) {
                    Ok(()) => {
                        self.state = State::Open(connection);
                        self.queue_batch();
                    }
                    Err(failure) => {
                        self.last_event_id = Arc::clone(connection.last_event_id());
                        return self.failed(failure);
                    }
                },
            }
        }
    }

    /// How many events the next calls of [`next`](EventStream::next) deliver without waiting.
    ///
    /// Each event of this service replaces all flags. So in a burst an event with others behind it can be skipped: give its
    /// buffer back and ask for the next. The burst ends with what one read brought, at most 64 KiB, so skipping always ends.
    #[must_use]
    pub fn pending_events(&self) -> usize {
        self.pending_events
    }

    /// Gives the buffer of an event back for the next one.
    pub fn recycle(&mut self, data: String) {
        if let State::Open(connection) = &mut self.state {
            connection.recycle(data);
        }
    }

    /// The endpoint of the stream.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn queue_batch(&mut self) {
        for item in self.batch.drain(..) {
            match item {
                Item::Event(event) => {
                    self.backoff.alive();
                    self.pending_events += 1;
                    self.ready.push_back(Signal::Event(event));
                }
                Item::Comment => self.backoff.alive(),
                Item::Retry(delay) => self.backoff.server_retry(delay),
                // The connection turns it into a failure.
                Item::TooLarge { .. } => {}
            }
        }
        if self.pending_events == 0 {
            self.ready.push_back(Signal::Alive);
        }
    }

    fn failed(&mut self, failure: Failure) -> Signal {
        if matches!(failure, Failure::Stopped) {
            self.close();
            return Signal::Stopped;
        }
        let retry_in = self.backoff.delay_after(&failure, self.clock.now());
        self.state = State::Waiting(retry_in);
        Signal::Failed { failure, retry_in }
    }

    fn close(&mut self) {
        self.state = State::Stopped;
        self.ready.clear();
        self.pending_events = 0;
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle => "idle",
            State::Waiting(_) => "waiting",
            State::Connecting => "connecting",
            State::Open(_) => "open",
            State::Stopped => "stopped",
        };
        f.debug_struct("EventStream")
            .field("endpoint", &self.endpoint)
            .field("state", &state)
            .field("pending_events", &self.pending_events)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
