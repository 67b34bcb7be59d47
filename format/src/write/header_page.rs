//! The header page of a file that is published into: read through its mapping, changed by system calls that can fail.
//!
//! A store into a shared mapping kills the process (SIGBUS) where the file system cannot take it: on a file system that writes
//! elsewhere what is changed (btrfs; also after a snapshot or a reflinked copy of a file that is written in place, and on XFS) each
//! store may need space, and one that was made read-only after an error takes none at all. So nothing of
//! this page is ever stored through the mapping (what is stored so of slots: [`crate::write::slots`]). Two calls take the place of a store, and both return an error instead of raising a signal:
//!
//! - `FUTEX_WAKE_OP` for the words by which publisher and readers agree, generation word and event word. The kernel changes 32
//!   aligned bits in one atomic step, which is what `futex(2)` promises. What the protocol does to the generation word is an OR of
//!   the lowest bit, an addition of 1 and an OR of the mark, so one half of the word always suffices, except once in
//!   2^31 publishes, when a carry leaves the low half.
//! - `pwrite` for all others, and for those two where futexes do not work or a carry leaves the low half. The kernel copies 8
//!   aligned bytes with one instruction on the machines that are known, but nobody promises that readers on other cores see
//!   them change at once. So only words are written so of which a mix is harmless: each of them says of itself whether
//!   it is whole (reserved), belongs to a slot that nobody reads yet (places), or is no more than a time or number for people
//!   (status). Only bytes that differ are written, and a change of one byte is whole by nature.
//!
//! A release fence stands before each of them: what was written before is seen by whoever sees the change.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rustix::io::Errno;
use rustix::thread::futex::{self, WakeOp, WakeOpCmp};

use crate::bytes::counters::Counters;
use crate::bytes::file_id::FileId;
use crate::bytes::layout::{HEADER_BYTES, word};
use crate::sync::map::Mapping;
use crate::sync::map::writable::WritableMapping;
use crate::sync::protocol::MARK;
use crate::write::disk;

/// The header page, for whoever may write to the file.
#[derive(Debug)]
pub struct HeaderPage {
    map: WritableMapping,
    file: Arc<File>,
    id: FileId,
}

impl HeaderPage {
    /// # Errors
    /// What `mmap` says.
    pub(crate) fn of(file: &Arc<File>, id: FileId) -> io::Result<HeaderPage> {
        // Writable for the kernel's sake, which changes the words for a futex call only where the process might.
        Ok(HeaderPage { map: Mapping::read_write(file, HEADER_BYTES)?, file: file.clone(), id })
    }

    /// The page as everybody sees it.
    #[must_use]
    pub fn map(&self) -> &Mapping {
        &self.map
    }

    /// Wakes everybody who sleeps on the event word, after a bump of it.
    pub fn wake(&self) {
        // Sleepers look again whenever they wake, and wake by themselves after a while.
        let _ = self.bump();
        self.map.event().wake(u32::MAX >> 1);
    }

    pub(crate) fn load(&self, at: usize) -> u64 {
        self.map.load(at)
    }

    /// Writes a word, also if it holds that value already: the next sync then writes the page anew.
    ///
    /// # Errors
    /// What the file system says. The word then is as it was.
    pub(crate) fn write(&self, at: usize, value: u64) -> io::Result<()> {
        let (old, new) = (self.load(at).to_le_bytes(), value.to_le_bytes());
        let differs = |i: &usize| old[*i] != new[*i];
        let bytes = match ((0..8).find(differs), (0..8).rfind(differs)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..8,
        };
        fence(Ordering::Release);
        disk::check_descriptor(&self.file, self.id)?;
        self.file.write_all_at(&new[bytes.clone()], (at * 8 + bytes.start) as u64)
    }

    /// Writes the counters.
    ///
    /// # Errors
    /// What the file system says.
    pub fn set_counters(&self, counters: &Counters) -> io::Result<()> {
        let bytes: Vec<u8> = counters.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        disk::check_descriptor(&self.file, self.id)?;
        self.file.write_all_at(&bytes, (word::COUNTERS * 8) as u64)
    }

    /// Changes the generation word as the protocol does, in one atomic step.
    ///
    /// # Errors
    /// What the file system says. The word then is as it was.
    pub(crate) fn set_generation(&self, value: u64) -> io::Result<()> {
        let at = word::GENERATION;
        let old = self.load(at);
        match () {
            () if value == old | 1 => self.change(at, false, value, WakeOp::Or, 1),
            () if value == old + 1 && old as u32 != u32::MAX => self.change(at, false, value, WakeOp::Add, 1),
            () if value == old | MARK => self.change(at, true, value, WakeOp::OrShift, 31),
            () => self.write(at, value),
        }
    }

    /// Adds 1 to the event word.
    ///
    /// # Errors
    /// What the file system says. The word then is as it was.
    pub(crate) fn bump(&self) -> io::Result<()> {
        let at = word::EVENT;
        let next = (self.load(at) as u32).wrapping_add(1);
        self.change(at, false, u64::from(next), WakeOp::Add, 1)
    }

    /// One change of one half of a word. `value` is what the word will be.
    fn change(&self, at: usize, is_high: bool, value: u64, op: WakeOp, by: u16) -> io::Result<()> {
        let Some(half) = self.map.half(at, is_high) else { return Ok(()) };
        fence(Ordering::Release);
        match change(half, op, by) {
            Ok(()) => return Ok(()),
            // The page cannot be written to. A plain write says why, unless there is room by now.
            Err(Errno::FAULT) => self.rewrite_nothing()?,
            Err(_no_futexes_here) => return self.write(at, value),
        }
        Ok(change(half, op, by)?)
    }

    /// Writes a byte of the page that has no meaning, as it is.
    fn rewrite_nothing(&self) -> io::Result<()> {
        disk::check_descriptor(&self.file, self.id)?;
        self.file.write_all_at(&[0], HEADER_BYTES - 1)
    }
}

/// Changes a word of 32 bits as `op` says. Nobody sleeps on it, or is woken once too often at most.
fn change(word: &AtomicU32, op: WakeOp, by: u16) -> rustix::io::Result<()> {
    futex::wake_op(word, futex::Flags::empty(), 0, 0, word, op, WakeOpCmp::Eq, by, 0).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn page() -> (File, HeaderPage) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(HEADER_BYTES).unwrap();
        let page = HeaderPage::of(&Arc::new(file.try_clone().unwrap()), id_of(&file)).unwrap();
        (file, page)
    }

    fn id_of(file: &File) -> FileId {
        FileId::of(&file.metadata().unwrap())
    }

    #[test]
    fn every_change_that_the_protocol_makes_is_seen_through_another_mapping() {
        let (file, page) = page();
        let reader = Mapping::read_only(&file, HEADER_BYTES).unwrap();
        let low = u64::from(u32::MAX);
        for (before, after) in [
            (0, 1),
            (1, 1),
            (1, 2),
            (255, 256),
            (low - 1, low),
            (low, low + 1),
            (0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdf0),
            (6, 6 | MARK),
            (7 | MARK, 8 | MARK),
            (7 | MARK, 7 | MARK),
            (0, 84),
        ] {
            page.write(word::GENERATION, before).unwrap();
            page.set_generation(after).unwrap();
            assert_eq!(reader.load(word::GENERATION), after, "from {before:#x}");
            assert_eq!([page.load(word::GENERATION - 1), page.load(word::EVENT)], [0; 2], "its neighbours");
        }
    }

    #[test]
    fn the_event_word_counts_up_and_wraps_within_its_32_bits() {
        let (_file, page) = page();
        page.bump().unwrap();
        assert_eq!(page.load(word::EVENT), 1);
        page.write(word::EVENT, u64::from(u32::MAX)).unwrap();
        page.bump().unwrap();
        assert_eq!(page.load(word::EVENT), 0);
    }

    /// A sync that failed has forgotten that the page was dirty.
    #[test]
    fn a_word_that_is_written_as_it_is_is_a_write_all_the_same() {
        let (file, page) = page();
        let before = file.metadata().unwrap();
        let at = |metadata: &std::fs::Metadata| (metadata.mtime(), metadata.mtime_nsec());
        while at(&file.metadata().unwrap()) == at(&before) {
            page.write(word::DURABLE, 0).unwrap();
        }
    }

    /// Hazard: daemons close all descriptors, and the next file that they open gets the number of this one. A word written twice a
    /// second would then end up in it.
    #[test]
    fn a_descriptor_that_leads_to_another_file_is_not_written_to() {
        let (file, page) = page();
        let other = tempfile::tempfile().unwrap();
        let stranger = HeaderPage { id: id_of(&other), ..page };
        let message = stranger.write(word::HEARTBEAT, 7).unwrap_err().to_string();
        assert!(message.contains("belongs to another file"), "{message}");
        assert_eq!(Mapping::read_only(&file, HEADER_BYTES).unwrap().load(word::HEARTBEAT), 0);
    }
}
