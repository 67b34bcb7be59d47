//! Every change that a publisher makes to its files, shown to an observer before it is made.
//!
//! All changes to a snapshot file or its directory pass through here. Without an observer, which is the normal case, that costs one
//! compare. Tests set one: to record what a power loss could leave behind, to let the n-th write fail, to stop a process at a
//! certain operation. Readers do not use this.
//!
//! Not shown are the status words other than the durable generation: they describe a living publisher and mean nothing once it is
//! gone.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::bytes::file_id::FileId;

/// One operation on the file system, before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileOp<'a> {
    /// A named place in the code where nothing is changed.
    Failpoint(&'static str),
    /// A new, empty file.
    Create {
        /// Its path.
        path: &'a Path,
    },
    /// A file that was opened for writing, made or found: later operations name it by this identity.
    Open {
        /// Its path.
        path: &'a Path,
        /// Its identity.
        file: FileId,
    },
    /// A new file gets its length.
    Size {
        /// The file.
        file: FileId,
        /// Its length from now on.
        bytes: u64,
    },
    /// Space for a range.
    Reserve {
        /// The file.
        file: FileId,
        /// Where it starts.
        at: u64,
        /// Its length.
        bytes: u64,
    },
    /// Bytes that are written.
    Write {
        /// The file.
        file: FileId,
        /// Where.
        at: u64,
        /// What.
        bytes: &'a [u8],
    },
    /// A word of the header that gets a value.
    Store {
        /// The file.
        file: FileId,
        /// Which word, see [`crate::bytes::layout::word`].
        word: usize,
        /// Its value from now on.
        value: u64,
    },
    /// All of a file is brought to the disk.
    Sync {
        /// The file.
        file: FileId,
    },
    /// The names of a directory are brought to the disk.
    SyncDirectory {
        /// The directory.
        path: &'a Path,
    },
    /// A file gets another name, over whatever had it.
    Rename {
        /// Its name until now.
        from: &'a Path,
        /// Its name from now on.
        to: &'a Path,
    },
    /// A file gets a second name.
    Link {
        /// A name that it has.
        from: &'a Path,
        /// The other one, which nobody has.
        to: &'a Path,
    },
    /// A name is removed.
    Remove {
        /// The name.
        path: &'a Path,
    },
    /// A file gets permission bits.
    Mode {
        /// Its path.
        path: &'a Path,
        /// The bits.
        mode: u32,
    },
    /// A file gets an owner or a group.
    Owner {
        /// Its path.
        path: &'a Path,
    },
}

/// Is shown every operation of a publisher, see [`Hooks`].
pub trait Observer: fmt::Debug + Send + Sync {
    /// Is called before an operation is done.
    ///
    /// # Errors
    /// The operation is then not done and fails with this error, as if it came from the operating system.
    fn before(&self, op: &FileOp<'_>) -> io::Result<()>;

    /// Whether slots may be stored into through a mapping, on file systems where that is done. If not, the system calls are used that
    /// all other file systems get.
    fn allows_mapping(&self) -> bool {
        true
    }
}

/// At most one observer.
#[derive(Debug, Clone, Default)]
pub struct Hooks(Option<Arc<dyn Observer>>);

impl Hooks {
    /// Shows every operation to `observer`.
    #[must_use]
    pub fn new(observer: Arc<dyn Observer>) -> Hooks {
        Hooks(Some(observer))
    }

    /// Shows an operation to the observer.
    ///
    /// # Errors
    /// What the observer returns; `Ok` without one.
    #[inline]
    pub fn before(&self, op: FileOp<'_>) -> io::Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(observer) => observer.before(&op),
        }
    }

    pub(crate) fn allow_mapping(&self) -> bool {
        self.0.as_ref().is_none_or(|observer| observer.allows_mapping())
    }

    /// Shows a named place in the code. An error of the observer has no effect here.
    #[inline]
    pub fn failpoint(&self, name: &'static str) {
        let _ = self.before(FileOp::Failpoint(name));
    }
}
