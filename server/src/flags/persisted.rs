//! The state of a flag file: its last good content, and what is wrong with it now.

use std::io;
use std::mem;
use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_publisher::payload::{FileEvent, ImportError, WatchedFile};

use crate::error::with_causes;
use crate::flags::displaced::{Displaced, Look};
use crate::flags::file_lock::FileLock;
use crate::flags::flag_file::{FlagFile, WriteError, warn_of_kept};

/// Time between two checks whether a file that could not be written can be written again.
const REHEARSAL: Duration = Duration::from_secs(1);

/// Why a file was not written.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// It was edited by hand since it was read.
    Changed,
    /// Too many editors have old versions of it open.
    Busy,
    Io(io::Error),
}

/// An edit of a file that has been replaced.
#[derive(Debug)]
pub(crate) struct LateEdit {
    place: usize,
    /// What the file held before the edit.
    pub(crate) base: String,
    pub(crate) bytes: Vec<u8>,
    /// Nobody can write to it any more.
    is_last: bool,
}

/// Replaced files that an editor may still be writing to, at most.
const MOST_DISPLACED: usize = 64;

#[derive(Debug)]
pub(crate) struct Persisted {
    file: FlagFile,
    displaced: Vec<Displaced>,
    _lock: Option<FileLock>,
    watched: WatchedFile,
    /// What the file held when it was last good.
    text: String,
    /// Why what it holds now cannot be used.
    unusable: Option<String>,
    /// Why it could not be written, and when that was last looked at.
    unwritable: Option<(String, Instant)>,
}

impl Persisted {
    /// `text` is what the file holds.
    pub(crate) fn new(file: FlagFile, lock: Option<FileLock>, text: String) -> Persisted {
        Persisted {
            watched: file.watch(),
            file,
            displaced: Vec::new(),
            _lock: lock,
            text,
            unusable: None,
            unwritable: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Checks the file for a finished edit.
    pub(crate) fn poll(&mut self) -> FileEvent {
        self.watched.poll()
    }

    /// The content of the file at this moment.
    pub(crate) fn read_now(&mut self) -> Result<String, ImportError> {
        let text = self.file.read()?;
        if self.text != text {
            self.watch_anew();
        }
        Ok(text)
    }

    /// Records that the file holds `text`, which is good. Returns whether it differs from before.
    pub(crate) fn takes(&mut self, text: &str) -> bool {
        self.is_usable();
        let is_other = self.text != text;
        if is_other {
            text.clone_into(&mut self.text);
        }
        is_other
    }

    /// Writes the file, if it still holds what it held when it was last good.
    pub(crate) fn write(&mut self, text: String) -> Result<(), NotWritten> {
        if self.displaced.len() >= MOST_DISPLACED && !self.forget_one() {
            return Err(NotWritten::Busy);
        }
        match self.file.write(&text, &self.text) {
            Ok(old) => {
                self.displaced.extend(old);
                self.text = text;
                self.unwritable = None;
                self.watch_anew();
                Ok(())
            }
            Err(WriteError::Changed) => Err(NotWritten::Changed),
            Err(WriteError::Entered(ours)) => {
                self.displaced.push(ours);
                Err(NotWritten::Changed)
            }
            // Moved away since it was read, as some editors do before they write a new one.
            Err(WriteError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Err(NotWritten::Changed),
            Err(WriteError::Io(error)) => {
                self.is_unwritable(&error);
                Err(NotWritten::Io(error))
            }
        }
    }

    /// Stops watching the oldest file of which the system cannot say whether it is open. One that holds an edit is kept.
    fn forget_one(&mut self) -> bool {
        let unknown = self.displaced.iter().position(|one| !one.is_open() && one.is_as_it_was());
        if let Some(place) = unknown {
            self.displaced.remove(place).remove();
        }
        unknown.is_some()
    }

    /// The next edit that was written into a replaced file.
    pub(crate) fn late_edit(&mut self) -> Option<LateEdit> {
        let mut place = 0;
        while let Some(one) = self.displaced.get_mut(place) {
            match one.look() {
                Ok((Look::Edited(bytes), is_last)) => {
                    return Some(LateEdit { place, base: one.base().to_owned(), bytes, is_last });
                }
                Ok((_, true)) => self.displaced.remove(place).remove(),
                Ok((_, false)) => place += 1,
                Err(error) => {
                    tracing::error!(%error, "cannot read the file that was the flag file before");
                    drop(self.displaced.remove(place));
                }
            }
        }
        None
    }

    /// Records that a late edit has been adopted.
    pub(crate) fn is_taken(&mut self, edit: &LateEdit, text: String) {
        match self.displaced.get_mut(edit.place) {
            Some(_) if edit.is_last => self.displaced.remove(edit.place).remove(),
            Some(one) => one.taken(text),
            None => {}
        }
    }

    /// Records that a late edit cannot be adopted. It gets a visible name once nobody writes to it any more.
    pub(crate) fn is_refused(&mut self, edit: &LateEdit) {
        if !edit.is_last || edit.place >= self.displaced.len() {
            return;
        }
        match self.displaced.remove(edit.place).keep(&self.file.target()) {
            Ok(path) => warn_of_kept(&path),
            Err(error) => {
                tracing::error!(%error, "an edit of the flag file by hand could be neither taken over nor persisted");
            }
        }
    }

    /// Starts a new watch: the text did not come through the old one, which would report it as a change.
    fn watch_anew(&mut self) {
        self.watched = self.file.watch();
    }

    pub(crate) fn is_usable(&mut self) {
        self.unusable = None;
    }

    /// Records why the file cannot be used, and returns it.
    pub(crate) fn is_unusable(&mut self, error: &ImportError) -> String {
        self.unusable.insert(with_causes(error)).clone()
    }

    fn is_unwritable(&mut self, error: &io::Error) {
        let problem = format!("cannot write {}: {error}", self.path().display());
        self.unwritable = Some((problem, Instant::now()));
    }

    /// Checks from time to time whether a file that could not be written can be written again.
    pub(crate) fn rehearse(&mut self) {
        if self.unwritable.as_ref().is_none_or(|(_, looked)| looked.elapsed() < REHEARSAL) {
            return;
        }
        match self.file.rehearse(&self.text) {
            Ok(()) => drop(mem::take(&mut self.unwritable)),
            Err(error) => self.is_unwritable(&error),
        }
    }

    /// Why changes cannot be made, or why an edit by hand is not served.
    pub(crate) fn problem(&self) -> Option<String> {
        self.unusable.clone().or_else(|| self.unwritable.as_ref().map(|(problem, _)| problem.clone()))
    }
}
