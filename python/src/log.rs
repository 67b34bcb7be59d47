//! Events of the Rust crates, on their way to Python's `logging`.
//!
//! An event is put into a queue, by whichever thread, and a thread of its own carries it to the logger `vexil`. So nobody
//! who logs waits for the interpreter: a thread that holds it may just be waiting for the one that logs.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use vexil::printable;

use crate::{callbacks, gate};

/// Lines that wait at most. Then the oldest are dropped: the newest say how things are.
const MOST_WAITING: usize = 256;

/// Of this process and, before it, those of its ancestors, whose locks may have been copied while they were taken.
static FIRST: Queue = Queue::new();

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Of the child. Set by the one thread that a child begins with.
    next: OnceLock<&'static Queue>,
}

struct State {
    lines: VecDeque<Line>,
    has_thread: bool,
}

struct Line {
    level: u8,
    text: String,
}

/// Makes all events of this extension go to Python.
pub(crate) fn install() {
    // Refused if it is there: then the module is imported a second time, in another interpreter.
    let _ = tracing::subscriber::set_global_default(ToPython);
}

/// For the child of a fork: a new queue and, with its first line, a new thread.
pub(crate) fn start_anew() {
    let _ = Queue::current().next.set(Box::leak(Box::new(Queue::new())));
}

/// Logs what waits, in this thread.
pub(crate) fn flush(py: Python<'_>) {
    let lines = std::mem::take(&mut Queue::current().state().lines);
    lines.iter().for_each(|line| callbacks::tell_log(py, line.level, &line.text));
}

impl Queue {
    const fn new() -> Queue {
        let state = State { lines: VecDeque::new(), has_thread: false };
        Queue { state: Mutex::new(state), changed: Condvar::new(), next: OnceLock::new() }
    }

    fn current() -> &'static Queue {
        let mut queue = &FIRST;
        while let Some(next) = queue.next.get() {
            queue = next;
        }
        queue
    }

    /// Held for a few instructions, never while Python is called.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&'static self, line: Line) {
        let mut state = self.state();
        if state.lines.len() == MOST_WAITING {
            state.lines.pop_front();
        }
        state.lines.push_back(line);
        if !state.has_thread {
            let thread = thread::Builder::new().name("vexil-log".to_owned());
            // If there is none, the next line tries again.
            state.has_thread = thread.spawn(move || self.carry()).is_ok();
        }
        drop(state);
        self.changed.notify_one();
    }

    fn carry(&self) {
        while !gate::is_closed() {
            let mut state = self.state();
            while state.lines.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let line = state.lines.pop_front();
            drop(state);
            if let Some(line) = line {
                gate::enter(|py| callbacks::tell_log(py, line.level, &line.text));
            }
        }
    }
}

struct ToPython;

impl Subscriber for ToPython {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.is_event() && metadata.target().starts_with("vexil")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if gate::is_closed() {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            _ => 20,
        };
        // Keys, and what servers answer, are in it: none of it may begin another line.
        let text = printable(&(text.message + &text.fields)).into_owned();
        Queue::current().push(Line { level, text });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, then the fields: `published generation=3 flags=12`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
