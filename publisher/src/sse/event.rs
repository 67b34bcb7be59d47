//! What a stream delivers: the event and the other items of the format.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// One complete event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The type the server gave; `message` when it gave none.
    pub event_type: Cow<'static, str>,
    /// The data lines, joined by LF. Owned: give the buffer back with [`Parser::recycle`](super::Parser::recycle).
    pub data: String,
    /// The last event id known when the event was complete; empty when there is none.
    pub last_event_id: Arc<str>,
}

/// What the parser found next in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// A complete event.
    Event(Event),
    /// A comment line: a sign of life without meaning.
    Comment,
    /// The server asks for this delay before a new connection, clamped to 0.1 to 60 s.
    Retry(Duration),
    /// Something grew over its limit before it was complete. The parser is closed and ignores what follows.
    TooLarge {
        /// What grew too large.
        part: Part,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The parts of a stream that have a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The data of one event, all its lines together.
    Data,
    /// A line that is ignored: a comment, an unknown field, digits of `retry`.
    Line,
    /// The value of `event`.
    EventType,
    /// The value of `id`.
    EventId,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Data => "event data",
            Part::Line => "ignored line",
            Part::EventType => "event type",
            Part::EventId => "event id",
        })
    }
}
