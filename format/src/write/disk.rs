//! The calls that change files and directories, each shown to the observer first (see [`crate::write::hooks`]).

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, IFlags, Mode};

use crate::bytes::file_id::FileId;
use crate::bytes::layout::{FILE_BYTES, PAGE};
use crate::write::hooks::{FileOp, Hooks};

/// A new file for its owner alone.
pub(crate) fn create(hooks: &Hooks, path: &Path) -> io::Result<File> {
    hooks.before(FileOp::Create { path })?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    write_in_place(&file);
    Ok(file)
}

/// The types of a btrfs and of a tmpfs.
const BTRFS: u64 = 0x9123_683e;
const TMPFS: u64 = 0x0102_1994;

fn is_on(file: &File, file_system: u64) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|of| of.f_type as u64 & 0xffff_ffff == file_system)
}

/// Whether a store through a mapping of this file always finds its page, once that is reserved: a tmpfs writes nothing back and nothing
/// elsewhere. All others may say no, which a store cannot hear: it ends in SIGBUS. A btrfs does so on a full disk, a XFS as well after a
/// copy by reference; an ext4 (tried, Linux 6.18) when the file was made immutable, and after an error that made it read-only with
/// `data=journal` or `nodelalloc`.
pub(crate) fn takes_every_store(file: &File) -> bool {
    is_on(file, TMPFS)
}

/// A btrfs writes elsewhere what is changed, and so needs space for every change; a file with this attribute it changes in
/// place, so that a full disk stops nothing that fits into the space reserved before. Only an empty file can get it. Best effort:
/// a snapshot of the subvolume takes it away for each block until that was written once more.
fn write_in_place(file: &File) {
    if is_on(file, BTRFS)
        && let Ok(flags) = rustix::fs::ioctl_getflags(file)
    {
        let _ = rustix::fs::ioctl_setflags(file, flags | IFlags::NOCOW);
    }
}

/// The identity of a file that was opened or made, and the file as later operations name it.
pub(crate) fn identify(hooks: &Hooks, path: &Path, file: &File) -> io::Result<FileId> {
    let id = FileId::of(&file.metadata()?);
    hooks.before(FileOp::Open { path, file: id })?;
    Ok(id)
}

pub(crate) fn size(hooks: &Hooks, (file, id): (&File, FileId), bytes: u64) -> io::Result<()> {
    hooks.before(FileOp::Size { file: id, bytes })?;
    file.set_len(bytes)
}

pub(crate) fn reserve(hooks: &Hooks, (file, id): (&File, FileId), at: u64, bytes: u64) -> io::Result<()> {
    hooks.before(FileOp::Reserve { file: id, at, bytes })?;
    match rustix::fs::fallocate(file, FallocateFlags::empty(), at, bytes) {
        // File systems without fallocate get zeros written instead; a full disk shows in either way.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = [0; PAGE as usize];
            (0..bytes / PAGE).try_for_each(|page| file.write_all_at(&zeros, at + page * PAGE))
        }
        other => Ok(other?),
    }
}

/// As [`reserve`], of a range that was reserved before. Not shown: it changes nothing, unless somebody made holes in the range, as a
/// copy does of pages that were never written.
pub(crate) fn reserve_again(file: &File, at: u64, bytes: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), at, bytes)?)
}

pub(crate) fn write(hooks: &Hooks, this: (&File, FileId), at: u64, bytes: &[u8]) -> io::Result<()> {
    overwrite(hooks, this, at, bytes, || {
        check_descriptor(this.0, this.1)?;
        this.0.write_all_at(bytes, at)
    })
}

/// As [`write`], in the way of the caller.
pub(crate) fn overwrite(
    hooks: &Hooks,
    (_, id): (&File, FileId),
    at: u64,
    bytes: &[u8],
    way: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    hooks.before(FileOp::Write { file: id, at, bytes })?;
    way()
}

/// A program that closes all descriptors, as daemons do, closes this one too, and the next file that it opens may get its number:
/// nothing is written to that.
pub(crate) fn check_descriptor(file: &File, id: FileId) -> io::Result<()> {
    length(file, id).map(drop)
}

/// As [`check_descriptor`], and that nobody has cut the file off: who touches a page behind its end is killed.
pub(crate) fn check_whole(file: &File, id: FileId) -> io::Result<()> {
    match length(file, id)? {
        FILE_BYTES.. => Ok(()),
        length => Err(io::Error::other(format!("somebody has cut it off at {length} bytes"))),
    }
}

/// The length of a file, if the descriptor still leads to it.
pub(crate) fn length(file: &File, id: FileId) -> io::Result<u64> {
    let metadata = file.metadata()?;
    if FileId::of(&metadata) == id {
        return Ok(metadata.len());
    }
    Err(io::Error::other("its descriptor was closed by this program, and belongs to another file now"))
}

/// The bytes of a file, and what of its length and space is needed to find them again.
pub(crate) fn sync_data(hooks: &Hooks, (file, id): (&File, FileId)) -> io::Result<()> {
    hooks.before(FileOp::Sync { file: id })?;
    file.sync_data()
}

/// As [`sync_data`], with owner and mode.
pub(crate) fn sync_all(hooks: &Hooks, (file, id): (&File, FileId)) -> io::Result<()> {
    hooks.before(FileOp::Sync { file: id })?;
    file.sync_all()
}

/// The names in the directory of `path`.
pub(crate) fn sync_directory_of(hooks: &Hooks, path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    hooks.before(FileOp::SyncDirectory { path: directory })?;
    File::open(directory)?.sync_all()
}

pub(crate) fn rename(hooks: &Hooks, from: &Path, to: &Path) -> io::Result<()> {
    hooks.before(FileOp::Rename { from, to })?;
    std::fs::rename(from, to)
}

pub(crate) fn link(hooks: &Hooks, from: &Path, to: &Path) -> io::Result<()> {
    hooks.before(FileOp::Link { from, to })?;
    std::fs::hard_link(from, to)
}

pub(crate) fn remove(hooks: &Hooks, path: &Path) -> io::Result<()> {
    hooks.before(FileOp::Remove { path })?;
    std::fs::remove_file(path)
}

pub(crate) fn set_mode(hooks: &Hooks, path: &Path, mode: u32) -> io::Result<()> {
    hooks.before(FileOp::Mode { path, mode })?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// As [`set_mode`], of an open file.
pub(crate) fn set_mode_of(hooks: &Hooks, path: &Path, file: &File, mode: u32) -> io::Result<()> {
    hooks.before(FileOp::Mode { path, mode })?;
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?)
}

pub(crate) fn set_owner(
    hooks: &Hooks,
    path: &Path,
    file: &File,
    owner: Option<u32>,
    group: u32,
) -> io::Result<()> {
    hooks.before(FileOp::Owner { path })?;
    std::os::unix::fs::fchown(file, owner, Some(group))
}
