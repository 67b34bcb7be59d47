//! What can go wrong with the publisher lock.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the publisher lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another publisher holds it.
    #[error("publisher lock {} is held by another publisher", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The [`Stopper`](crate::Stopper) was used.
    #[error("waiting for publisher lock {} was stopped", path.display())]
    Stopped {
        /// The lock file.
        path: PathBuf,
    },
    /// The file could be neither opened nor made.
    #[error("cannot open publisher lock {} for writing; its directory must exist and this user must be able to write to both", path.display())]
    Open {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file's owner, mode or identity could not be read or set.
    #[error("cannot examine publisher lock {}", path.display())]
    Examine {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file system refused the lock itself.
    #[error("cannot lock {}; put the snapshot on a local file system", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others could replace or hold this file. Nothing was changed.
    #[error("publisher lock {} is unsafe: {found}; remove it or use another directory", path.display())]
    Unsafe {
        /// The lock file.
        path: PathBuf,
        /// What is wrong with it.
        found: UnsafeLockFile,
    },
    /// Each time the file was locked, the path already named another one.
    #[error("publisher lock {} was replaced {attempts} times while being taken; nothing may remove or rename it", path.display())]
    Replaced {
        /// The lock file.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// The thread that holds the lock could not be started, or ended.
    #[error("cannot run the thread that holds publisher lock {}", path.display())]
    Thread {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a lock file is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsafeLockFile {
    /// A symbolic link: whoever made it chooses which file is opened for writing.
    Symlink,
    /// A directory, pipe, socket or device.
    NotRegular,
    /// Anybody could hold the lock.
    WorldWritable {
        /// The permission bits found.
        mode: u32,
    },
    /// Planted by another user in a directory such as /tmp, who then holds the lock at will.
    ForeignOwner {
        /// The user id found.
        owner: u32,
        /// The effective user id of this process.
        expected: u32,
    },
}

impl fmt::Display for UnsafeLockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => f.write_str("it is a symbolic link"),
            Self::NotRegular => f.write_str("it is not a regular file"),
            Self::WorldWritable { mode } => {
                write!(f, "everybody may write to it (mode {mode:04o}, expected 0600 or 0660)")
            }
            Self::ForeignOwner { owner, expected } => {
                write!(
                    f,
                    "it belongs to user {owner}, not {expected}, in a sticky directory that everybody may write to"
                )
            }
        }
    }
}
