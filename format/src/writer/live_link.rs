//! A second name for the file that readers were given last.
//!
//! Readers keep the file that they have mapped, whatever happens to its name. A running publisher has that file open and marks it
//! when it makes a new one. But when somebody removes or replaces the file while no publisher runs, the next publisher finds nothing
//! at the path that leads to the readers of before. So every file that gets the path has a hidden hard link beside it, which no
//! usual procedure (`rm`, `mv`, a restored backup) touches. Whoever opens the path for publishing looks there as well.
//!
//! The order of a move is: link the new file under a scratch name, mark the old files, rename the file, rename the link. So at each
//! moment every file that is or was at the path, and is not marked, has one of both names; who opens the path looks at both.
//!
//! Best effort: file systems without hard links have no second name. docs/design.md says what readers see there.

use std::path::{Path, PathBuf};

use super::floor_of;
use crate::disk;
use crate::error::WriteError;
use crate::file::SnapshotFile;
use crate::layout::FILE_BYTES;
use crate::open::{self, Candidate};
use crate::protocol::Generation;
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
    /// The files behind the second name and its scratch name, unless they are the one at the path. The one to go on from comes first.
    pub(super) fn find(path: &Path, at_path: Option<FileId>) -> Vec<LeftBehind> {
        let mut found: Vec<LeftBehind> = Vec::new();
        for link in [live_link(path), scratch(path)] {
            // Ours is never a symbolic link.
            if !std::fs::symlink_metadata(&link).is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            let Ok(candidate) = open::candidate(&link) else { continue };
            let is_new = Some(candidate.id()) != at_path
                && found.iter().all(|other| other.candidate.id() != candidate.id());
            if is_new && candidate.metadata.len() == FILE_BYTES {
                found.push(LeftBehind { candidate, link });
            }
        }
        found.sort_by_key(|left| std::cmp::Reverse(left.reached()));
        found
    }

    /// The highest generation that anything in it names.
    pub(super) fn reached(&self) -> Generation {
        floor_of(&self.candidate.map)
    }

    /// Opens the file to mark it. `None`, if it is not ours to write to: its readers find the new file when they look at the path by
    /// themselves.
    ///
    /// # Errors
    /// [`WriteError`], if something else is in the way.
    pub(super) fn open(&self, watch: &Watch) -> Result<Option<SnapshotFile>, WriteError> {
        match SnapshotFile::open(&self.link, self.candidate.id(), watch) {
            Err(WriteError::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

/// Links the file that is going to be at `path` under a scratch name. False, if it has no second name.
pub(super) fn prepare(new: &SnapshotFile, path: &Path) -> bool {
    let scratch = scratch(path);
    // Left over from a publisher that died.
    withdraw(&new.watch, path);
    disk::link(&new.watch, &new.path, &scratch).is_ok()
}

/// Gives the file that was prepared its second name.
pub(super) fn commit(watch: &Watch, path: &Path) {
    // If this fails, the scratch name does as well.
    let _ = disk::rename(watch, &scratch(path), &live_link(path));
}

/// Takes the scratch name away again: nothing came of the move.
pub(super) fn withdraw(watch: &Watch, path: &Path) {
    let _ = disk::remove(watch, &scratch(path));
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
        withdraw(&file.watch, &file.path);
    }
}
