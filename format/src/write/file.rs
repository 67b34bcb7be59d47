//! A snapshot file as the publisher holds it: reserving, writing, making it anew.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use rustix::io::Errno;
use rustix::process::Resource;

use crate::archive::checked::Archive;
use crate::bytes::error::WriteError;
use crate::bytes::file_id::FileId;
use crate::bytes::generation::Generation;
use crate::bytes::header::Header;
use crate::bytes::layout::{
    AREA_BYTES, Area, FILE_BYTES, FRAME_BYTES, HEADER_BYTES, PAGE, decode_reserved, encode_reserved, word,
};
use crate::read::status;
use crate::sync::atomics::{Load, Word};
use crate::sync::event::Waker;
use crate::sync::map::Mapping;
use crate::write::disk;
use crate::write::header_page::HeaderPage;
use crate::write::hooks::{FileOp, Hooks};
use crate::write::slots::{Slots, frame_bytes};

/// A snapshot file open for writing, with its header page.
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    pub(crate) header: Arc<HeaderPage>,
    pub(crate) id: FileId,
    pub(crate) hooks: Hooks,
    /// Whether its name is known to be on the disk. A publisher may have died between rename and sync, or the sync has failed.
    has_durable_name: bool,
}

/// The generation word of a file that is being published into, for one publish. A store that the file system refuses is remembered,
/// and none is tried after it.
#[derive(Debug)]
pub(crate) struct GenerationWord<'a> {
    snapshot: &'a SnapshotFile,
    refused: RefCell<Option<io::Error>>,
}

impl GenerationWord<'_> {
    /// To be called before a slot is written to, and at the end.
    ///
    /// # Errors
    /// The word could not be stored.
    pub(crate) fn is_stored(&self) -> Result<(), WriteError> {
        match self.refused.take() {
            None => Ok(()),
            Some(error) => Err(failed("write", &self.snapshot.path)(error)),
        }
    }
}

impl Load for GenerationWord<'_> {
    fn load(&self) -> u64 {
        self.snapshot.header.map().generation().load()
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}

impl Word for GenerationWord<'_> {
    fn store(&self, value: u64, _release: Ordering) {
        let op = FileOp::Store { file: self.snapshot.id, word: word::GENERATION, value };
        let mut refused = self.refused.borrow_mut();
        if refused.is_none() {
            let stored =
                self.snapshot.hooks.before(op).and_then(|()| self.snapshot.header.set_generation(value));
            *refused = stored.err();
        }
    }
}

/// The event word of a file that is being published into.
#[derive(Debug)]
pub(crate) struct EventWord<'a>(&'a SnapshotFile);

impl Waker for EventWord<'_> {
    fn bump(&self, _release: Ordering) {
        let value = u64::from((self.0.header.load(word::EVENT) as u32).wrapping_add(1));
        let op = FileOp::Store { file: self.0.id, word: word::EVENT, value };
        // If it fails, all sleepers are woken and look again; who falls asleep just now wakes by its own limit.
        let _ = self.0.hooks.before(op).and_then(|()| self.0.header.bump());
    }

    fn wake(&self, most: u32) {
        self.0.header.map().event().wake(most);
    }
}

/// Owner, group and mode of a new file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rights {
    pub(crate) mode: u32,
    /// Owner and group to carry over from a file before, where that is permitted.
    pub(crate) owner: Option<(u32, u32)>,
}

impl SnapshotFile {
    /// Opens a file that was examined for writing. Its owner may, even if the mode says read only. Nothing is written to another
    /// file that somebody has put at the path since then.
    pub(crate) fn open(path: &Path, examined: FileId, hooks: &Hooks) -> Result<SnapshotFile, WriteError> {
        check_file_size_limit()?;
        let open = || OpenOptions::new().read(true).write(true).open(path);
        let file = match open() {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                let before = std::fs::metadata(path).map_err(failed("examine", path))?.mode() & 0o7777;
                disk::set_mode(hooks, path, before | 0o200).map_err(failed("open for writing", path))?;
                let file = open();
                disk::set_mode(hooks, path, before).map_err(failed("restore the mode of", path))?;
                file
            }
            other => other,
        };
        let file = file.map_err(failed("open for writing", path))?;
        let id = disk::identify(hooks, path, &file).map_err(failed("examine", path))?;
        if id != examined {
            let problem = io::Error::other("it was replaced by another file in this moment");
            return Err(failed("open for writing", path)(problem));
        }
        SnapshotFile::mapped(path, file, id, hooks)
    }

    /// Makes a complete new file beside `path`, with `archive` as its current generation and its first checkpoint. The
    /// caller puts it in place with [`SnapshotFile::rename_over`].
    pub(crate) fn create_beside(
        path: &Path,
        header: Header,
        rights: Rights,
        floor: Generation,
        archive: Option<&Archive>,
        hooks: &Hooks,
    ) -> Result<SnapshotFile, WriteError> {
        check_file_size_limit()?;
        let new = path_of_new(path);
        // The publisher lock is held: what lies there is left over from a publisher that died.
        let _ = disk::remove(hooks, &new);
        let file = disk::create(hooks, &new).map_err(failed("create", &new))?;
        let made = SnapshotFile::fill(&new, file, header, rights, floor, archive, hooks);
        if made.is_err() {
            // Half a file helps nobody and may be what fills the disk.
            let _ = disk::remove(hooks, &new);
        }
        made
    }

    fn fill(
        new: &Path,
        file: File,
        header: Header,
        rights: Rights,
        floor: Generation,
        archive: Option<&Archive>,
        hooks: &Hooks,
    ) -> Result<SnapshotFile, WriteError> {
        let id = disk::identify(hooks, new, &file).map_err(failed("examine", new))?;
        let this = (&file, id);
        disk::size(hooks, this, FILE_BYTES).map_err(failed("size", new))?;
        disk::reserve(hooks, this, 0, HEADER_BYTES).map_err(failed("reserve space for", new))?;
        let bytes: Vec<u8> = header.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        disk::write(hooks, this, 0, &bytes).map_err(failed("write", new))?;

        let snapshot = SnapshotFile::mapped(new, file, id, hooks)?;
        // Readers have one bound for both slots on their fast path.
        let bytes = archive.map_or(0, |archive| FRAME_BYTES + archive.bytes().len() as u64);
        snapshot.reserve(Area::Slot(0), bytes)?;
        snapshot.reserve(Area::Slot(1), bytes)?;
        let mut current = floor;
        if let Some(archive) = archive {
            current = archive.generation();
            let slot = current.slot() as usize;
            for area in [Area::Slot(slot), Area::Checkpoint(0)] {
                snapshot.reserve(area, bytes)?;
                snapshot.write(area, archive)?;
            }
            snapshot.say_places(slot, archive)?;
            snapshot.store(word::DURABLE, current.0)?;
            status::set_published(&snapshot.header, bytes);
            status::set_checkpoint(&snapshot.header, bytes);
        }
        snapshot.store(word::GENERATION, current.0 * 2)?;
        if let Some((owner, group)) = rights.owner {
            // Only root may give a file away; then the new one belongs to whoever publishes, in the same group if may be.
            let give = |owner| disk::set_owner(hooks, new, &snapshot.file, owner, group);
            let _ = give(Some(owner)).or_else(|_not_permitted| give(None));
        }
        disk::set_mode_of(hooks, new, &snapshot.file, rights.mode).map_err(failed("set the mode of", new))?;
        disk::sync_all(hooks, snapshot.this()).map_err(failed("sync", new))?;
        Ok(snapshot)
    }

    /// Puts a file made by [`SnapshotFile::create_beside`] in its place.
    pub(crate) fn rename_over(&mut self, path: &Path) -> Result<(), WriteError> {
        if let Err(error) = disk::rename(&self.hooks, &self.path, path) {
            self.discard();
            return Err(failed("rename a new snapshot to", path)(error));
        }
        self.path = path.to_owned();
        // Readers need no disk. If this failed, it is done again before anything in the file is called durable.
        let _ = self.sync_name();
        Ok(())
    }

    /// Removes a file made by [`SnapshotFile::create_beside`] that did not get into its place.
    pub(crate) fn discard(&self) {
        let _ = disk::remove(&self.hooks, &self.path);
    }

    /// Makes sure that the file's name is on the disk, without which nothing in it is durable.
    pub(crate) fn sync_name(&mut self) -> Result<(), WriteError> {
        if self.has_durable_name {
            return Ok(());
        }
        if let Err(error) = disk::sync_directory_of(&self.hooks, &self.path) {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&error.kind());
            if full || error.raw_os_error() == Some(Errno::IO.raw_os_error()) {
                return Err(failed("sync the directory of", &self.path)(error));
            }
            // Directories that cannot be synced at all: the name is durable a little later.
        }
        self.has_durable_name = true;
        Ok(())
    }

    fn mapped(path: &Path, file: File, id: FileId, hooks: &Hooks) -> Result<SnapshotFile, WriteError> {
        let file = Arc::new(file);
        let header = Arc::new(HeaderPage::of(&file, id).map_err(failed("map", path))?);
        Ok(SnapshotFile {
            path: path.to_owned(),
            file,
            header,
            id,
            hooks: hooks.clone(),
            has_durable_name: false,
        })
    }

    /// Another handle to the same file, for the thread that writes checkpoints.
    pub(crate) fn duplicate(&self) -> Result<SnapshotFile, WriteError> {
        let file = self.file.try_clone().map_err(failed("duplicate", &self.path))?;
        let has_durable_name = self.has_durable_name;
        Ok(SnapshotFile { has_durable_name, ..SnapshotFile::mapped(&self.path, file, self.id, &self.hooks)? })
    }

    /// The file for the calls of [`disk`].
    pub(crate) fn this(&self) -> (&File, FileId) {
        (&self.file, self.id)
    }

    /// Gives the file its length again, after somebody has cut it off.
    pub(crate) fn lengthen(&self) -> Result<(), WriteError> {
        disk::size(&self.hooks, self.this(), FILE_BYTES).map_err(failed("size", &self.path))
    }

    /// Writes a word of the header.
    pub(crate) fn store(&self, word: usize, value: u64) -> Result<(), WriteError> {
        let op = FileOp::Store { file: self.id, word, value };
        self.hooks
            .before(op)
            .and_then(|()| self.header.write(word, value))
            .map_err(failed("write", &self.path))
    }

    /// The generation word for the writer's side of the protocol.
    pub(crate) fn generation(&self) -> GenerationWord<'_> {
        GenerationWord { snapshot: self, refused: RefCell::default() }
    }

    /// The event word, with which readers are told.
    pub(crate) fn event(&self) -> EventWord<'_> {
        EventWord(self)
    }

    /// Brings all of the file's bytes to the disk.
    pub(crate) fn sync(&self) -> Result<(), WriteError> {
        disk::sync_data(&self.hooks, self.this()).map_err(failed("sync", &self.path))
    }

    /// Makes sure that the first `bytes` bytes of an area really have space, so that neither a store here nor a reader's
    /// load can meet a hole on a full disk. Grows in steps, so that normal life does it rarely, and begins small: a reader that has
    /// followed other files keeps addresses for as much of each (`Mapping::release`).
    pub(crate) fn reserve(&self, area: Area, bytes: u64) -> Result<(), WriteError> {
        let have = self.reserved(area);
        if bytes <= have && have > 0 {
            return Ok(());
        }
        let want = (bytes + bytes / 4).max(4 * PAGE).next_multiple_of(PAGE).min(AREA_BYTES);
        disk::reserve(&self.hooks, self.this(), area.offset() + have, want - have)
            .map_err(failed("reserve space for", &self.path))?;
        self.store(word::RESERVED[area.index()], encode_reserved(want))
    }

    /// Says again how much of an area has space, so that the next sync writes the header page anew.
    pub(crate) fn say_reserved(&self, area: Area) -> Result<(), WriteError> {
        let at = word::RESERVED[area.index()];
        self.store(at, self.header.load(at))
    }

    fn reserved(&self, area: Area) -> u64 {
        decode_reserved(self.header.load(word::RESERVED[area.index()]))
    }

    /// Writes all of frame and archive into an area that was reserved. Until the caller flips or syncs, this means nothing.
    pub(crate) fn write(&self, area: Area, archive: &Archive) -> Result<(), WriteError> {
        let (this, failed) = (self.this(), || failed("write", &self.path));
        disk::write(&self.hooks, this, area.offset(), &frame_bytes(archive)).map_err(failed())?;
        disk::write(&self.hooks, this, area.offset() + FRAME_BYTES, archive.bytes()).map_err(failed())
    }

    /// Says where look-ups in a slot start from.
    pub(crate) fn say_places(&self, slot: usize, archive: &Archive) -> Result<(), WriteError> {
        let (at, places) = (word::PLACES[slot], archive.frame().table_word());
        if self.header.load(at) == places { Ok(()) } else { self.store(at, places) }
    }

    /// The slots, as they are published into.
    pub(crate) fn slots(&self) -> Slots {
        Slots::of(&self.file, self.id, &self.header, &self.hooks)
    }

    /// Maps the whole file for reading.
    pub(crate) fn map(&self) -> Result<Mapping, WriteError> {
        Mapping::read_only(&self.file, FILE_BYTES).map_err(failed("map", &self.path))
    }
}

/// Where a new file is made before it is renamed: in the same directory, hidden.
pub(crate) fn path_of_new(path: &Path) -> PathBuf {
    hidden(path, "new")
}

/// A hidden name beside `path`: `.NAME.ENDING`, byte for byte, so that no two names have one in common. For the same reason no ending has
/// a dot in it: `.a.live.new` would be of `a` and of `a.live`.
#[must_use]
pub fn hidden(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Writing past the limit kills the process by a signal; so it is looked at before.
fn check_file_size_limit() -> Result<(), WriteError> {
    match rustix::process::getrlimit(Resource::Fsize).current {
        Some(limit) if limit < FILE_BYTES => Err(WriteError::FileSizeLimit { limit, needed: FILE_BYTES }),
        _ => Ok(()),
    }
}

/// The error of an operation on `path`, with advice by its kind.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| {
        let advice = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free space; readers keep the snapshot they have"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "run the publisher as the owner of the directory, or choose another with --file or --cache-dir"
            }
            io::ErrorKind::NotFound => {
                "create its directory first, or choose another with --file or --cache-dir"
            }
            _ => "readers keep the snapshot they have",
        };
        WriteError::Io { action, path, advice, source }
    }
}

/// Owner, group and mode of the file that a new one replaces.
pub(crate) fn rights_of(metadata: &std::fs::Metadata) -> Rights {
    Rights { mode: metadata.mode() & 0o777 & !0o002, owner: Some((metadata.uid(), metadata.gid())) }
}
