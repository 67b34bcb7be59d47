//! What was seen of one environment of one server, from its start to its end or to now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

/// All flags.
pub(crate) type State = BTreeMap<String, Value>;

/// Flags with what they were and what they became.
pub(crate) type Changes = BTreeMap<String, (Option<Value>, Option<Value>)>;

/// A change as the history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub revision: u64,
    pub by: String,
    pub undoes: Option<u64>,
    pub changes: Changes,
}

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// Values to set, `None` to remove.
    Write(BTreeMap<String, Option<Value>>),
    Undo {
        revision: u64,
        force: bool,
    },
    Read(String),
    /// The first event of a stream.
    Listen,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// Accepted. Without changes it was so already.
    Made {
        revision: u64,
        changes: Changes,
    },
    Refused {
        status: u16,
        code: String,
        body: Value,
    },
    Read(Option<Value>),
    Heard(u64, State),
    /// No answer: the server was killed. It may have been made.
    Unknown,
}

/// A request with its answer.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub place: usize,
    pub wanted: Wanted,
    /// The value that a guarded request was bound to; `None` inside: that there is none.
    pub seen: Option<Option<Value>>,
    pub sent: Instant,
    pub done: Instant,
    pub outcome: Outcome,
}

/// An edit by hand that was saved.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub place: usize,
    pub burst: usize,
    /// The flag by which it is known, and its value.
    pub key: String,
    pub value: Value,
    /// All values that it gave to flags.
    pub values: BTreeMap<String, Value>,
    /// A broken text that it saved first and that was not there any more when the server was killed.
    pub written_over: Option<String>,
    /// Before the file was touched, and after it was saved.
    pub began: Instant,
    pub done: Instant,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// The flags at its start.
    pub began: State,
    /// As the page stream told it, from revision 1 on.
    pub log: Vec<Entry>,
    /// As GET answered in the end: the last hundred, in the order of the log.
    pub history: Vec<Entry>,
    /// The events of each stream of flags.
    pub streams: Vec<Vec<(u64, State)>>,
    pub asked: Vec<Asked>,
    pub edited: Vec<Edited>,
    /// What the file held in the end, and what the server answered.
    pub file: State,
    pub served: State,
    /// The server was killed, in this burst: what it did last nobody has seen.
    pub killed_in: Option<usize>,
    /// What lies beside the file after a kill, because an edit by hand was out of its place and the file has another text now.
    pub beside: Vec<String>,
    /// Something that is wrong by itself.
    pub wrong: Vec<String>,
}

impl Record {
    /// Edits by hand that a server reported and put beside the file.
    pub(crate) fn set_aside(&self) -> Vec<State> {
        self.beside.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
    }

    /// All values that a flag was given by anybody.
    pub(crate) fn values_of(&self, key: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        found.extend(self.began.get(key).map(Value::to_string));
        for entry in &self.log {
            found.extend(entry.changes.get(key).and_then(|change| change.1.as_ref()).map(Value::to_string));
        }
        for edited in &self.edited {
            found.extend(edited.values.get(key).map(Value::to_string));
        }
        for asked in &self.asked {
            if let Wanted::Write(wanted) = &asked.wanted {
                found.extend(wanted.get(key).cloned().flatten().map(|value| value.to_string()));
            }
        }
        found
    }
}
