//! Which side of a fork this is.
//!
//! A process id alone is not enough. A process that makes itself a daemon forks and ends; a worker forked months later
//! can get its id, and would take the inherited copy of the lock for its own. In another PID namespace it is even
//! certain that both are process 1. So the mark is a page that the kernel wipes in every child.
//!
//! Invariant I1: the page is a private anonymous mapping of its own, written once before it is marked.

use std::process;

use memmap2::MmapMut;
use rustix::mm::{Advice, madvise};

const HERE: u8 = 1;

pub(super) enum ForkMark {
    Page(MmapMut),
    /// Linux before 4.14, or no memory. The best that is left.
    Pid(u32),
}

impl ForkMark {
    pub(super) fn new() -> Self {
        Self::page().unwrap_or_else(|| Self::Pid(process::id()))
    }

    pub(super) fn is_same_process(&self) -> bool {
        match self {
            Self::Page(page) => page[0] == HERE,
            Self::Pid(pid) => *pid == process::id(),
        }
    }

    fn page() -> Option<Self> {
        let mut page = MmapMut::map_anon(rustix::param::page_size()).ok()?;
        page[0] = HERE;
        // SAFETY: I1. The advice changes nothing in this process; a child finds zeros, which are valid bytes, and does
        // so from its first instruction on, so no borrow ever sees the change.
        unsafe { madvise(page.as_mut_ptr().cast(), page.len(), Advice::LinuxWipeOnFork) }.ok()?;
        Some(Self::Page(page))
    }
}
