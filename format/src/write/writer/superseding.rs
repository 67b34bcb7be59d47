//! From a file to a new one at the same path: when it was removed or replaced, when its header is damaged, and when it is too old.

use std::path::Path;

use super::{PathCheck, Writer, live_link};
use crate::archive::checked::Archive;
use crate::bytes::error::WriteError;
use crate::bytes::file_id::FileId;
use crate::bytes::header::Header;
use crate::read::{area, open, status};
use crate::sync::event::announce;
use crate::sync::protocol::{Generation, Sound, mark_superseded};
use crate::write::file::{SnapshotFile, failed, rights_of};

impl Writer {
    /// Whether the path still leads to this file.
    #[must_use]
    pub fn path_state(&self) -> PathCheck {
        match FileId::at(&self.snapshot.path) {
            Some(id) if id == self.snapshot.id => PathCheck::Same,
            Some(_) => PathCheck::Replaced,
            None => PathCheck::Missing,
        }
    }

    /// Moves to a new file at the same path: a complete copy under the next generation, then the mark on the old one,
    /// then the rename. Checkpoints of the old file are to be dropped. A snapshot that somebody put at the path meanwhile
    /// is marked as well: readers may have opened it.
    ///
    /// # Errors
    /// [`WriteError`]: the old file is then still in use.
    pub fn supersede(&mut self) -> Result<(), WriteError> {
        self.supersede_with(|newest| newest)
    }

    /// As [`Writer::supersede`]. `choose` gets the newest good archive of the old file and returns the one to go on with. What it gets
    /// may be older than what was published last, or `None`, if the old file is damaged.
    ///
    /// # Errors
    /// As there.
    pub fn supersede_with(
        &mut self,
        choose: impl FnOnce(Option<Archive>) -> Option<Archive>,
    ) -> Result<(), WriteError> {
        self.snapshot.hooks.failpoint("supersede");
        if self.is_cut_off() {
            // Its pages are there again, as zeros: it can be looked at and marked, and its readers follow.
            self.snapshot.lengthen()?;
        }
        let mut archive = choose(self.current().or_else(|| Some(area::newest(&self.map)?.1)));
        let path = self.snapshot.path.clone();
        let other = self.other_at_path(&path);
        let floor = area::generation_floor(&self.map).max(self.generation);
        let floor = other.as_ref().map_or(floor, |(_, other)| floor.max(*other));
        if let Some(archive) = &mut archive {
            archive.set_generation(floor.next());
        }
        // The owner may have changed them since the file was made.
        let rights = self.snapshot.file.metadata().map_err(failed("examine", &path))?;
        let header = Header::now(self.header.identity);
        let (rights, hooks) = (rights_of(&rights), &self.snapshot.hooks);
        let new = SnapshotFile::create_beside(&path, header, rights, floor, archive.as_ref(), hooks)?;
        // The same publisher with the same link goes on in the new file.
        status::carry_over(&self.snapshot.header, &new.header);
        let mut writer = Writer::of(new, header)?;
        let others = other.iter().map(|(other, _)| other);
        writer.move_in(&path, || std::iter::once(&self.snapshot).chain(others).try_for_each(mark))?;
        *self = writer;
        Ok(())
    }

    /// Puts a complete new file at the path, after `mark_old` has marked all files before it, so that their readers look there.
    pub(super) fn move_in(
        &mut self,
        path: &Path,
        mark_old: impl FnOnce() -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let has_second_name = live_link::prepare(&self.snapshot, path);
        if let Err(error) = mark_old() {
            live_link::withdraw(&self.snapshot.hooks, path);
            self.snapshot.discard();
            return Err(error);
        }
        if let Err(error) = self.snapshot.rename_over(path) {
            live_link::withdraw(&self.snapshot.hooks, path);
            return Err(error);
        }
        if has_second_name {
            live_link::commit(&self.snapshot.hooks, path);
        }
        Ok(())
    }

    /// A snapshot at the path that is not this writer's, and the generation that it has reached.
    fn other_at_path(&self, path: &Path) -> Option<(SnapshotFile, Generation)> {
        if self.path_state() != PathCheck::Replaced {
            return None;
        }
        let other = open::candidate(path).ok()?;
        other.header(path).ok()?;
        Some((
            SnapshotFile::open(path, other.id(), &self.snapshot.hooks).ok()?,
            area::generation_floor(&other.map),
        ))
    }
}

/// Mark, event, wake: readers look at the path again. The rename follows.
pub(super) fn mark(old: &SnapshotFile) -> Result<(), WriteError> {
    announce::<Sound, _, _, _>(&old.event(), || {
        let word = old.generation();
        mark_superseded(&word);
        word.is_stored()
    })
}
