//! Where the snapshot file is.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use clap::Args;
use vexil_publisher::{Identity, default_cache_dir};
use vexil_reader::Reader;

use crate::account::Account;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(next_help_heading = "Which snapshot")]
pub(crate) struct Place {
    /// Snapshot file. Without it, the API key and base URL name one in the cache directory
    #[arg(long, value_name = "PATH", env = "VEXIL_FILE")]
    file: Option<OsString>,

    /// Directory of snapshot files that are named by the API key [default: soasap/cache in the user's local data]
    #[arg(long, value_name = "PATH", env = "VEXIL_CACHE_DIR")]
    cache_dir: Option<OsString>,

    #[command(flatten)]
    pub(crate) account: Account,
}

/// A snapshot file with what is known about whose flags it holds.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    /// Where the service's own SDK keeps its cache, if the key is known.
    pub(crate) sdk_cache: Option<PathBuf>,
    /// A cache directory that may have to be made.
    cache_dir: Option<PathBuf>,
}

impl Place {
    /// The snapshot file to read. With a file given, no key is looked at.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match given(self.file.as_ref()) {
            Some(file) => Ok(file),
            None => Ok(self.target()?.path),
        }
    }

    /// Opens the snapshot file for reading.
    pub(crate) fn open(&self) -> Result<Reader, Failure> {
        Ok(Reader::open(self.path()?)?)
    }

    /// The snapshot file to publish into.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        let account = self.account.identity()?;
        let (path, cache_dir) = match (given(self.file.as_ref()), &account) {
            (Some(file), _) => (file, None),
            (None, Some((_, identity))) => {
                let directory =
                    given(self.cache_dir.as_ref()).or_else(default_cache_dir).ok_or(Failure::NoCacheDir)?;
                (identity.snapshot_path(&directory), Some(directory))
            }
            (None, None) => return Err(Failure::NoFile),
        };
        let directory = path.parent().map(PathBuf::from).unwrap_or_default();
        Ok(Target {
            sdk_cache: account.as_ref().map(|(key, _)| Identity::sdk_cache_path(key, &directory)),
            identity: account.map_or(Identity::none(), |(_, identity)| identity),
            path,
            cache_dir,
        })
    }
}

impl Target {
    /// Makes the cache directory, for this user only. A directory of a path that the user named is not made: a missing one
    /// is a typing error, or a mount that is not there yet.
    pub(crate) fn make_cache_dir(&self) -> Result<(), Failure> {
        let Some(directory) = &self.cache_dir else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|source| Failure::Io {
            action: "make",
            path: directory.clone(),
            source,
        })
    }
}

/// An empty variable counts as unset: that is how container configurations spell it.
fn given(path: Option<&OsString>) -> Option<PathBuf> {
    path.filter(|path| !path.is_empty()).map(PathBuf::from)
}
