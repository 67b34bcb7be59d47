//! mmap-sync: a map in shared memory behind a count of readers.
#![allow(unsafe_code, reason = "mmap-sync's read is an unsafe function")]

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use mmap_sync::synchronizer::Synchronizer;

use super::rival::{Effort, Rival, pairs};
use crate::Outcome;

/// How long its writer waits for readers at most, by its documentation longer than any read takes.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// The type of map that is shared.
pub(crate) type Map<V> = HashMap<String, V>;

/// A synchronizer in this process: its writer and its reader.
pub(crate) struct Mapped(Synchronizer);

impl Mapped {
    pub(crate) fn new(folder: &Path, keys: &[String]) -> Outcome<Mapped> {
        let mut synchronizer = Synchronizer::new(folder.join("mmap-sync").as_os_str());
        let map: Map<bool> = pairs(keys).collect();
        let _ = synchronizer.write(&map, GRACE)?;
        Ok(Mapped(synchronizer))
    }
}

impl Rival for Mapped {
    const NAME: &str = "mmap-sync, unchecked read and get";
    const EFFORT: Effort = Effort::SLOW;

    #[inline(always)]
    fn look(&mut self, key: &str) -> Outcome<bool> {
        // SAFETY: the guard goes at the end of this call, long before `GRACE`, and this process wrote the same type.
        let map = unsafe { self.0.read::<Map<bool>>(false) }?;
        Ok(map.get(key).copied().unwrap_or(false))
    }
}
