//! Words of a mapping that a publisher compares and stores by lines, see [`crate::sync::lines`].

use std::slice;
use std::sync::atomic::AtomicU64;

use super::WritableMapping;

impl WritableMapping {
    /// The words of a range, if it is inside the mapping.
    pub(crate) fn atomics(&self, at: usize, count: usize) -> Option<&[AtomicU64]> {
        if at.checked_add(count)? > self.words {
            return None;
        }
        // SAFETY: M1: `at + count <= words`.
        let start = unsafe { self.base.add(at) };
        // SAFETY: M1, M2, M3, M6: mapped for the life of `self`, aligned, only ever seen as atomics of 64 bits. M5: they can be stored into.
        Some(unsafe { slice::from_raw_parts(start, count) })
    }
}
