//! A file's memory with a page of the process's own directly in front of it.
//!
//! What the fast path needs beside the file itself (how far it may look, which file this is) is on that page, at a fixed distance
//! from the generation word. So a look-up needs one pointer only, and its bounds cannot be those of another file.
//!
//! The kernel wipes the page in every child of a fork. A wiped bound is zero, so the first read of a child leaves the fast
//! path and notices the fork there. Other reads need no check.
//!
//! # Invariants
//! N1: `start` points to `reserved` bytes that were reserved by this value and stay so until it is dropped or cut down. `base` and the
//! `bytes` behind it lie in them, and the `page` before it; that page is private and writable, and nothing but the atomics of its
//! last line is ever made from it.
//! N2: the `bytes` behind `base` are a file or zeros.
//! N3: once it is cut down ([`PrefixedMapping::cut_down`], at most once), only the `kept` ranges are this value's. The front page is one of
//! them; the others are zeros, and hold every byte behind `base` that anybody may still look at.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::bytes::layout::{HEADER_BYTES, PAGE};
use crate::sync::fork::wiped_page;

/// Words of the line directly before the memory: the last ones of the page.
pub(crate) const FRONT_WORDS: usize = 8;

/// The number of the last view of a reader that has a tag of its own.
pub(crate) const LAST_NUMBER: u64 = 0x1fff;

/// The tag of that number, and of all later ones. No tag is higher.
pub(crate) const LAST_TAG: u64 = tag(LAST_NUMBER);

/// The tag of a view with this number. Twice a generation takes 48 bits; the mark is bit 63. Bit 62 tells every tag from that of a wiped page.
pub(crate) const fn tag(number: u64) -> u64 {
    (number | 0x2000) << 49
}

/// Position of a word in the line.
pub(crate) mod at {
    /// The largest number of places that a look-up without further checks may go by; 0 before a file is read live, and in a
    /// child of a fork.
    pub(crate) const MOST_PLACES: usize = 0;
    /// Words of an archive that may be touched in both slots.
    pub(crate) const WORDS: usize = 1;
    /// Tag of the view, see `View::stamp`. It only grows.
    pub(crate) const TAG: usize = 2;
    /// 1, unless the page was wiped.
    pub(crate) const HERE: usize = 3;
}

/// Where the file begins: as the kernel would choose, at a multiple of what it and the processor can map as one. Elsewhere the first
/// look at each page costs more, and so does every look at a large table.
const ALIGNMENT: usize = 2 * 1024 * 1024;

/// Reserved addresses: a page of the process's own, and behind it a file.
#[derive(Debug)]
pub(crate) struct PrefixedMapping {
    start: *mut c_void,
    reserved: usize,
    base: *mut c_void,
    bytes: usize,
    is_released: AtomicBool,
    /// What is left once the rest was given back, as distances from `start`.
    kept: OnceLock<Vec<Range<usize>>>,
}

impl PrefixedMapping {
    /// Maps the first `bytes` bytes of a file.
    pub(crate) fn file(file: &File, bytes: usize, writable: bool) -> io::Result<PrefixedMapping> {
        let access = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // Nearly always nobody is in front: the kernel gives addresses from above to below.
        match PrefixedMapping::file_anywhere(file, bytes, access)? {
            Some(fronted) => Ok(fronted),
            None => PrefixedMapping::file_in_reserved(file, bytes, access),
        }
    }

    /// Maps where the kernel likes. `None`: somebody else has the addresses in front.
    fn file_anywhere(file: &File, bytes: usize, access: ProtFlags) -> io::Result<Option<PrefixedMapping>> {
        // SAFETY: the kernel chooses addresses that nobody uses.
        let base = unsafe { mmap(null_mut(), bytes, access, MapFlags::SHARED, file, 0) }?;
        let start = base.wrapping_byte_sub(page());
        if put_page(start, MapFlags::FIXED_NOREPLACE).is_ok() {
            let bytes = bytes.next_multiple_of(page());
            return Ok(Some(PrefixedMapping {
                start,
                reserved: page() + bytes,
                base,
                bytes,
                is_released: AtomicBool::new(false),
                kept: OnceLock::new(),
            }));
        }
        // SAFETY: exactly what was mapped above, and nobody knows of it.
        unsafe { munmap(base, bytes) }?;
        Ok(None)
    }

    /// Maps behind a page that was reserved before.
    fn file_in_reserved(file: &File, bytes: usize, access: ProtFlags) -> io::Result<PrefixedMapping> {
        let fronted = PrefixedMapping::reserve(bytes)?;
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: N1: the range lies in addresses that nobody else uses.
        unsafe { mmap(fronted.base, bytes, access, flags, file, 0) }?;
        Ok(fronted)
    }

    /// Memory that belongs to no file: a header page of zeros.
    pub(crate) fn zeros() -> io::Result<PrefixedMapping> {
        let fronted = PrefixedMapping::reserve(HEADER_BYTES as usize)?;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: N1: as above.
        unsafe { mmap_anonymous(fronted.base, fronted.bytes, ProtFlags::READ, flags) }?;
        Ok(fronted)
    }

    /// Addresses for a page and `bytes` behind it, with the page.
    fn reserve(bytes: usize) -> io::Result<PrefixedMapping> {
        let bytes = bytes.next_multiple_of(page());
        let reserved = page() + ALIGNMENT + bytes;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses addresses that nobody uses.
        let start = unsafe { mmap_anonymous(null_mut(), reserved, ProtFlags::empty(), flags) }?;
        let base = start.map_addr(|start| (start + page()).next_multiple_of(ALIGNMENT));
        let fronted = PrefixedMapping {
            start,
            reserved,
            base,
            bytes,
            is_released: AtomicBool::new(false),
            kept: OnceLock::new(),
        };
        put_page(base.wrapping_byte_sub(page()), MapFlags::FIXED)?;
        Ok(fronted)
    }

    /// True for the first caller only, who then may cut it down.
    pub(crate) fn becomes_released(&self) -> bool {
        !self.is_released.swap(true, Relaxed)
    }

    /// Gives all addresses back that are neither in the front page nor in one of `touched`, ranges of
    /// bytes behind `base` in rising order. Does nothing the second time.
    ///
    /// # Safety
    /// Nobody looks at anything outside of `touched` from now on.
    pub(crate) unsafe fn cut_down(&self, touched: &[Range<usize>]) -> io::Result<()> {
        let front = self.base.addr() - self.start.addr() - page();
        let mut kept: Vec<Range<usize>> = Vec::with_capacity(1 + touched.len());
        kept.push(front..front + page());
        for range in touched {
            let start = front + page() + range.start / page() * page();
            let end = front + page() + range.end.min(self.bytes).next_multiple_of(page());
            match kept.last_mut() {
                Some(last) if start <= last.end => last.end = end.max(last.end),
                _ => kept.push(start..end),
            }
        }
        if self.kept.get().is_some() || self.kept.set(kept).is_err() {
            return Ok(());
        }
        let mut from = 0;
        for range in self
            .kept
            .get()
            .into_iter()
            .flatten()
            .cloned()
            .chain(std::iter::once(self.reserved..self.reserved))
        {
            self.give_back(from..range.start)?;
            from = range.end;
        }
        Ok(())
    }

    fn give_back(&self, range: Range<usize>) -> io::Result<()> {
        if !range.is_empty() {
            // SAFETY: N1, N3: inside of what was reserved, and nobody looks at it any more.
            unsafe { munmap(self.start.wrapping_byte_add(range.start), range.len()) }?;
        }
        Ok(())
    }

    /// Where the memory behind the front begins.
    pub(crate) fn base(&self) -> *const AtomicU64 {
        self.base.cast_const().cast()
    }
}

/// Pages of 64 KiB exist.
fn page() -> usize {
    rustix::param::page_size().max(PAGE as usize)
}

/// Puts a page that a fork wipes at an address: one that belongs to a [`PrefixedMapping`], or one that nobody uses if `fixed` makes
/// sure of that.
fn put_page(at: *mut c_void, fixed: MapFlags) -> io::Result<()> {
    // SAFETY: N1, or nothing is replaced. Best effort: a kernel that does not wipe it lets a child go on as if it were its parent.
    let found = unsafe { wiped_page::map(at, page(), fixed) }?.start;
    if found != at {
        // Linux before 4.17 takes the address for a wish.
        // SAFETY: exactly what was mapped just now.
        unsafe { munmap(found, page()) }?;
        return Err(io::ErrorKind::AddrInUse.into());
    }
    Ok(())
}

impl Drop for PrefixedMapping {
    fn drop(&mut self) {
        // N1, N3: exactly what is left, and nobody is left who could look at it.
        match self.kept.take() {
            None => drop(self.give_back(0..self.reserved)),
            Some(kept) => kept.into_iter().for_each(|range| drop(self.give_back(range))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_stands_behind_a_page_of_its_own_in_either_way_and_can_be_dropped() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&7_u64.to_le_bytes()).unwrap();
        file.set_len(HEADER_BYTES * 2).unwrap();
        let bytes = HEADER_BYTES as usize * 2;
        for _ in 0..3 {
            let anywhere = PrefixedMapping::file_anywhere(&file, bytes, ProtFlags::READ).unwrap();
            let reserved = PrefixedMapping::file_in_reserved(&file, bytes, ProtFlags::READ).unwrap();
            assert_eq!(reserved.base.addr() % ALIGNMENT, 0);
            for fronted in anywhere.into_iter().chain([reserved]) {
                let (line, first) = (fronted.base().wrapping_sub(1), fronted.base());
                // SAFETY: N1: mapped, aligned, and only seen as an atomic.
                let line = unsafe { &*line };
                // SAFETY: N2: as above.
                let first = unsafe { &*first };
                assert_eq!((line.load(Relaxed), first.load(Relaxed)), (0, 7));
                line.store(1, Relaxed);
                assert_eq!(line.load(Relaxed), 1);
            }
        }
    }
}
