//! Where the snapshot file of an environment is: the same place for every program on the host.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

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
