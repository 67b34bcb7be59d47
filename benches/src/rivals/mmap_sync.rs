//! mmap-sync: a map in shared memory behind a count of readers.
#![allow(unsafe_code, reason = "mmap-sync's read is an unsafe function")]

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use mmap_sync::synchronizer::Synchronizer;

use super::{Effort, Rival, pairs};
use crate::Outcome;

/// How long its writer waits for readers at most, by its documentation longer than any read takes.
pub const GRACE: Duration = Duration::from_secs(1);

/// The type of map that is shared.
pub type Map<V> = HashMap<String, V>;

/// A synchronizer in this process: its writer and its reader.
pub struct Mapped {
    synchronizer: Synchronizer,
    failure: Option<Box<dyn std::error::Error>>,
}

impl Mapped {
    /// Writes the flags.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn new(folder: &Path, keys: &[String]) -> Outcome<Mapped> {
        let mut synchronizer = Synchronizer::new(folder.join("mmap-sync").as_os_str());
        let map: Map<bool> = pairs(keys).collect();
        let _ = synchronizer.write(&map, GRACE)?;
        Ok(Mapped { synchronizer, failure: None })
    }
}

impl Rival for Mapped {
    fn name(&self) -> &str {
        "mmap-sync, unchecked read and get"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        // SAFETY: the guard goes at the end of this call, long before `GRACE`, and this process wrote the same type.
        match unsafe { self.synchronizer.read::<Map<bool>>(false) } {
            Ok(map) => map.get(key).copied().unwrap_or(false),
            Err(error) => {
                self.failure = Some(error.into());
                false
            }
        }
    }

    fn effort(&self) -> Effort {
        Effort::SLOW
    }

    fn failure(&mut self) -> Option<Box<dyn std::error::Error>> {
        self.failure.take()
    }
}
