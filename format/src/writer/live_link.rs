//! A second name for the file that readers were given last.
//!
//! Readers keep the file that they have mapped, whatever happens to its name. A running publisher has that file open and marks it
//! when it makes a new one. But when somebody removes or replaces the file while no publisher runs, the next publisher finds nothing
//! at the path that leads to the readers of before. So every file that gets the path has a hidden hard link beside it, which no
//! usual procedure (`rm`, `mv`, a restored backup) touches. Whoever opens the path for publishing looks there as well.
//!
//! The order of a move is: link the new file under a scratch name, mark the old files, rename the link, rename the file. A publisher
//! killed anywhere in between leaves the link on a file that is marked or on one that has never been at the path.
//!
//! Best effort: file systems without hard links have no second name. docs/design.md says what readers see there.

use std::path::{Path, PathBuf};

use super::mark;
use crate::disk;
use crate::error::WriteError;
use crate::file::SnapshotFile;
use crate::layout::FILE_BYTES;
use crate::open::{self, Candidate};
use crate::step::Watch;
use crate::view::FileId;

/// The hidden second name of the file at `path`.
pub(super) fn live_link(path: &Path) -> PathBuf {
    hidden(path, "live")
}

fn scratch(path: &Path) -> PathBuf {
    hidden(path, "live.new")
}

fn hidden(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// A file that readers may still have mapped although the path leads to another one, or nowhere.
#[derive(Debug)]
pub(super) struct LeftBehind {
    pub(super) candidate: Candidate,
    link: PathBuf,
}

impl LeftBehind {
    /// The file behind the second name, unless it is the one at the path.
    pub(super) fn find(path: &Path, at_path: Option<FileId>) -> Option<LeftBehind> {
        let link = live_link(path);
        // Ours is never a symbolic link.
        if !std::fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_file()) {
            return None;
        }
        let candidate = open::candidate(&link).ok()?;
        let is_other = Some(candidate.id()) != at_path && candidate.metadata.len() == FILE_BYTES;
        is_other.then_some(LeftBehind { candidate, link })
    }

    /// Tells the readers of the file to look at the path.
    ///
    /// # Errors
    /// [`WriteError`], if it is not ours to write to. Its readers then find the new file when they look at the path by themselves.
    pub(super) fn mark(&self, watch: &Watch) -> Result<(), WriteError> {
        mark(&SnapshotFile::open(&self.link, self.candidate.id(), watch)?);
        Ok(())
    }
}

/// Links the file that is going to be at `path` under a scratch name. False, if it has no second name.
pub(super) fn prepare(new: &SnapshotFile, path: &Path) -> bool {
    let scratch = scratch(path);
    // Left over from a publisher that died.
    let _ = disk::remove(&new.watch, &scratch);
    disk::link(&new.watch, &new.path, &scratch).is_ok()
}

/// Gives the file that was prepared its second name.
pub(super) fn commit(watch: &Watch, path: &Path) {
    let scratch = scratch(path);
    if disk::rename(watch, &scratch, &live_link(path)).is_err() {
        let _ = disk::remove(watch, &scratch);
    }
}

/// Gives the file at the path its second name if it has none: it was made by an older version, or somebody removed the link.
pub(super) fn keep(file: &SnapshotFile) {
    if FileId::at(&live_link(&file.path)) == Some(file.id) || !prepare(file, &file.path) {
        return;
    }
    // The path may lead to another file since it was looked at.
    let scratch = scratch(&file.path);
    if FileId::at(&scratch) == Some(file.id) {
        commit(&file.watch, &file.path);
    } else {
        let _ = disk::remove(&file.watch, &scratch);
    }
}
