//! Where the snapshot file of an environment is: the same place for every program on the host.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use flagstaff_format::is_in_sticky_public_directory;

use crate::identity::{Identity, default_cache_dir};
use crate::sse::ApiKey;

/// A snapshot file, with what is known about whose flags it holds.
#[derive(Debug, Clone)]
pub struct SnapshotLocation {
    path: PathBuf,
    identity: Identity,
    sdk_cache: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
}

impl SnapshotLocation {
    /// A file that somebody named. `source` is the API key and its identity, if a key is known.
    #[must_use]
    pub fn at(path: PathBuf, source: Option<(&ApiKey, Identity)>) -> SnapshotLocation {
        let directory = path.parent().unwrap_or(Path::new(""));
        SnapshotLocation {
            sdk_cache: source.map(|(key, _)| Identity::sdk_cache_path(key, directory)),
            identity: source.map_or(Identity::none(), |(_, identity)| identity),
            path,
            cache_dir: None,
        }
    }

    /// The file of a key in a cache directory, or in [`default_cache_dir`]. `None` if there is no such directory: this user
    /// has no home.
    #[must_use]
    pub fn in_cache(
        cache_dir: Option<PathBuf>,
        key: &ApiKey,
        identity: Identity,
    ) -> Option<SnapshotLocation> {
        let directory = cache_dir.or_else(default_cache_dir)?;
        let location = SnapshotLocation::at(identity.snapshot_path(&directory), Some((key, identity)));
        Some(SnapshotLocation { cache_dir: Some(directory), ..location })
    }

    /// The snapshot file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose flags it holds.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Where the service's own SDK keeps its cache, if the key is known.
    #[must_use]
    pub fn sdk_cache(&self) -> Option<&Path> {
        self.sdk_cache.as_deref()
    }

    /// Makes a missing cache directory, for this user only. The directory of a path that somebody named is not made: if it is
    /// missing, that is a typing error, or a mount that is not there yet.
    ///
    /// # Errors
    /// If it cannot be made. [`SnapshotLocation::cache_dir`] is which.
    pub fn make_cache_dir(&self) -> io::Result<()> {
        let Some(directory) = &self.cache_dir else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(directory)
    }

    /// The cache directory, unless the file itself was named.
    #[must_use]
    pub fn cache_dir(&self) -> Option<&Path> {
        self.cache_dir.as_deref()
    }
}

/// The file that a path leads to. Publishers that know one file by different names need the same lock, and a file
/// that they recreate must replace the file and not a link to it.
pub(crate) fn behind_links(path: &Path) -> PathBuf {
    let link = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_symlink);
    let own = rustix::process::geteuid().as_raw();
    match link {
        // Somebody else's link in a directory like /tmp: opening it says what is wrong.
        Some(link) if ![0, own].contains(&link.uid()) && is_in_sticky_public_directory(path) => {
            path.to_owned()
        }
        // A link that leads nowhere is replaced by a file.
        Some(_) => std::fs::canonicalize(path).unwrap_or_else(|_nowhere| path.to_owned()),
        None => path.to_owned(),
    }
}

/// The lock file of a snapshot file: beside it, never unlinked. Whoever holds an exclusive `flock` on it publishes.
#[must_use]
pub fn lock_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
