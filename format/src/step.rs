//! What a publisher does to its file system, step by step, shown to whoever watches.
//!
//! Every change that a publisher makes to a snapshot file or its directory goes through here just before it is made. Nobody
//! watches in normal life, and a step then costs a compare. Tests watch: to record what a power loss could leave
//! behind, to let the n-th write fail, to stop a process at one step. Readers have nothing to do with it.
//!
//! Not shown are the status words other than the durable generation: they speak of a living publisher and mean nothing
//! once it is gone.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::view::FileId;

/// One step, before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A place in the code where nothing is changed, by its name.
    Moment(&'static str),
    /// A new, empty file.
    Create {
        /// Its path.
        path: &'a Path,
    },
    /// A file that was opened for writing, made or found: later steps name it by this identity.
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
    /// A word of the header that is stored through the mapping.
    Store {
        /// The file.
        file: FileId,
        /// Which word, see [`crate::layout::word`].
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

/// Whoever watches a publisher.
pub trait Witness: fmt::Debug + Send + Sync {
    /// Is shown a step before it is made.
    ///
    /// # Errors
    /// Then the step is not made and fails with this, as if the operating system had said so. A store that cannot fail is
    /// left out.
    fn meets(&self, step: &Step<'_>) -> io::Result<()>;
}

/// A witness, or nobody.
#[derive(Debug, Clone, Default)]
pub struct Watch(Option<Arc<dyn Witness>>);

impl Watch {
    /// Watched by `witness`.
    #[must_use]
    pub fn by(witness: Arc<dyn Witness>) -> Watch {
        Watch(Some(witness))
    }

    /// Shows a step.
    ///
    /// # Errors
    /// What the witness answers. `Ok` without one.
    #[inline]
    pub fn step(&self, step: Step<'_>) -> io::Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(witness) => witness.meets(&step),
        }
    }

    /// Shows a place in the code. What the witness answers counts for nothing here.
    #[inline]
    pub fn moment(&self, name: &'static str) {
        let _ = self.step(Step::Moment(name));
    }
}
