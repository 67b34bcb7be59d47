//! Opening, checking and locking the lock file. Runs in the lock thread.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use flagstaff_format::{Hooks, is_in_sticky_public_directory};

use super::error::{LockError, UnsafeLockFile};

/// How often the path may name another file after the lock was taken. More than a few means that something replaces
/// the file on purpose, or that the file system gives no stable identity.
const ATTEMPTS: u32 = 64;

const WORLD_WRITABLE: u32 = 0o002;
const WORLD: u32 = 0o007;

/// Who may become the publisher, as the permissions of a lock file made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LockMode {
    /// 0600: only the owner of the file.
    #[default]
    Owner,
    /// 0660: also the members of the file's group. In a sticky world-writable directory a file of another owner is
    /// refused all the same.
    Group,
}

/// Whether to wait for a lock that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    No,
    InKernel,
}

/// Which file a path or descriptor means. Not reused while the file is open, and the holder keeps it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// What lies at `path`, without following a link there.
    pub(super) fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Opens, locks, and makes sure that what is locked is what others will open.
pub(super) fn lock(
    path: &Path,
    mode: LockMode,
    wait: Wait,
    watch: &Hooks,
) -> Result<(File, FileId), LockError> {
    let examine = |source| LockError::Examine { path: path.to_path_buf(), source };
    for _ in 0..ATTEMPTS {
        watch.failpoint("lock");
        let Some(file) = open(path, mode)? else {
            continue;
        };
        watch.failpoint("lock: the file is open");
        // Before the lock too: the owner of an unsafe file could make the wait endless.
        check(path, &file)?;
        take(path, &file, wait)?;
        watch.failpoint("lock: taken");
        let id = check(path, &file)?;
        // While this waited, the holder's file may have been removed and made again; two publishers would then each
        // hold a lock.
        if FileId::at(path).map_err(examine)? == Some(id) {
            watch.failpoint("lock: held");
            return Ok((file, id));
        }
    }
    Err(LockError::Replaced { path: path.to_path_buf(), attempts: ATTEMPTS })
}

/// `None` if the file appeared or vanished in the middle: try again.
fn open(path: &Path, mode: LockMode) -> Result<Option<File>, LockError> {
    // NONBLOCK: opening a pipe or a device that lies there must not block before it is refused.
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK;
    let fail = |source: io::Error| LockError::Open { path: path.to_path_buf(), source };
    // First without CREATE: in sticky directories the kernel refuses CREATE on a foreign file with a bare "permission
    // denied", and the check below has more to say.
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => {
            let mode = match mode {
                LockMode::Owner => Mode::RUSR | Mode::WUSR,
                LockMode::Group => Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP,
            };
            let file = match rustix::fs::open(path, flags | OFlags::CREATE | OFlags::EXCL, mode) {
                Ok(fd) => File::from(fd),
                Err(Errno::EXIST) => return Ok(None),
                Err(errno) => return Err(fail(errno.into())),
            };
            // The umask may have taken the group's bits away. Best effort: some file systems have no modes.
            rustix::fs::fchmod(&file, mode).ok();
            file
        }
        Err(Errno::LOOP) if is_symlink(path) => {
            return Err(unsafe_file(path, UnsafeLockFile::Symlink));
        }
        Err(Errno::ISDIR | Errno::NXIO) => {
            return Err(unsafe_file(path, UnsafeLockFile::NotRegular));
        }
        Err(errno) => return Err(fail(errno.into())),
    };
    if file.as_raw_fd() > 2 {
        return Ok(Some(file));
    }
    // The private table is empty, so this is descriptor 0, 1 or 2, which a stray message would be written to.
    let fd = rustix::io::fcntl_dupfd_cloexec(&file, 3).map_err(|errno| fail(errno.into()))?;
    Ok(Some(File::from(fd)))
}

fn take(path: &Path, file: &File, wait: Wait) -> Result<(), LockError> {
    let fail = |source| LockError::Lock { path: path.to_path_buf(), source };
    match wait {
        Wait::No => file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LockError::Held { path: path.to_path_buf() },
            TryLockError::Error(source) => fail(source),
        }),
        Wait::InKernel => loop {
            match file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(fail),
            }
        },
    }
}

fn check(path: &Path, file: &File) -> Result<FileId, LockError> {
    let examine = |source| LockError::Examine { path: path.to_path_buf(), source };
    let metadata = file.metadata().map_err(examine)?;
    if !metadata.is_file() {
        return Err(unsafe_file(path, UnsafeLockFile::NotRegular));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & WORLD_WRITABLE != 0 {
        return Err(unsafe_file(path, UnsafeLockFile::WorldWritable { mode }));
    }
    let own = rustix::process::geteuid().as_raw();
    // Root could take the file over anyway.
    if metadata.uid() != own && metadata.uid() != 0 && is_in_sticky_public_directory(path) {
        let found = UnsafeLockFile::ForeignOwner { owner: metadata.uid(), expected: own };
        return Err(unsafe_file(path, found));
    }
    if metadata.uid() == own && mode & WORLD != 0 {
        // flock needs no more than read permission, so every reader could keep publishers out. Best effort: some file
        // systems have no modes.
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode & !WORLD)).ok();
    }
    Ok(FileId::of(&metadata))
}

fn is_symlink(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn unsafe_file(path: &Path, found: UnsafeLockFile) -> LockError {
    LockError::Unsafe { path: path.to_path_buf(), found }
}
