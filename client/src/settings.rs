//! The settings of a client: what was asked for, and what follows from it.

use std::fmt;
use std::path::{Path, PathBuf};

use flagstaff_publisher::sse::{ApiKey, Endpoint, StreamOptions};
use flagstaff_publisher::{Guard, Hooks, Identity, SnapshotLocation, has_predecessor};
use flagstaff_reader::Reader;

use crate::callback::{ErrorCallback, StartCallback};
use crate::error::ClientError;
use crate::memory_dir::{self, MemoryDirError, NotWritable};
use crate::report::ErrorContext;

/// What a caller asked for.
pub(crate) struct Requested {
    pub(crate) api_key: String,
    pub(crate) base_url: String,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) guard: Guard,
    pub(crate) history: usize,
    pub(crate) memory_dir: Option<PathBuf>,
    pub(crate) stream: StreamOptions,
    pub(crate) on_error: Option<ErrorCallback>,
    pub(crate) on_start: Option<StartCallback>,
    pub(crate) watch: Hooks,
}

/// Never changes, so that children can use it as they find it.
pub(crate) struct Settings {
    pub(crate) endpoint: Endpoint,
    /// Where flags are looked for first.
    pub(crate) location: SnapshotLocation,
    /// Why that is in memory, if it is.
    pub(crate) in_memory_because: Option<ErrorContext>,
    /// Which payloads are held, when this process publishes.
    pub(crate) guard: Guard,
    /// Snapshots that are kept then.
    pub(crate) history: usize,
    /// The SDK's cache beside the file that was asked for.
    pub(crate) sdk_cache: Option<PathBuf>,
    pub(crate) on_error: Option<ErrorCallback>,
    pub(crate) on_start: Option<StartCallback>,
    pub(crate) watch: Hooks,
    key: ApiKey,
    identity: Identity,
    memory_dir: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn of(requested: Requested) -> Result<Settings, ClientError> {
        let key = ApiKey::new(&requested.api_key)?;
        let endpoint = Endpoint::with_options(&requested.base_url, key.clone(), requested.stream)?;
        let identity = Identity::of(endpoint.base_url(), &key);
        let asked = match requested.file {
            Some(file) => Some(SnapshotLocation::at(absolute(file), Some((&key, identity)))),
            None => SnapshotLocation::in_cache(requested.cache_dir.map(absolute), &key, identity),
        };
        let sdk_cache = asked.as_ref().and_then(|location| location.sdk_cache().map(Path::to_owned));
        // A user without a home directory: the same as a directory that cannot be created.
        let asked = asked.unwrap_or_else(|| {
            let nowhere = Some(PathBuf::from("/nonexistent"));
            SnapshotLocation::in_cache(nowhere, &key, identity)
                .unwrap_or_else(|| SnapshotLocation::at("/nonexistent".into(), None))
        });
        let (location, in_memory_because) = match look_at(&asked) {
            Ok(()) => (asked, None),
            Err(error) => match in_memory(requested.memory_dir.as_deref(), &key, identity) {
                Ok(location) => (location, Some(ErrorContext::of_disk(false, error))),
                // Said in the background, when that comes to it.
                Err(_) => (asked, None),
            },
        };
        Ok(Settings {
            endpoint,
            location,
            in_memory_because,
            sdk_cache,
            guard: requested.guard,
            history: requested.history,
            on_error: requested.on_error,
            on_start: requested.on_start,
            watch: requested.watch,
            key,
            identity,
            memory_dir: requested.memory_dir,
        })
    }

    /// Whether a new snapshot file would start from flags that were there before.
    pub(crate) fn has_predecessor(&self) -> bool {
        let cache = self.sdk_cache.as_deref();
        cache.is_some_and(|cache| has_predecessor(self.location.path(), cache, self.identity))
    }

    /// The file in memory that stands in for one that cannot be written.
    pub(crate) fn location_in_memory(&self) -> Result<SnapshotLocation, MemoryDirError> {
        in_memory(self.memory_dir.as_deref(), &self.key, self.identity)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.endpoint.base_url())
            .field("location", &self.location)
            .field("is_in_memory", &self.in_memory_because.is_some())
            .finish_non_exhaustive()
    }
}

/// Whether flags can be kept there, or are there already, from somebody else: then this is a reader of theirs.
fn look_at(location: &SnapshotLocation) -> Result<(), NotWritable> {
    match make_cache_dir(location).and_then(|()| memory_dir::look_beside(location.path())) {
        Err(_) if Reader::attach(location.path()).generation().0 > 0 => Ok(()),
        other => other,
    }
}

/// Makes the cache directory, unless the file itself was named.
pub(crate) fn make_cache_dir(location: &SnapshotLocation) -> Result<(), NotWritable> {
    location.make_cache_dir().map_err(|source| NotWritable {
        directory: location.cache_dir().map(Path::to_owned).unwrap_or_default(),
        source,
    })
}

fn in_memory(
    memory_dir: Option<&Path>,
    key: &ApiKey,
    identity: Identity,
) -> Result<SnapshotLocation, MemoryDirError> {
    let directory = memory_dir::directory(memory_dir)?;
    Ok(SnapshotLocation::at(identity.snapshot_path(&directory), Some((key, identity))))
}

/// A process that changes its directory later still means the same file.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
