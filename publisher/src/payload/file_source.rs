//! Flags from a JSON file that is watched.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ImportError;
use super::limits::Limits;
use super::regular_file::{self, Stamp};

/// Time between two polls unless told otherwise: below what a person who saves a file notices, and four `stat` calls a
/// second cost nothing.
pub const DEFAULT_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// What a poll found.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub enum FileEvent {
    /// The file is good and holds what was handed out last. Counts as contact with the source.
    Unchanged,
    /// New content, without byte-order mark. It has passed the decoder.
    Changed(String),
    /// The file is missing or cannot be used. Reported once for each error; what was handed out last stays good.
    Failed(ImportError),
    /// Nothing new: an error that was reported persists, or a change has not settled yet.
    Waiting,
}

/// A JSON file of flags as a source.
///
/// It never waits: the caller polls every [`DEFAULT_POLL_INTERVAL`] or as it likes, and so can stop at any time.
///
/// A changed file is read once it looked the same in two polls in a row, so a file that is being written is left alone
/// and a pause between two polls must be longer than the clock tick of the file system (a few milliseconds; two seconds
/// on FAT). Only the first poll reads at once, so that a start does not wait; the next poll reads again. Writing a new
/// file and renaming it over the old one is still the best way to change it.
///
/// ```
/// use flagstaff_publisher::payload::{FileEvent, Limits, WatchedFile};
///
/// let mut source = WatchedFile::new("/no/such/flags.json", Limits::default());
/// assert!(matches!(source.poll(), FileEvent::Failed(_)));
/// assert!(matches!(source.poll(), FileEvent::Waiting));
/// ```
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    limits: Limits,
    polled: bool,
    /// The file as the last poll saw it.
    seen: Option<Stamp>,
    /// The file as it was when its content was judged, good or bad.
    judged: Option<Stamp>,
    /// Hash of the content handed out last. A `touch` is no change.
    delivered: Option<u64>,
    trouble: Option<Trouble>,
}

/// The error that was reported last. Another error is reported again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Missing,
    NotRegular,
    Io(io::ErrorKind),
    Payload,
}

impl WatchedFile {
    /// Watches `path`. Touches nothing before the first poll.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, limits: Limits) -> Self {
        Self {
            path: path.into(),
            limits,
            polled: false,
            seen: None,
            judged: None,
            delivered: None,
            trouble: None,
        }
    }

    /// The path that is watched.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file once.
    pub fn poll(&mut self) -> FileEvent {
        let first = !mem::replace(&mut self.polled, true);
        let stamp = match Stamp::of(&self.path) {
            Ok(stamp) => stamp,
            Err(error) => {
                self.seen = None;
                self.judged = None;
                return self.fail(error);
            }
        };
        if self.judged == Some(stamp) {
            return if self.trouble.is_some() { FileEvent::Waiting } else { FileEvent::Unchanged };
        }
        let settled = self.seen.replace(stamp) == Some(stamp);
        if settled || first { self.read(stamp, settled) } else { FileEvent::Waiting }
    }

    fn read(&mut self, stamp: Stamp, settled: bool) -> FileEvent {
        let content = regular_file::read_file(&self.path, &self.limits);
        if !Stamp::of(&self.path).is_ok_and(|after| after == stamp) {
            // Changed under the read. The next poll sees what became of it.
            self.seen = None;
            return FileEvent::Waiting;
        }
        match content {
            Ok(text) => {
                self.judged = settled.then_some(stamp);
                self.trouble = None;
                let hash = Some(hash(&text));
                if mem::replace(&mut self.delivered, hash) == hash {
                    FileEvent::Unchanged
                } else {
                    FileEvent::Changed(text)
                }
            }
            Err(_) if !settled => FileEvent::Waiting,
            Err(error) => {
                // A failed read may succeed next time; bad content stays bad until the file changes.
                self.judged = matches!(error, ImportError::Payload { .. }).then_some(stamp);
                self.fail(error)
            }
        }
    }

    fn fail(&mut self, error: ImportError) -> FileEvent {
        let trouble = match &error {
            ImportError::Missing { .. } => Trouble::Missing,
            ImportError::NotRegular { .. } => Trouble::NotRegular,
            ImportError::Io { source, .. } => Trouble::Io(source.kind()),
            ImportError::Payload { .. } => Trouble::Payload,
        };
        let known = self.trouble.replace(trouble) == Some(trouble);
        // Bad content is read only once, so this is new content that is bad as well.
        if known && trouble != Trouble::Payload { FileEvent::Waiting } else { FileEvent::Failed(error) }
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
