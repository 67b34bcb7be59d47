//! A snapshot file as the publisher holds it: reserving, writing, making it anew.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rustix::fs::{FallocateFlags, Mode};
use rustix::process::Resource;

use crate::archive::Archive;
use crate::error::WriteError;
use crate::header::{Header, decode_reserved, encode_reserved};
use crate::layout::{AREA_BYTES, Area, FILE_BYTES, FRAME_BYTES, FRAME_WORDS, HEADER_BYTES, PAGE, word};
use crate::map::Mapping;
use crate::protocol::Generation;
use crate::view::FileId;

/// A snapshot file open for writing, with its header page mapped.
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) header: Mapping,
    pub(crate) id: FileId,
}

/// Who may do what with a new file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rights {
    pub(crate) mode: u32,
    /// Owner and group to carry over from a file before, where that is permitted.
    pub(crate) owner: Option<(u32, u32)>,
}

impl SnapshotFile {
    /// Opens an existing file for writing. Its owner may, even if the mode says read only.
    pub(crate) fn open(path: &Path) -> Result<SnapshotFile, WriteError> {
        check_file_size_limit()?;
        let open = || OpenOptions::new().read(true).write(true).open(path);
        let file = match open() {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                let before = std::fs::metadata(path).map_err(failed("examine", path))?.permissions();
                let writable = Permissions::from_mode(before.mode() & 0o7777 | 0o200);
                std::fs::set_permissions(path, writable).map_err(failed("open for writing", path))?;
                let file = open();
                std::fs::set_permissions(path, before).map_err(failed("restore the mode of", path))?;
                file
            }
            other => other,
        };
        SnapshotFile::of(path, file.map_err(failed("open for writing", path))?)
    }

    /// Makes a complete new file beside `path`, with `archive` as its current generation and its first checkpoint. The
    /// caller puts it in place with [`SnapshotFile::rename_over`].
    pub(crate) fn create_beside(
        path: &Path,
        header: Header,
        rights: Rights,
        floor: Generation,
        archive: Option<&Archive>,
    ) -> Result<SnapshotFile, WriteError> {
        check_file_size_limit()?;
        let new = path_of_new(path);
        // The publisher lock is held: what lies there is left over from a publisher that died.
        let _ = std::fs::remove_file(&new);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&new);
        let file = file.map_err(failed("create", &new))?;
        let made = SnapshotFile::fill(&new, file, header, rights, floor, archive);
        if made.is_err() {
            // Half a file helps nobody and may be what fills the disk.
            let _ = std::fs::remove_file(&new);
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
    ) -> Result<SnapshotFile, WriteError> {
        file.set_len(FILE_BYTES).map_err(failed("size", new))?;
        allocate(&file, 0, HEADER_BYTES).map_err(failed("reserve space for", new))?;
        let bytes: Vec<u8> = header.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        file.write_all_at(&bytes, 0).map_err(failed("write", new))?;

        let snapshot = SnapshotFile::of(new, file)?;
        // Readers have one bound for both slots on their fast path.
        let bytes = archive.map_or(0, |archive| FRAME_BYTES + archive.bytes().len() as u64);
        snapshot.reserve(Area::Slot(0), bytes)?;
        snapshot.reserve(Area::Slot(1), bytes)?;
        let mut current = floor;
        if let Some(archive) = archive {
            current = archive.generation();
            for area in [Area::Slot(current.slot() as usize), Area::Checkpoint(0)] {
                snapshot.reserve(area, bytes)?;
                snapshot.write(area, archive)?;
            }
            snapshot.header.store(word::DURABLE, current.0, Ordering::Relaxed);
        }
        snapshot.header.store(word::GENERATION, current.0 * 2, Ordering::Release);
        if let Some((owner, group)) = rights.owner {
            // Only root may give a file away; then the new one belongs to whoever publishes, in the same group if may be.
            let give = |owner| std::os::unix::fs::fchown(&snapshot.file, owner, Some(group));
            let _ = give(Some(owner)).or_else(|_not_permitted| give(None));
        }
        rustix::fs::fchmod(&snapshot.file, Mode::from_raw_mode(rights.mode))
            .map_err(|e| failed("set the mode of", new)(e.into()))?;
        snapshot.file.sync_all().map_err(failed("sync", new))?;
        Ok(snapshot)
    }

    /// Puts a file made by [`SnapshotFile::create_beside`] in its place.
    pub(crate) fn rename_over(&mut self, path: &Path) -> Result<(), WriteError> {
        if let Err(error) = std::fs::rename(&self.path, path) {
            let _ = std::fs::remove_file(&self.path);
            return Err(failed("rename a new snapshot to", path)(error));
        }
        self.path = path.to_owned();
        let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The name is durable a little later where a directory cannot be synced.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
        Ok(())
    }

    fn of(path: &Path, file: File) -> Result<SnapshotFile, WriteError> {
        let id = FileId::of(&file.metadata().map_err(failed("examine", path))?);
        let header = Mapping::read_write(&file, HEADER_BYTES).map_err(failed("map", path))?;
        Ok(SnapshotFile { path: path.to_owned(), file, header, id })
    }

    /// Another handle to the same file, for the thread that writes checkpoints.
    pub(crate) fn duplicate(&self) -> Result<SnapshotFile, WriteError> {
        SnapshotFile::of(&self.path, self.file.try_clone().map_err(failed("duplicate", &self.path))?)
    }

    /// Makes sure that the first `bytes` bytes of an area really have space, so that neither a store here nor a reader's
    /// load can meet a hole on a full disk. Grows in steps, so that normal life does it rarely.
    pub(crate) fn reserve(&self, area: Area, bytes: u64) -> Result<(), WriteError> {
        let have = self.reserved(area);
        if bytes <= have && have > 0 {
            return Ok(());
        }
        let want = (bytes + bytes / 4).max(16 * PAGE).next_multiple_of(PAGE).min(AREA_BYTES);
        allocate(&self.file, area.offset() + have, want - have)
            .map_err(failed("reserve space for", &self.path))?;
        self.header.store(word::RESERVED[area.index()], encode_reserved(want), Ordering::Release);
        Ok(())
    }

    fn reserved(&self, area: Area) -> u64 {
        decode_reserved(self.header.load(word::RESERVED[area.index()]))
    }

    /// Writes frame and archive into an area that was reserved. Until the caller flips or syncs, this means nothing.
    pub(crate) fn write(&self, area: Area, archive: &Archive) -> Result<(), WriteError> {
        let mut frame = [0; FRAME_BYTES as usize];
        for (bytes, word) in frame.as_chunks_mut::<8>().0.iter_mut().zip(archive.frame().words()) {
            *bytes = word.to_le_bytes();
        }
        debug_assert_eq!(frame.len(), FRAME_WORDS * 8);
        let failed = || failed("write", &self.path);
        self.file.write_all_at(&frame, area.offset()).map_err(failed())?;
        self.file.write_all_at(archive.bytes(), area.offset() + FRAME_BYTES).map_err(failed())?;
        if let Area::Slot(slot) = area {
            self.header.store(word::PLACES[slot], archive.frame().table_word(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Maps the whole file for reading.
    pub(crate) fn map(&self) -> Result<Mapping, WriteError> {
        Mapping::read_only(&self.file, FILE_BYTES).map_err(failed("map", &self.path))
    }
}

/// Where a new file is made before it is renamed: in the same directory, hidden.
fn path_of_new(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

fn allocate(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), offset, bytes) {
        // File systems without fallocate get zeros written instead; a full disk shows in either way.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = [0; PAGE as usize];
            (0..bytes / PAGE).try_for_each(|page| file.write_all_at(&zeros, offset + page * PAGE))
        }
        other => Ok(other?),
    }
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
    use std::os::unix::fs::MetadataExt;
    Rights { mode: metadata.mode() & 0o777 & !0o002, owner: Some((metadata.uid(), metadata.gid())) }
}
