//! A mapped file as checked atomic words.
//!
//! # Invariants
//! M1: `base` points to `words` words that stay mapped and readable until the [`Mapping`] is dropped. Laying zeros over
//! them replaces the memory and not the addresses. After [`Mapping::release`] only the header page and the bytes of each area that
//! its header has ever said to be reserved stay; no others are looked at, see there.
//! M2: other processes may change the memory at any time. It is touched through atomic operations only, and no reference
//! to anything but an atomic is ever made from it.
//! M3: the mapping has at least [`HEADER_BYTES`] bytes and starts at a page boundary.
//! M4: the [`FRONT_WORDS`] words before `base` are the line of [`crate::sync::prefix_page`].
//! M5: the pages can be stored into if and only if `access` says so. Only a [`WritableMapping`] stores, and its mapping's `access`
//! says so for as long as it lives. What a [`Mapping`] hands out can only load.
//! M6: every word is accessed as 64 bits, also the event word, of which the kernel alone looks at a half. (Atomic accesses of
//! different sizes to one word are a data race.)
//!
//! A page of the file that does not exist (the file was truncated by hand, or a hole on a full file system) kills the
//! process that touches it. That is why readers stay inside the reserved bytes of an area.

mod word;
pub(crate) mod writable;

use std::fs::File;
use std::io;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags, mremap, munmap};

use crate::bytes::checksum;
use crate::bytes::layout::{
    self, AREA_BYTES, Area, FRAME_BYTES, HEADER_BYTES, PAGE, decode_reserved, encode_reserved,
};
use crate::sync::prefix_page::{FRONT_WORDS, PrefixedMapping};

pub use word::{EventWord, SharedWord};

/// Bytes copied or hashed at a time.
pub(crate) const BLOCK: usize = checksum::BLOCK;

/// A mapping of the start of a file, or of an anonymous page. It only loads: see [`crate::WritableMapping`].
#[derive(Debug)]
pub struct Mapping {
    /// Unmaps when dropped. `None` for [`Mapping::nothing`], whose memory is static.
    memory: Option<PrefixedMapping>,
    base: *const AtomicU64,
    words: usize,
    access: ProtFlags,
}

// SAFETY: M1, M2: the memory is reachable from every thread and touched through atomics only.
unsafe impl Send for Mapping {}
// SAFETY: M1, M2, as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `bytes` bytes of a file for reading.
    ///
    /// # Errors
    /// That of `mmap`, or that the file is not that long.
    pub fn read_only(file: &File, bytes: u64) -> io::Result<Mapping> {
        Mapping::file(file, bytes, ProtFlags::READ)
    }

    fn file(file: &File, bytes: u64, access: ProtFlags) -> io::Result<Mapping> {
        let invalid = |problem| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        // Establishes M3.
        if bytes < HEADER_BYTES {
            return invalid(format!("{bytes} bytes to map, expected at least {HEADER_BYTES}"));
        }
        // Touching a page behind the end would kill the process.
        let have = file.metadata()?.len();
        if bytes > have {
            return invalid(format!("{bytes} bytes to map of a file of {have}"));
        }
        let length = usize::try_from(bytes).map_err(|e| io::Error::new(io::ErrorKind::OutOfMemory, e))?;
        let memory = PrefixedMapping::file(file, length, access.contains(ProtFlags::WRITE))?;
        let mapping = Mapping { base: memory.base(), words: length / 8, memory: Some(memory), access };
        // Values of flags do not belong in a core file. Best effort: old kernels and odd file systems refuse.
        let _ = mapping.advise(Advice::LinuxDontDump, 0, mapping.words);
        Ok(mapping)
    }

    /// A page of zeros that belongs to no file: there is none yet.
    #[must_use]
    pub fn nothing() -> Mapping {
        static NOTHING: Nothing = Nothing {
            front: [const { AtomicU64::new(0) }; PAGE as usize / 8],
            zeros: [const { AtomicU64::new(0) }; HEADER_BYTES as usize / 8],
        };
        let start = (&raw const NOTHING).cast::<AtomicU64>();
        // M1, M4: `repr(C)` puts the front directly before the zeros.
        let base = start.wrapping_add(NOTHING.front.len());
        Mapping { memory: None, base, words: NOTHING.zeros.len(), access: ProtFlags::READ }
    }

    /// As [`Mapping::nothing`], in memory of its own, so that a child of a fork can be told from its parent. If there is no
    /// such memory, a child goes on as if it were its parent.
    pub(crate) fn nothing_of_its_own() -> Mapping {
        let Ok(memory) = PrefixedMapping::zeros() else { return Mapping::nothing() };
        Mapping {
            base: memory.base(),
            words: HEADER_BYTES as usize / 8,
            memory: Some(memory),
            access: ProtFlags::READ,
        }
    }

    /// The line before the memory, see [`crate::sync::prefix_page`].
    pub(crate) fn front(&self) -> &[AtomicU64; FRONT_WORDS] {
        // SAFETY: M4.
        let line = unsafe { self.base.sub(FRONT_WORDS).cast::<[AtomicU64; FRONT_WORDS]>() };
        // SAFETY: M4: mapped as long as `self`, only ever seen as atomics.
        unsafe { &*line }
    }

    /// Length in words.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// The word at an offset, if it is inside the mapping.
    #[inline(always)]
    fn atomic(&self, at: usize) -> Option<&AtomicU64> {
        if at >= self.words {
            return None;
        }
        // SAFETY: M1: `at < words`.
        let word = unsafe { self.base.add(at) };
        // SAFETY: M1, M2, M6: mapped for the life of `self`, aligned to 8 by M3, only ever seen as an atomic of 64 bits.
        Some(unsafe { &*word })
    }

    /// Loads a word; 0 outside the mapping.
    #[must_use]
    pub fn load(&self, at: usize) -> u64 {
        self.atomic(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// The generation word, where both sides of the protocol meet.
    #[inline(always)]
    #[must_use]
    pub fn generation(&self) -> &SharedWord {
        // SAFETY: M1, M2, M3; a `SharedWord` is an atomic that only loads, as M5 demands.
        unsafe { &*self.generation_address().cast::<SharedWord>() }
    }

    /// The address of the generation word, for everything that is at a fixed distance from it.
    #[inline(always)]
    pub(crate) fn generation_address(&self) -> *const AtomicU64 {
        // SAFETY: M3: the header page is always mapped.
        unsafe { self.base.add(layout::word::GENERATION) }
    }

    /// The event word, on which readers sleep.
    #[must_use]
    pub fn event(&self) -> &EventWord {
        self.sleepers_at::<{ layout::word::EVENT }>()
    }

    /// The bell, on which the publisher sleeps: whoever has something for it wakes it.
    #[must_use]
    pub fn bell(&self) -> &EventWord {
        self.sleepers_at::<{ layout::word::BELL }>()
    }

    fn sleepers_at<const AT: usize>(&self) -> &EventWord {
        const { assert!(AT < HEADER_BYTES as usize / 8) };
        // SAFETY: M3: the header page is always mapped.
        let word = unsafe { self.base.add(AT) };
        // SAFETY: M1, M2, M6; an `EventWord` is an atomic that only loads, as M5 demands.
        unsafe { &*word.cast::<EventWord>() }
    }

    /// The words of a range, if it is inside the mapping: of a slot, for a publisher that compares them.
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

    /// Hands `count` words from `at` on to `sink` in blocks of bytes. False if they do not lie inside the mapping.
    pub(crate) fn copy(&self, at: usize, count: usize, mut sink: impl FnMut(&[u8])) -> bool {
        if at.checked_add(count).is_none_or(|end| end > self.words) {
            return false;
        }
        let mut block = [0u8; BLOCK];
        let mut done = 0;
        while done < count {
            let now = (count - done).min(BLOCK / 8);
            let out = &mut block[..now * 8];
            for (i, bytes) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                // SAFETY: M1: `at + done + i < at + count <= words`, checked above.
                let word = unsafe { self.base.add(at + done + i) };
                // SAFETY: M1, M2.
                *bytes = unsafe { &*word }.load(Ordering::Relaxed).to_le_bytes();
            }
            sink(out);
            done += now;
        }
        true
    }

    /// Asks the kernel to map the pages of a range now and not one by one. Best effort.
    pub fn populate(&self, at: usize, count: usize) {
        let _ = self.advise(Advice::LinuxPopulateRead, at, count);
    }

    /// Keeps the pages of a range in memory, so that nobody's first look at them waits for a disk. Best effort: the
    /// limit on locked memory may be small.
    pub fn lock(&self, at: usize, count: usize) {
        let (start, bytes) = self.pages(at, count);
        // SAFETY: M1: the range lies inside the mapping; locking changes nothing that a program can see.
        let _ = unsafe { rustix::mm::mlock(start, bytes) };
    }

    /// Replaces the memory by zeros and so frees what it held of the file. Readers that still look at it see zeros,
    /// which the protocol rejects.
    ///
    /// # Errors
    /// What `mmap` says; the old memory is then still there.
    pub fn lay_zeros(&self) -> io::Result<()> {
        if self.memory.is_none() {
            return Ok(());
        }
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        let start = self.base.cast_mut().cast();
        // SAFETY: M1: exactly this mapping's own range is replaced; M2: nobody holds anything but atomics in it, and all
        // of them stay mapped and readable; M5: and writable, if they were.
        unsafe { rustix::mm::mmap_anonymous(start, self.words * 8, self.access, flags) }?;
        Ok(())
    }

    /// As [`Mapping::lay_zeros`], and gives the addresses back as well, except for those that a thread may still look at which is in the
    /// middle of a read, however long ago it began. Everything that reads a snapshot stays inside the header page and the bytes of an
    /// area that the header says are reserved, a number that only grows as long as the file is good. After the zeros the header says
    /// zero, so that nobody learns of more; what it said last is then read through a second mapping of the same page. Of an area
    /// whose number is damaged everything is kept, and of each slot at least the `words` that were allowed to be touched.
    ///
    /// # Errors
    /// What the kernel says; addresses that could not be given back are kept until the mapping is dropped.
    pub(crate) fn release(&self, words: [u64; 2]) -> io::Result<()> {
        let Some(memory) = &self.memory else { return Ok(()) };
        let page = HEADER_BYTES as usize;
        let start = self.base.cast_mut().cast();
        if !memory.becomes_released() {
            return Ok(());
        }
        // SAFETY: M3: a copy of the way to the header page, at addresses that the kernel chooses. A private page has no such copy.
        let header = unsafe { mremap(start, 0, page, MremapFlags::MAYMOVE) };
        self.lay_zeros()?;
        let header = header?;
        let word = |at: usize| {
            let word = header.cast::<AtomicU64>().wrapping_add(at);
            // SAFETY: mapped just now, one page, and `at` is a word of the header. M2.
            unsafe { &*word }.load(Ordering::Relaxed)
        };
        let mut touched = Vec::with_capacity(1 + Area::ALL.len());
        touched.push(0..page);
        for area in Area::ALL {
            let said = word(layout::word::RESERVED[area.index()]);
            let reserved = match decode_reserved(said) {
                0 if said != 0 && said != encode_reserved(0) => AREA_BYTES,
                bytes => bytes,
            };
            let allowed = words.get(area.index()).map_or(0, |words| FRAME_BYTES + words * 8);
            let start = area.offset() as usize;
            touched.push(start..start + reserved.max(allowed) as usize);
        }
        // SAFETY: exactly what was mapped above, and nobody knows of it.
        unsafe { munmap(header, page) }?;
        // SAFETY: all looks at areas are bounded by what the header said: `reserved`, and the bounds of a view, which follow from it.
        unsafe { memory.cut_down(&touched) }
    }

    fn advise(&self, advice: Advice, at: usize, count: usize) -> rustix::io::Result<()> {
        let (start, bytes) = self.pages(at, count);
        // SAFETY: M1: the range lies inside the mapping, and none of the advices used here changes its content.
        unsafe { rustix::mm::madvise(start, bytes, advice) }
    }

    /// The pages of a range of words, cut off at the end of the mapping.
    fn pages(&self, at: usize, count: usize) -> (*mut std::ffi::c_void, usize) {
        let first = at.min(self.words) & !(BLOCK / 8 - 1);
        let end = at.saturating_add(count).min(self.words);
        (self.base.wrapping_add(first).cast_mut().cast(), (end - first.min(end)) * 8)
    }
}

/// Zeros, and in front of them a line that says the same to everybody: there is nothing to look at.
#[repr(C, align(4096))]
struct Nothing {
    front: [AtomicU64; PAGE as usize / 8],
    zeros: [AtomicU64; HEADER_BYTES as usize / 8],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(words: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(words * 8).unwrap();
        file
    }

    #[test]
    fn words_outside_the_mapping_are_not_there() {
        let file = file(1024);
        let map = Mapping::read_write(&file, 8192).unwrap();
        map.store(1023, 7, Ordering::Relaxed);
        map.store(1024, 7, Ordering::Relaxed);
        assert_eq!((map.load(1023), map.load(1024), map.load(usize::MAX)), (7, 0, 0));
        assert!(!map.copy(1020, 5, |_| panic!("outside")));
        assert!(!map.copy(usize::MAX, 2, |_| panic!("outside")));
    }

    /// Symptom: a safe call on a read-only mapping, `map.generation().store(..)`, killed the process. Cause: mappings handed out plain
    /// atomics. Fix: what a read-only mapping hands out can only load, which the compiler checks, see [`SharedWord`].
    #[test]
    fn a_read_only_mapping_sees_what_a_writable_one_stores() {
        let file = file(1024);
        let (writer, reader) =
            (Mapping::read_write(&file, 8192).unwrap(), Mapping::read_only(&file, 8192).unwrap());
        writer.store(600, 5, Ordering::Release);
        writer.store(layout::word::GENERATION, 8, Ordering::Release);
        let mut seen = Vec::new();
        assert!(reader.copy(500, 101, |bytes| seen.extend_from_slice(bytes)));
        assert_eq!((seen.len(), seen.last_chunk::<8>()), (808, Some(&5_u64.to_le_bytes())));
        assert_eq!((reader.generation().load(), writer.generation().load()), (8, 8));
    }

    #[test]
    fn more_of_a_file_than_there_is_is_not_mapped() {
        let file = file(1024);
        let refused = |mapped: io::Result<Mapping>| mapped.unwrap_err().to_string();
        assert_eq!(refused(Mapping::read_only(&file, 8200)), "8200 bytes to map of a file of 8192");
        assert_eq!(refused(Mapping::read_only(&file, 8)), "8 bytes to map, expected at least 4096");
        assert!(Mapping::read_write(&file, u64::MAX).is_err());
    }

    #[test]
    fn zeros_laid_over_a_mapping_replace_its_content_and_leave_the_file() {
        let file = file(1024);
        let (writer, reader) =
            (Mapping::read_write(&file, 8192).unwrap(), Mapping::read_only(&file, 8192).unwrap());
        writer.store(1000, 5, Ordering::Release);
        assert_eq!(reader.load(1000), 5);
        reader.lay_zeros().unwrap();
        assert_eq!((reader.load(1000), writer.load(1000)), (0, 5));
        // Also where they are laid over what is stored into: the next store must find a page that takes it.
        writer.lay_zeros().unwrap();
        writer.store(1000, 6, Ordering::Release);
        assert_eq!((reader.load(1000), writer.load(1000)), (0, 6));
    }
}
