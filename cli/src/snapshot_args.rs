//! Where the snapshot file is.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use flagstaff_publisher::SnapshotLocation;
use flagstaff_reader::Reader;

use crate::account::Account;
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
    /// The snapshot file to read. With a file given, no key is looked at.
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

    /// As [`SnapshotArgs::open`], and waits for a file where there is none yet.
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

    /// Identity of the environment that options and variables name, if they name one that is well formed. For a note beside
    /// what is read, so nothing is said about a key that cannot be used.
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

/// An empty variable counts as unset: that is how container configurations spell it.
fn given(path: Option<&OsString>) -> Option<PathBuf> {
    path.filter(|path| !path.is_empty()).map(PathBuf::from)
}
