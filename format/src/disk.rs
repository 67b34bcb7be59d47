//! The calls that change files and directories, each shown to a witness first (see [`crate::step`]).

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, Mode};

use crate::layout::PAGE;
use crate::step::{Step, Watch};
use crate::view::FileId;

/// A new file for its owner alone.
pub(crate) fn create(watch: &Watch, path: &Path) -> io::Result<File> {
    watch.step(Step::Create { path })?;
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// The identity of a file that was opened or made, and the file in the words of later steps.
pub(crate) fn identify(watch: &Watch, path: &Path, file: &File) -> io::Result<FileId> {
    let id = FileId::of(&file.metadata()?);
    watch.step(Step::Open { path, file: id })?;
    Ok(id)
}

pub(crate) fn size(watch: &Watch, (file, id): (&File, FileId), bytes: u64) -> io::Result<()> {
    watch.step(Step::Size { file: id, bytes })?;
    file.set_len(bytes)
}

pub(crate) fn reserve(watch: &Watch, (file, id): (&File, FileId), at: u64, bytes: u64) -> io::Result<()> {
    watch.step(Step::Reserve { file: id, at, bytes })?;
    match rustix::fs::fallocate(file, FallocateFlags::empty(), at, bytes) {
        // File systems without fallocate get zeros written instead; a full disk shows in either way.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = [0; PAGE as usize];
            (0..bytes / PAGE).try_for_each(|page| file.write_all_at(&zeros, at + page * PAGE))
        }
        other => Ok(other?),
    }
}

pub(crate) fn write(watch: &Watch, (file, id): (&File, FileId), at: u64, bytes: &[u8]) -> io::Result<()> {
    watch.step(Step::Write { file: id, at, bytes })?;
    file.write_all_at(bytes, at)
}

/// The bytes of a file, and what of its length and space is needed to find them again.
pub(crate) fn sync_data(watch: &Watch, (file, id): (&File, FileId)) -> io::Result<()> {
    watch.step(Step::Sync { file: id })?;
    file.sync_data()
}

/// As [`sync_data`], with owner and mode.
pub(crate) fn sync_all(watch: &Watch, (file, id): (&File, FileId)) -> io::Result<()> {
    watch.step(Step::Sync { file: id })?;
    file.sync_all()
}

/// The names in the directory of `path`.
pub(crate) fn sync_directory_of(watch: &Watch, path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    watch.step(Step::SyncDirectory { path: directory })?;
    File::open(directory)?.sync_all()
}

pub(crate) fn rename(watch: &Watch, from: &Path, to: &Path) -> io::Result<()> {
    watch.step(Step::Rename { from, to })?;
    std::fs::rename(from, to)
}

pub(crate) fn link(watch: &Watch, from: &Path, to: &Path) -> io::Result<()> {
    watch.step(Step::Link { from, to })?;
    std::fs::hard_link(from, to)
}

pub(crate) fn remove(watch: &Watch, path: &Path) -> io::Result<()> {
    watch.step(Step::Remove { path })?;
    std::fs::remove_file(path)
}

pub(crate) fn set_mode(watch: &Watch, path: &Path, mode: u32) -> io::Result<()> {
    watch.step(Step::Mode { path, mode })?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// As [`set_mode`], of an open file.
pub(crate) fn set_mode_of(watch: &Watch, path: &Path, file: &File, mode: u32) -> io::Result<()> {
    watch.step(Step::Mode { path, mode })?;
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?)
}

pub(crate) fn set_owner(
    watch: &Watch,
    path: &Path,
    file: &File,
    owner: Option<u32>,
    group: u32,
) -> io::Result<()> {
    watch.step(Step::Owner { path })?;
    std::os::unix::fs::fchown(file, owner, Some(group))
}
