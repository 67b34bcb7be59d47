//! Flags that are kept in a file: what it held when it was last good, and what is wrong with it now.

use std::io;
use std::mem;
use std::path::Path;
use std::time::{Duration, Instant};

use vexil_publisher::payload::{FileEvent, ImportError, WatchedFile};

use crate::error::with_causes;
use crate::flag_file::FlagFile;

/// Time between two looks at whether a file that could not be written can be written again.
const REHEARSAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Kept {
    file: FlagFile,
    watched: WatchedFile,
    /// What the file held when it was last good.
    text: String,
    /// Why what it holds now cannot be used.
    unusable: Option<String>,
    /// Why it could not be written, and when that was last looked at.
    unwritable: Option<(String, Instant)>,
}

impl Kept {
    /// `text` is what the file holds.
    pub(crate) fn new(file: FlagFile, text: String) -> Kept {
        Kept { watched: file.watch(), file, text, unusable: None, unwritable: None }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Looks at the file for an edit that has settled.
    pub(crate) fn poll(&mut self) -> FileEvent {
        self.watched.poll()
    }

    /// What the file holds at this moment.
    pub(crate) fn read_now(&mut self) -> Result<String, ImportError> {
        let text = self.file.read()?;
        if self.text != text {
            self.watch_anew();
        }
        Ok(text)
    }

    /// Notes that the file holds `text`, which is good. Whether that is another text than before.
    pub(crate) fn takes(&mut self, text: &str) -> bool {
        self.is_usable();
        let is_other = self.text != text;
        if is_other {
            text.clone_into(&mut self.text);
        }
        is_other
    }

    pub(crate) fn write(&mut self, text: String) -> io::Result<()> {
        if let Err(error) = self.file.write(&text) {
            self.is_unwritable(&error);
            return Err(error);
        }
        self.text = text;
        self.unwritable = None;
        self.watch_anew();
        Ok(())
    }

    /// The text did not come from the watched file's own look: what it handed out last no longer counts as unchanged.
    fn watch_anew(&mut self) {
        self.watched = self.file.watch();
    }

    pub(crate) fn is_usable(&mut self) {
        self.unusable = None;
    }

    /// Notes why the file cannot be used, and answers it.
    pub(crate) fn is_unusable(&mut self, error: &ImportError) -> String {
        self.unusable.insert(with_causes(error)).clone()
    }

    fn is_unwritable(&mut self, error: &io::Error) {
        let problem = format!("cannot write {}: {error}", self.path().display());
        self.unwritable = Some((problem, Instant::now()));
    }

    /// Looks whether a file that could not be written can be written again, now and then.
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
