//! The options that name the snapshot file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use flagstaff_format::WriteError;
use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::{OpenError, SnapshotLocation};
use flagstaff_reader::Reader;

use crate::account::Account;
use crate::facts::lock_holder;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(next_help_heading = "Which snapshot")]
pub(crate) struct SnapshotArgs {
    /// Snapshot file. Without it, the API key and base URL name one in the cache directory
    #[arg(long, value_name = "PATH", env = "FLAGSTAFF_FILE")]
    file: Option<OsString>,

    /// Directory of snapshot files that are named by the API key [default: soasap/cache in the user's local data]
    #[arg(long, value_name = "PATH", env = "FLAGSTAFF_CACHE_DIR")]
    cache_dir: Option<OsString>,

    #[command(flatten)]
    pub(crate) account: Account,
}

impl SnapshotArgs {
    /// The snapshot file to read. If --file is given, the API key is not used.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match given(self.file.as_ref()) {
            Some(file) => Ok(file),
            None => Ok(self.target()?.path().to_owned()),
        }
    }

    /// Opens the snapshot file for reading.
    pub(crate) fn open(&self) -> Result<Reader, Failure> {
        Ok(Reader::open(self.path()?)?)
    }

    /// As [`SnapshotArgs::open`], and waits for the file if it does not exist.
    pub(crate) fn attach(&self) -> Result<Reader, Failure> {
        let path = self.path()?;
        match Reader::open(&path) {
            Ok(reader) => Ok(reader),
            Err(error @ flagstaff_reader::OpenError::Missing { .. }) => {
                tracing::warn!(%error, "waiting for it");
                Ok(Reader::attach(&path))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The snapshot file to read, if one is named.
    pub(crate) fn named(&self) -> Result<Option<PathBuf>, Failure> {
        match self.path() {
            Err(Failure::NoFile) => Ok(None),
            path => path.map(Some),
        }
    }

    /// The cache directory, if one is named.
    pub(crate) fn named_cache_dir(&self) -> Option<PathBuf> {
        given(self.cache_dir.as_ref())
    }

    /// Identity of the environment that options and variables name, if their key is well formed. It is only compared with that of
    /// the file, so a key that cannot be used is no error.
    pub(crate) fn expected_identity(&self) -> Option<[u8; 32]> {
        self.account.identity().ok().flatten().map(|(_, identity)| identity.bytes())
    }

    /// The snapshot file to publish into.
    pub(crate) fn target(&self) -> Result<SnapshotLocation, Failure> {
        let account = self.account.identity()?;
        let source = account.as_ref().map(|(key, identity)| (key, *identity));
        match (given(self.file.as_ref()), source) {
            (Some(file), source) => Ok(SnapshotLocation::at(file, source)),
            (None, Some((key, identity))) => {
                SnapshotLocation::in_cache(given(self.cache_dir.as_ref()), key, identity)
                    .ok_or(Failure::NoCacheDir)
            }
            (None, None) => Err(Failure::NoFile),
        }
    }
}

/// Makes the cache directory of a target.
pub(crate) fn make_cache_dir(target: &SnapshotLocation) -> Result<(), Failure> {
    target.make_cache_dir().map_err(|source| Failure::Io {
        action: "make",
        path: target.cache_dir().map(PathBuf::from).unwrap_or_default(),
        source,
    })
}

/// The error of a publisher that cannot start, with the process that holds the lock.
pub(crate) fn cannot_publish(error: OpenError, path: &Path) -> Failure {
    match error {
        OpenError::Lock(LockError::Held { path: lock }) => {
            let holder = lock_holder(path);
            let by = holder.map(|process| format!(", pid {} ({})", process.pid, process.command));
            Failure::Held { lock, by: by.unwrap_or_default() }
        }
        OpenError::File(WriteError::Open(error @ flagstaff_format::OpenError::NotASnapshot { .. })) => {
            error.into()
        }
        error => Failure::Publisher(error),
    }
}

/// An empty variable counts as unset: that is how container configurations spell it.
fn given(path: Option<&OsString>) -> Option<PathBuf> {
    path.filter(|path| !path.is_empty()).map(PathBuf::from)
}
