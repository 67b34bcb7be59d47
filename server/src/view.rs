//! What an environment shows of itself: made once for each change, shared by all who look.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::document::Document;
use crate::history::History;

/// A state of an environment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) revision: u64,
    /// Tag of all flags, without quotes.
    pub(crate) etag: String,
    /// The event of the wire protocol.
    pub(crate) frame: Bytes,
    /// The flags, as one line. A part of `frame`.
    pub(crate) line: Bytes,
    pub(crate) document: Arc<Document>,
    pub(crate) history: History,
    /// Why the file of the environment is not usable.
    pub(crate) problem: Option<String>,
}

impl View {
    pub(crate) fn new(
        revision: u64,
        document: Arc<Document>,
        history: History,
        problem: Option<String>,
    ) -> View {
        let line = document.line();
        let etag = format!("{:016x}", xxh3_64(line.as_bytes()));
        let mut frame = String::with_capacity(line.len() + 32);
        // Writing to a string cannot fail.
        let _ = write!(frame, "id: {revision}\ndata: ");
        let start = frame.len();
        frame.push_str(&line);
        let end = frame.len();
        frame.push_str("\n\n");
        let frame = Bytes::from(frame);
        View { revision, etag, line: frame.slice(start..end), frame, document, history, problem }
    }

    /// The same flags, and another answer to whether their file is usable.
    pub(crate) fn with_problem(&self, problem: Option<String>) -> View {
        View {
            revision: self.revision,
            etag: self.etag.clone(),
            frame: self.frame.clone(),
            line: self.line.clone(),
            document: self.document.clone(),
            history: self.history.clone(),
            problem,
        }
    }
}
