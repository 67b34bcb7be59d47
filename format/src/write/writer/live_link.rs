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

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::bytes::error::{OpenError, WriteError};
use crate::bytes::file_id::FileId;
use crate::bytes::generation::Generation;
use crate::bytes::layout::FILE_BYTES;
use crate::read::area;
use crate::read::open::{self, Candidate};
use crate::write::disk;
use crate::write::file::{SnapshotFile, hidden};
use crate::write::hooks::Hooks;

/// Symbolic links that are followed from one to the next at most, as the kernel does it.
const MOST_LINKS: usize = 40;

/// The hidden second name of the file at `path`.
fn live_link(path: &Path) -> PathBuf {
    hidden(path, "live")
}

/// The second name while it is being made.
fn scratch(path: &Path) -> PathBuf {
    hidden(path, "link")
}

/// The file that a name leads to, if it is no symbolic link. Ours never are.
fn id_at(name: &Path) -> Option<FileId> {
    std::fs::symlink_metadata(name).ok().filter(Metadata::is_file).as_ref().map(FileId::of)
}

/// Where a symbolic link at the path leads, although there may be nothing; else the path. Beside that, another publisher made the second
/// name of a file that is published into through a link. A hard link of a link would be one itself.
fn target_of(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = std::fs::read_link(&target) else { break };
        // An absolute one takes the place of all.
        target.set_file_name(next);
    }
    target
}

/// A file that readers may still have mapped although the path leads to another one, or nowhere.
#[derive(Debug)]
pub(super) struct LeftBehind {
    pub(super) candidate: Candidate,
    link: PathBuf,
}

impl LeftBehind {
    /// The files behind the second name and its scratch name, of the path and of a link that leads to it, unless they are the one at the
    /// path. The one to go on from comes first.
    pub(super) fn find(path: &Path, asked: Option<&Path>, at_path: Option<FileId>) -> Vec<LeftBehind> {
        let mut found: Vec<LeftBehind> = Vec::new();
        let target = target_of(path);
        let names = [Some(path), Some(&*target), asked].into_iter().flatten();
        for link in names.flat_map(|name| [live_link(name), scratch(name)]) {
            if id_at(&link).is_none() {
                continue;
            }
            let Ok(candidate) = open::candidate(&link) else { continue };
            // What another version of this program made is not ours to write to.
            if matches!(candidate.header(&link), Err(OpenError::Version { .. })) {
                continue;
            }
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
        area::generation_floor(&self.candidate.map)
    }

    /// Opens the file to mark it. `None`, if it is not ours to write to: its readers find the new file when they look at the path by
    /// themselves.
    ///
    /// # Errors
    /// [`WriteError`], if something else is in the way.
    pub(super) fn open(&self, hooks: &Hooks) -> Result<Option<SnapshotFile>, WriteError> {
        match SnapshotFile::open(&self.link, self.candidate.id(), hooks) {
            Err(WriteError::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

/// Links the file that is going to be at `path` under a scratch name. False, if it has no second name.
pub(super) fn prepare(new: &SnapshotFile, path: &Path) -> bool {
    link(&new.hooks, &new.path, path)
}

/// Gives what is at `from` the scratch name of `path`.
fn link(hooks: &Hooks, from: &Path, path: &Path) -> bool {
    // Left over from a publisher that died.
    withdraw(hooks, path);
    disk::link(hooks, from, &scratch(path)).is_ok()
}

/// Gives the file that was prepared its second name.
pub(super) fn commit(hooks: &Hooks, path: &Path) {
    // If this fails, the scratch name does as well.
    let _ = disk::rename(hooks, &scratch(path), &live_link(path));
}

/// Takes the scratch name away again: nothing came of the move.
pub(super) fn withdraw(hooks: &Hooks, path: &Path) {
    let _ = disk::remove(hooks, &scratch(path));
}

/// Gives the file at the path its second name if it has none: it was made by an older version, or somebody removed the link.
pub(super) fn keep(file: &SnapshotFile) {
    let path = target_of(&file.path);
    if id_at(&live_link(&path)) == Some(file.id) {
        return;
    }
    // It may have the scratch name, from a publisher that died or because the other one is taken.
    if id_at(&scratch(&path)) != Some(file.id) {
        if !link(&file.hooks, &path, &path) {
            return;
        }
        // The path may lead to another file since it was looked at.
        if id_at(&scratch(&path)) != Some(file.id) {
            withdraw(&file.hooks, &path);
            return;
        }
    }
    commit(&file.hooks, &path);
}
