//! The publisher's side of a file: open or make it, publish into it, supersede it.
//!
//! Only the holder of the publisher lock uses this. `opening` is how a file is found and taken over, `superseding` how it gives way to a
//! new one.

mod live_link;
mod opening;
mod superseding;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::changed_places::{changed_in_lines, changed_places, may_be_told};
use crate::archive::checked::Archive;
use crate::archive::records::Records;
use crate::archive::repair::Hint;
use crate::bytes::error::WriteError;
use crate::bytes::header::Header;
use crate::bytes::layout::{Area, FILE_BYTES, FRAME_BYTES, HEADER_BYTES, word};
use crate::read::area;
use crate::read::in_slot::InSlot;
use crate::read::status;
use crate::sync::event::announce;
use crate::sync::fork::Epoch;
use crate::sync::map::Mapping;
use crate::sync::protocol::{self, Generation, MAX_GENERATION, Sound};
use crate::write::checkpoint::Checkpoints;
use crate::write::disk;
use crate::write::file::{SnapshotFile, failed};
use crate::write::header_page::HeaderPage;
use crate::write::hooks::Hooks;
use crate::write::slots::Slots;

pub use opening::{Opened, Opening};

/// The identity of a publisher that does not say whose flags it publishes. It leaves a file's identity as it is.
const NOBODY: [u8; 32] = [0; 32];

/// Options of [`Writer::open`].
#[derive(Debug, Clone)]
pub struct WriterOptions {
    identity: [u8; 32],
    mode: u32,
    link: Option<PathBuf>,
    hooks: Hooks,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions { identity: NOBODY, mode: 0o440, link: None, hooks: Hooks::default() }
    }
}

impl WriterOptions {
    /// The identity of the source: SHA-256 of base URL and API key. Zeros by default: no such source, and the identity of
    /// an existing file stays.
    #[must_use]
    pub fn identity(mut self, identity: [u8; 32]) -> WriterOptions {
        self.identity = identity;
        self
    }

    /// Mode of a new file. 0440 by default: nobody writes to it by accident, and its owner and group read it. Write
    /// permission for everybody is taken out.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> WriterOptions {
        self.mode = mode & 0o775;
        self
    }

    /// A link that leads to the file. A file that was beside it before is one that readers may still have: the link took its place. None
    /// by default.
    #[must_use]
    pub fn link(mut self, link: &Path) -> WriterOptions {
        self.link = Some(link.to_owned());
        self
    }

    /// An observer of every change to the file system. None by default; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> WriterOptions {
        self.hooks = hooks;
        self
    }
}

/// Where the path leads, compared with the file that is being published into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathCheck {
    /// To that file.
    Same,
    /// Nowhere: it was removed.
    Missing,
    /// To another file.
    Replaced,
}

/// Publishes into one file.
#[derive(Debug)]
pub struct Writer {
    snapshot: SnapshotFile,
    map: Mapping,
    header: Header,
    /// What was published last. The word in the file says the same unless it was damaged.
    generation: Generation,
    /// Words of the header page as this writer left them: places of slot 0 and 1, reserved bytes of both.
    tables: [u64; 4],
    locked: [u64; 2],
    slots: Slots,
    /// A child of a fork has file and mappings too, and must leave them alone.
    process: Epoch,
    /// What the last publish changed.
    changed: Option<Vec<u32>>,
}

/// Where the words of [`Writer::tables`] stand.
const TABLES: [usize; 4] = [word::PLACES[0], word::PLACES[1], word::RESERVED[0], word::RESERVED[1]];

impl Writer {
    /// The current generation.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Publishes `archive` as the next generation: in memory at once, on the disk when the next checkpoint is written.
    /// A reader never waits for this.
    ///
    /// # Errors
    /// [`WriteError`]: the current generation then stays as it is, and a later publish may work.
    pub fn publish(&mut self, archive: &mut Archive) -> Result<Generation, WriteError> {
        self.publish_changes(archive, None)
    }

    /// As [`Writer::publish`], for a caller that knows which flags `archive` changes: since which generation, and at which places of the
    /// table (as [`changed_places`](crate::changed_places) counts them). They go into the change feed. Of another generation than the
    /// current one, or not known, they are looked for: that compares all flags.
    ///
    /// # Errors
    /// As there.
    pub fn publish_changes(
        &mut self,
        archive: &mut Archive,
        known: Option<(Generation, &[u32])>,
    ) -> Result<Generation, WriteError> {
        if self.process != Epoch::now() {
            let parent = std::io::Error::other("the publisher is the process that this one was forked from");
            return Err(failed("publish into", &self.snapshot.path)(parent));
        }
        if self.damage().is_some() {
            // Readers that trust the damaged page are led to a whole one first.
            self.supersede()?;
        }
        self.snapshot.hooks.failpoint("publish");
        let next = self.generation.next();
        if next.0 >= MAX_GENERATION {
            return Err(WriteError::Generation { path: self.snapshot.path.clone(), found: next.0 });
        }
        archive.set_generation(next);
        let slot = next.slot() as usize;
        let bytes = FRAME_BYTES + archive.bytes().len() as u64;
        self.snapshot.reserve(Area::Slot(slot), bytes)?;
        // Readers have one bound for both slots on their fast path. If this one has no space now, they read on the slow
        // one, and the next publish says so.
        let _ = self.snapshot.reserve(Area::Slot(1 - slot), bytes);
        self.changed = match known {
            Some((since, places)) if since == self.generation => Some(places.to_vec()),
            _ => self.changed_by(archive),
        };
        let mut stored = 0;
        let published = announce::<Sound, _, _, WriteError>(&self.snapshot.event(), || {
            let word = self.snapshot.generation();
            let published = protocol::publish::<Sound, _, _>(&word, |_| {
                // Without the odd word nobody is to touch the slot: readers may still be in it.
                word.is_stored()?;
                let store = self.slots.store(&self.map, slot, archive);
                stored = store.map_err(failed("write", &self.snapshot.path))?;
                self.snapshot.say_places(slot, archive)?;
                self.snapshot.tell(self.generation, self.changed.as_deref());
                Ok::<_, WriteError>(())
            })?;
            word.is_stored()?;
            Ok(published)
        });
        self.tables = TABLES.map(|at| self.snapshot.header.load(at));
        self.generation = published?;
        status::set_published(&self.snapshot.header, stored as u64);
        self.keep_in_memory(slot, bytes);
        Ok(next)
    }

    /// The current snapshot, copied out of the file and checked.
    #[must_use]
    pub fn current(&self) -> Option<Archive> {
        let archive = area::copy(&self.map, Area::Slot(self.generation.slot() as usize)).ok()?;
        (archive.generation() == self.generation).then_some(archive)
    }

    /// The table of the current snapshot, for the one that is built next.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        Some(Hint::of(&self.current_in_slot()?))
    }

    /// The current snapshot where it is, to be compared with another. Its checksum is not computed: damage makes a comparison wrong, and
    /// nothing worse.
    #[must_use]
    pub fn current_in_place(&self) -> Option<InSlot<'_>> {
        let snapshot = InSlot::unchecked(&self.map, Area::Slot(self.generation.slot() as usize)).ok()?;
        (snapshot.frame().generation == self.generation).then_some(snapshot)
    }

    /// The snapshot before the current one, if it still stands in the other slot and is good. The next publish overwrites it.
    #[must_use]
    pub fn previous(&self) -> Option<InSlot<'_>> {
        self.in_slot(Generation(self.generation().0.checked_sub(1)?))
    }

    /// The current snapshot, where it is, if it is good.
    fn current_in_slot(&self) -> Option<InSlot<'_>> {
        self.in_slot(self.generation())
    }

    /// The places that a new archive changes. `None`, if they are not those of now.
    fn changed_by(&self, archive: &Archive) -> Option<Vec<u32>> {
        // Where most flags change, as the first ones say, nothing else is looked at, and no checksum computed.
        if !may_be_told(&self.current_in_place()?, archive) {
            return None;
        }
        let current = self.current_in_slot()?;
        match current.lines_unlike(archive) {
            Some(lines) => changed_in_lines(&current, archive, &lines),
            None => changed_places(&current, archive),
        }
    }

    /// The places whose flags were changed by the last publish of this writer; `None` if anything may have been.
    #[must_use]
    pub fn changed(&self) -> Option<&[u32]> {
        self.changed.as_deref()
    }

    fn in_slot(&self, generation: Generation) -> Option<InSlot<'_>> {
        let snapshot = InSlot::check(&self.map, Area::Slot(generation.slot() as usize)).ok()?;
        (snapshot.frame().generation == generation).then_some(snapshot)
    }

    /// What is wrong with the header page, if it no longer is as this writer wrote it. The file is then to be superseded: readers
    /// that trust it may read an older generation, or look flags up in the wrong places.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        let said = |what: &str, found: u64, expected: u64| {
            Some(format!("{what} of its header is {found:#x}, expected {expected:#x}"))
        };
        if self.is_cut_off() {
            // Nothing of it is looked at: its pages may be gone.
            return Some("it was cut off by somebody".to_owned());
        }
        let header = &self.snapshot.header;
        for (at, expected) in self.header.words().into_iter().enumerate() {
            if header.load(at) != expected {
                return said(&format!("word {at}"), header.load(at), expected);
            }
        }
        for (at, expected) in TABLES.into_iter().zip(self.tables) {
            if header.load(at) != expected {
                return said(&format!("word {at}"), header.load(at), expected);
            }
        }
        // Odd after a publish that failed.
        let generation = header.load(word::GENERATION);
        if generation & !1 != self.generation.0 * 2 {
            return said("the generation word", generation, self.generation.0 * 2);
        }
        None
    }

    fn is_cut_off(&self) -> bool {
        disk::length(&self.snapshot.file, self.snapshot.id).is_ok_and(|length| length < FILE_BYTES)
    }

    /// Gives the file its hidden second name back, if somebody removed that: readers are found by it when the file is replaced by hand.
    pub fn keep_live_link(&self) {
        live_link::keep(&self.snapshot);
    }

    /// The header page, for the status words.
    #[must_use]
    pub fn status_words(&self) -> &HeaderPage {
        &self.snapshot.header
    }

    /// The header page, for a thread that sleeps on its [bell](crate::Mapping::bell).
    #[must_use]
    pub fn header_page(&self) -> Arc<HeaderPage> {
        self.snapshot.header.clone()
    }

    /// The writer of this file's checkpoints. One per file, for a thread of its own.
    ///
    /// # Errors
    /// [`WriteError`], if the file cannot be opened once more.
    pub fn checkpoints(&self) -> Result<Checkpoints, WriteError> {
        Ok(Checkpoints::new(self.snapshot.duplicate()?, &self.map))
    }

    /// Publishes into a file whose header page is known to be good.
    fn of(snapshot: SnapshotFile, header: Header) -> Result<Writer, WriteError> {
        let map = snapshot.map()?;
        map.lock(0, HEADER_BYTES as usize / 8);
        let generation = protocol::observe::<Sound, _>(snapshot.header.map().generation()).generation();
        let tables = TABLES.map(|at| snapshot.header.load(at));
        let slots = snapshot.slots();
        let mut writer = Writer {
            snapshot,
            map,
            header,
            generation,
            tables,
            locked: [0; 2],
            slots,
            process: Epoch::now(),
            changed: None,
        };
        for slot in [0, 1] {
            if let Ok(frame) = area::frame(&writer.map, Area::Slot(slot)) {
                writer.keep_in_memory(slot, FRAME_BYTES + frame.archive_bytes);
            }
        }
        Ok(writer)
    }

    fn keep_in_memory(&mut self, slot: usize, bytes: u64) {
        if bytes > self.locked[slot] {
            self.map.lock(Area::Slot(slot).word(), bytes as usize / 8);
            self.locked[slot] = bytes;
        }
    }
}
