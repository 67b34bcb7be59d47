//! The state of an environment that requests and streams see: made once per change, and shared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};
use xxhash_rust::xxh3::xxh3_64;

use crate::flags::document::Document;
use crate::flags::history::History;
use crate::flags::value::quoted;
use crate::shared::{Shared, WeakShared};

/// How many of the rarely needed texts are encoded at the same time in this process: the other threads are for changes.
static MAKERS: Semaphore = Semaphore::const_new(2);

/// A state of an environment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) revision: u64,
    /// Tag of all flags, without quotes.
    pub(crate) etag: String,
    /// The event of the wire protocol.
    pub(crate) frame: Shared,
    /// The flags, as one line: a part of `frame`.
    pub(crate) line: Range<usize>,
    pub(crate) document: Arc<Document>,
    pub(crate) history: History,
    /// Why the file of the environment is not usable.
    pub(crate) problem: Option<String>,
    encoded: Arc<Encoded>,
}

/// Rarely needed texts: encoded for the first reader, and shared with others for as long as it is being read.
#[derive(Debug, Default)]
struct Encoded {
    tags: Mutex<WeakShared>,
    /// By the revision after which the changes are.
    changes: Mutex<BTreeMap<u64, WeakShared>>,
}

impl View {
    pub(crate) fn new(
        revision: u64,
        document: Arc<Document>,
        history: History,
        problem: Option<String>,
    ) -> View {
        let mut frame = String::new();
        // Writing to a string cannot fail.
        let _ = write!(frame, "id: {revision}\ndata: ");
        let start = frame.len();
        document.write_line(&mut frame);
        let line = start..frame.len();
        let etag = format!("{:016x}", xxh3_64(frame.as_bytes().get(line.clone()).unwrap_or_default()));
        frame.push_str("\n\n");
        let (frame, encoded) = (Shared::new(frame), Arc::default());
        View { revision, etag, frame, line, document, history, problem, encoded }
    }

    /// The same flags with another problem, or none.
    pub(crate) fn with_problem(&self, problem: Option<String>) -> View {
        View {
            revision: self.revision,
            etag: self.etag.clone(),
            frame: self.frame.clone(),
            line: self.line.clone(),
            document: self.document.clone(),
            history: self.history.clone(),
            problem,
            encoded: self.encoded.clone(),
        }
    }

    /// The tags of all flags, as a JSON object.
    pub(crate) async fn tags(self: &Arc<View>) -> Shared {
        let mut known = self.encoded.tags.lock().await;
        if let Some(tags) = known.get() {
            return tags;
        }
        let view = self.clone();
        let tags = encoded(move || {
            let mut out = String::from("{");
            for (place, (key, value)) in view.document.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                out.push_str(&quoted(key));
                out.push_str(":\"");
                out.push_str(&value.tag());
                out.push('"');
            }
            out.push('}');
            out.into_bytes()
        });
        let tags = tags.await;
        *known = tags.weak();
        tags
    }

    /// The changes after a revision, newest first, as a JSON array.
    pub(crate) async fn changes(self: &Arc<View>, since: u64) -> Shared {
        let mut known = self.encoded.changes.lock().await;
        if let Some(changes) = known.get(&since).and_then(WeakShared::get) {
            return changes;
        }
        let view = self.clone();
        // Texts, numbers and JSON can always be written.
        let changes = encoded(move || serde_json::to_vec(&view.history.since(since)).unwrap_or_default());
        let changes = changes.await;
        known.insert(since, changes.weak());
        changes
    }
}

/// Encodes a text on a thread for slow work.
async fn encoded(make: impl FnOnce() -> Vec<u8> + Send + 'static) -> Shared {
    // It is never closed.
    let turn = MAKERS.acquire().await;
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut text = make();
        text.shrink_to_fit();
        Shared::passing(text)
    });
    // It does not panic; it is cancelled when the server stops.
    made.await.unwrap_or_else(|_| Shared::gone())
}
