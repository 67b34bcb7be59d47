//! Flags that are there before this file is: in a snapshot of the same key beside it, or in the cache of the service's own SDK.
//!
//! A file that is new has them because of a changed base URL, which names another file, because flags moved into memory, or because the
//! SDK was there before. What was published last of all of them is what it starts from: the cache of the SDK stays where it is for ever,
//! and may be years older.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flagstaff_format::{Archive, BootId, newest, open_view, status, unix_micros};

use crate::identity::Identity;
use crate::payload::{ImportError, Limits, read_cache};

/// Files that are looked at, at most: a cache directory has one for each environment.
const MOST_FILES: usize = 256;

/// Flags to start from.
pub(crate) enum Predecessor {
    Snapshot(PathBuf, Box<Archive>),
    /// The payload in the cache of the SDK, and when it was written, in microseconds since 1970.
    Cache(PathBuf, String, Option<u64>),
}

/// The newest. `None`: there is nothing. An error is that of the cache, where there is nothing else.
pub(crate) fn find(
    cache: &Path,
    identity: Identity,
    limits: &Limits,
) -> Result<Option<Predecessor>, ImportError> {
    let snapshot = beside(cache, identity).filter_map(Found::read).max_by_key(|found| found.was_true_at);
    let written = fs::metadata(cache).and_then(|metadata| metadata.modified()).ok();
    let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let written = written.map(|since| since.as_micros() as u64);
    if let Some(Found { path, archive, was_true_at }) = snapshot {
        // A cache whose age cannot be known is the older one.
        let is_older = written.unwrap_or(0) <= was_true_at;
        let cached = if is_older { None } else { read_cache(cache, limits).ok().flatten() };
        return Ok(Some(match cached {
            Some(payload) => Predecessor::Cache(cache.to_owned(), payload, written),
            None => Predecessor::Snapshot(path, archive),
        }));
    }
    Ok(read_cache(cache, limits)?.map(|payload| Predecessor::Cache(cache.to_owned(), payload, written)))
}

/// A snapshot of the same key.
struct Found {
    path: PathBuf,
    archive: Box<Archive>,
    /// The last moment at which the service is known to have had these flags, in microseconds since 1970.
    was_true_at: u64,
}

impl Found {
    fn read(path: PathBuf) -> Option<Found> {
        let view = open_view(&path).ok()?;
        let archive = Box::new(newest(view.map())?.1);
        // Its publisher may have heard the service long after it published last. Only the clock of this boot can tell.
        let is_of_this_boot = view.header()?.boot.may_be(BootId::current());
        let age = status::read(view.map()).contact_age.filter(|_| is_of_this_boot);
        let heard = age.map_or(0, |age| unix_micros().saturating_sub(age.as_micros() as u64));
        let was_true_at = heard.max(archive.facts().published_at);
        Some(Found { path, archive, was_true_at })
    }
}

/// Whether the new file `own` would start from something, as far as can be seen without reading it.
#[must_use]
pub fn has_predecessor(own: &Path, cache: &Path, identity: Identity) -> bool {
    cache.is_file() || beside(cache, identity).any(|path| path != own)
}

/// Snapshot files of the same key in the directory of the cache.
fn beside(cache: &Path, identity: Identity) -> impl Iterator<Item = PathBuf> {
    let files = cache.parent().and_then(|directory| fs::read_dir(directory).ok()).into_iter().flatten();
    let snapshots = files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "flagstaff"));
    snapshots.take(MOST_FILES).filter(move |path| {
        let view = open_view(path).ok();
        view.is_some_and(|view| view.header().is_some_and(|header| identity.has_key_of(&header.identity)))
    })
}
