//! Checkpoints: the copies that survive a power loss.
//!
//! Two regions are written in turn, each whole and then synced, so that one complete snapshot is on the disk at every
//! instant after the first checkpoint. The region to write is always the one that does *not* hold the newest good
//! checkpoint. After a failed sync the kernel has forgotten which pages are dirty, and syncing again would lie; so the
//! same region is written anew before it is synced, and the good one is left alone. The header page is written anew with
//! it: a failed sync may have lost the word that says how far the region reaches. Nothing is durable in a file whose name
//! is not; so the directory comes last.

use std::borrow::Borrow;

use crate::archive::checked::Archive;
use crate::bytes::error::WriteError;
use crate::bytes::generation::Generation;
use crate::bytes::layout::{Area, FRAME_BYTES, word};
use crate::read::{area, status};
use crate::sync::map::Mapping;
use crate::write::file::SnapshotFile;
use crate::write::header_page::HeaderPage;

/// Writes the checkpoints of one file.
#[derive(Debug)]
pub struct Checkpoints {
    snapshot: SnapshotFile,
    next: usize,
    /// The newest generation that a sync has vouched for.
    newest: Generation,
}

impl Checkpoints {
    pub(crate) fn new(snapshot: SnapshotFile, map: &Mapping) -> Checkpoints {
        // A region whose sync failed looks whole in memory. Only what was called durable counts.
        let durable = map.load(word::DURABLE);
        let generation = |i| {
            let frame = area::check(map, Area::Checkpoint(i)).ok();
            frame.map(|frame| frame.generation.0).filter(|generation| *generation <= durable).unwrap_or(0)
        };
        let (first, second) = (generation(0), generation(1));
        Checkpoints { snapshot, next: usize::from(first > second), newest: Generation(first.max(second)) }
    }

    /// The header page of the file, for the status words.
    #[must_use]
    pub fn status_words(&self) -> &HeaderPage {
        &self.snapshot.header
    }

    /// Writes and syncs `archive`, unless what is on the disk is as new. May take as long as the disk takes.
    ///
    /// # Errors
    /// [`WriteError`]: the archive is then not durable, the checkpoint before still is.
    pub fn write(&mut self, archive: &Archive) -> Result<(), WriteError> {
        self.write_given(archive)
    }

    /// As [`Checkpoints::write`], of an archive that is given away: dropped before the sync, which is what takes long.
    ///
    /// # Errors
    /// As [`Checkpoints::write`].
    pub fn write_given(&mut self, archive: impl Borrow<Archive>) -> Result<(), WriteError> {
        let given = archive;
        let archive: &Archive = given.borrow();
        let generation = archive.generation();
        if generation <= self.newest {
            return self.snapshot.sync_name();
        }
        self.snapshot.hooks.failpoint("checkpoint");
        let area = Area::Checkpoint(self.next);
        let bytes = FRAME_BYTES + archive.bytes().len() as u64;
        self.snapshot.reserve(area, bytes)?;
        self.snapshot.write(area, archive)?;
        drop(given);
        self.snapshot.say_reserved(area)?;
        self.snapshot.sync()?;
        self.snapshot.sync_name()?;
        self.snapshot.store(word::DURABLE, generation.0)?;
        status::set_checkpoint(&self.snapshot.header, bytes);
        self.next = 1 - self.next;
        self.newest = generation;
        Ok(())
    }
}
