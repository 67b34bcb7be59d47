//! A mapping that can be stored into: of slots, where the file system allows it, and of words that only the kernel changes.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::mm::ProtFlags;

use super::Mapping;
use crate::bytes::layout;
use crate::sync::event::{Waker, announce};
use crate::sync::protocol::Sound;

/// A mapping that can be stored into as well.
#[derive(Debug)]
pub struct WritableMapping(Mapping);

impl Mapping {
    /// Maps the first `bytes` bytes of a file for reading and writing.
    ///
    /// # Errors
    /// As [`Mapping::read_only`].
    pub fn read_write(file: &File, bytes: u64) -> io::Result<WritableMapping> {
        // Establishes M5.
        Mapping::file(file, bytes, ProtFlags::READ | ProtFlags::WRITE).map(WritableMapping)
    }
}

impl WritableMapping {
    /// The words of a range, to be stored into, if it is inside the mapping. A publisher compares and stores them by lines, see
    /// [`crate::sync::lines`].
    pub(crate) fn atomics(&self, at: usize, count: usize) -> Option<&[AtomicU64]> {
        let start = self.range(at, count)?;
        // SAFETY: as in `shared`. M5: this mapping can be stored into.
        Some(unsafe { slice::from_raw_parts(start, count) })
    }

    /// One half of a word, if it is inside the mapping: for the kernel, which can change 32 bits. Nothing in this process
    /// loads or stores through it, so that each word is of one size for all of its accesses.
    pub(crate) fn half(&self, at: usize, is_high: bool) -> Option<&AtomicU32> {
        let word = self.0.atomic(at)?.as_ptr().cast::<AtomicU32>();
        // SAFETY: M1: both halves lie in that word.
        let half = unsafe { word.add(usize::from(is_high)) };
        // SAFETY: M1, M2: mapped for the life of `self`, aligned to 4. M6: handed to the kernel only.
        Some(unsafe { &*half })
    }

    /// Stores a word; nothing happens outside of the mapping.
    pub fn store(&self, at: usize, value: u64, order: Ordering) {
        // M5.
        if let Some(word) = self.0.atomic(at) {
            word.store(value, order);
        }
    }

    /// Bumps the event word and wakes everybody who sleeps on it.
    pub fn announce(&self) {
        let _ = announce::<Sound, _, (), ()>(self, || Ok(()));
    }
}

impl Deref for WritableMapping {
    type Target = Mapping;

    fn deref(&self) -> &Mapping {
        &self.0
    }
}

impl Waker for WritableMapping {
    fn bump(&self, order: Ordering) {
        // M5; M6: what the half that readers sleep on carries over is nobody's.
        if let Some(word) = self.0.atomic(layout::word::EVENT) {
            word.fetch_add(1, order);
        }
    }

    fn wake(&self, most: u32) {
        self.event().wake(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::event::Sleeper as _;

    /// Symptom: the event word was 32 bits for those who sleep and 64 for those who load words, a data race by the rules of the
    /// language. Fix: 64 bits for everybody, and the kernel is shown the low half.
    #[test]
    fn the_event_is_the_low_half_of_a_word_that_is_always_accessed_as_a_whole() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let (writer, reader) =
            (Mapping::read_write(&file, 8192).unwrap(), Mapping::read_only(&file, 8192).unwrap());
        writer.store(layout::word::EVENT, u64::from(u32::MAX), Ordering::Relaxed);
        writer.announce();
        assert_eq!((reader.event().load(), reader.load(layout::word::EVENT)), (0, 1 << 32));
        let asleep = reader.event().wait(1, std::time::Duration::from_secs(60));
        assert_eq!(asleep, Err(rustix::io::Errno::AGAIN), "the kernel compares the low half");
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                while reader.event().load() == 0 {
                    reader.event().sleep(0, std::time::Duration::from_secs(60));
                }
            });
            writer.announce();
            sleeper.join().unwrap();
        });
        assert_eq!(reader.event().load(), 1);
    }
}
