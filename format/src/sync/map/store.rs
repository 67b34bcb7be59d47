//! Words of a slot that a publisher compares and stores by lines, see [`crate::sync::lines`].

use std::slice;
use std::sync::atomic::AtomicU64;

use super::{Mapping, SharedWord, WritableMapping};

impl Mapping {
    /// The words of a range, if it is inside the mapping.
    pub(crate) fn shared(&self, at: usize, count: usize) -> Option<&[SharedWord]> {
        let start = self.range(at, count)?.cast::<SharedWord>();
        // SAFETY: M1, M2, M3, M6: mapped for the life of `self`, aligned, only ever seen as atomics of 64 bits. M5: a `SharedWord` only
        // loads.
        Some(unsafe { slice::from_raw_parts(start, count) })
    }

    fn range(&self, at: usize, count: usize) -> Option<*const AtomicU64> {
        if at.checked_add(count)? > self.words {
            return None;
        }
        // SAFETY: M1: `at + count <= words`.
        Some(unsafe { self.base.add(at) })
    }
}

impl WritableMapping {
    /// The words of a range, to be stored into, if it is inside the mapping.
    pub(crate) fn atomics(&self, at: usize, count: usize) -> Option<&[AtomicU64]> {
        let start = self.range(at, count)?;
        // SAFETY: as in `shared`. M5: this mapping can be stored into.
        Some(unsafe { slice::from_raw_parts(start, count) })
    }
}
