//! Who is read from.

use std::path::{Path, PathBuf};

/// What is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This project.
    Flagstaff,
    /// A map of the reader's own; a Flagstaff publisher runs beside it.
    Private,
    /// mmap-sync.
    MmapSync,
    /// LMDB, a new transaction per read.
    Lmdb,
    /// Nothing: the clock alone.
    Clock,
}

impl Kind {
    /// All.
    pub(crate) const ALL: [Kind; 5] =
        [Kind::Flagstaff, Kind::Private, Kind::MmapSync, Kind::Lmdb, Kind::Clock];

    /// As it stands in tables, and in the arguments of a reader process.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Flagstaff => "Flagstaff `get_bool(&str)`",
            Kind::Private => "private `HashMap` (foldhash)",
            Kind::MmapSync => "mmap-sync",
            Kind::Lmdb => "LMDB",
            Kind::Clock => "nothing but the loop and the clock",
        }
    }

    /// Where its file or folder is.
    pub(crate) fn path(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Kind::MmapSync => "mmap-sync",
            Kind::Lmdb => "lmdb",
            _ => "flags.flagstaff",
        })
    }
}
