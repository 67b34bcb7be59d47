//! A file's memory with a page of the process's own directly in front of it.
//!
//! What the fast path needs to know beside the file itself (how far it may look, which file this is) stands at a fixed distance
//! from the generation word. So one pointer leads a look-up to everything, and the bounds cannot be those of another file.
//!
//! The kernel wipes the page in every child of a fork. A wiped bound is zero, so the first read of a child leaves the fast
//! path by itself, and finds out there where it is; no read pays for the question.
//!
//! # Invariants
//! N1: `start` points to `front + bytes` bytes that were reserved by this value and stay mapped until it is dropped. The first
//! `front` of them (whole pages) are private and writable; nothing but the atomics of the last line is ever made from them.
//! N2: the rest is a file or zeros.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

use crate::layout::{HEADER_BYTES, PAGE};

/// Words of the line in front of the memory.
pub(crate) const FRONT_WORDS: usize = 8;

/// Position of a word in the line.
pub(crate) mod at {
    /// The largest number of places that a look-up without further checks may go by; 0 before a file is read live, and in a
    /// child of a fork.
    pub(crate) const MOST_PLACES: usize = 0;
    /// Words of an archive that may be touched in both slots.
    pub(crate) const WORDS: usize = 1;
    /// Tag of the view, see `View::tag`.
    pub(crate) const TAG: usize = 2;
    /// 1, unless the page was wiped.
    pub(crate) const HERE: usize = 3;
}

/// Reserved addresses: a page of the process's own, and behind it a file.
#[derive(Debug)]
pub(crate) struct Fronted {
    start: *mut c_void,
    front: usize,
    bytes: usize,
}

impl Fronted {
    /// Maps the first `bytes` bytes of a file.
    pub(crate) fn file(file: &File, bytes: usize, writable: bool) -> io::Result<Fronted> {
        let fronted = Fronted::reserve(bytes)?;
        let behind = fronted.start.wrapping_byte_add(fronted.front);
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let access = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: N1: the range lies in addresses that nobody else uses.
        unsafe { mmap(behind, bytes, access, flags, file, 0) }?;
        Ok(fronted)
    }

    /// Memory that belongs to no file: a header page of zeros.
    pub(crate) fn zeros() -> io::Result<Fronted> {
        let fronted = Fronted::reserve(HEADER_BYTES as usize)?;
        let behind = fronted.start.wrapping_byte_add(fronted.front);
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: N1: as above.
        unsafe { mmap_anonymous(behind, fronted.bytes, ProtFlags::READ, flags) }?;
        Ok(fronted)
    }

    fn reserve(bytes: usize) -> io::Result<Fronted> {
        // Pages of 64 KiB exist.
        let page = rustix::param::page_size().max(PAGE as usize);
        let (front, bytes) = (page, bytes.next_multiple_of(page));
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses addresses that nobody uses.
        let start = unsafe { mmap_anonymous(null_mut(), front + bytes, ProtFlags::empty(), flags) }?;
        let fronted = Fronted { start, front, bytes };
        let (flags, both) = (MapFlags::PRIVATE | MapFlags::FIXED, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: N1: exactly the first pages of what was reserved just now.
        unsafe { mmap_anonymous(start, front, both, flags) }?;
        // SAFETY: N1. Nothing changes in this process. Best effort: Linux before 4.14 cannot, and then a child goes on as if
        // it were its parent.
        let _ = unsafe { madvise(start, front, Advice::LinuxWipeOnFork) };
        Ok(fronted)
    }

    /// Where the memory behind the front begins.
    pub(crate) fn base(&self) -> *const AtomicU64 {
        self.start.wrapping_byte_add(self.front).cast()
    }
}

impl Drop for Fronted {
    fn drop(&mut self) {
        // SAFETY: N1: exactly what was reserved, and nobody is left who could look at it.
        let _ = unsafe { munmap(self.start, self.front + self.bytes) };
    }
}
