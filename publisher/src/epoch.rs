//! Which process this is, in a way that no fork can fool.
//!
//! A process id is not enough: a worker that is forked months later can get the id of an ancestor that is gone. So the
//! number stands on a page that the kernel wipes in every child, and whoever finds it wiped writes a new one.
//!
//! Invariants
//! - I1: `PAGE` is null, or leads to a page of this process that is never unmapped, on which only this word is used.
//! - I2: a number comes from `LAST`, which is raised first and which children inherit. So all numbers of ancestors are
//!   lower than those that a child gives itself. (Siblings may have the same, but share no memory.)

use std::process;
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64};

use memmap2::MmapMut;
use rustix::mm::{Advice, madvise};

static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static LAST: AtomicU64 = AtomicU64::new(0);

/// The time from one fork to the next, as its process sees it: equal only within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// This process's.
    #[must_use]
    pub fn now() -> Epoch {
        // Linux before 4.14, or no memory: the process id is the best that is left.
        let Some(word) = word() else { return Epoch(1 << 63 | u64::from(process::id())) };
        match word.load(Acquire) {
            0 => {
                let number = LAST.fetch_add(1, Relaxed) + 1;
                Epoch(
                    word.compare_exchange(0, number, AcqRel, Acquire).map_or_else(|other| other, |_| number),
                )
            }
            number => Epoch(number),
        }
    }
}

/// No lock, also not that of a `OnceLock`: a child may be forked while another thread is here for the first time.
fn word() -> Option<&'static AtomicU64> {
    let mut page = PAGE.load(Acquire);
    if page.is_null() {
        let new = wiped_page()?;
        page = match PAGE.compare_exchange(ptr::null_mut(), new, AcqRel, Acquire) {
            Ok(_) => new,
            // Another thread was faster. This page is lost, at most once for each thread.
            Err(other) => other,
        };
    }
    // SAFETY: I1; an all-zero page is a valid atomic word, and it is aligned to a page.
    Some(unsafe { &*page })
}

fn wiped_page() -> Option<*mut AtomicU64> {
    let mut page = MmapMut::map_anon(rustix::param::page_size()).ok()?;
    // SAFETY: the page is a private mapping of its own, on which nothing has been written or borrowed.
    unsafe { madvise(page.as_mut_ptr().cast(), page.len(), Advice::LinuxWipeOnFork) }.ok()?;
    let start = page.as_mut_ptr().cast();
    // I1: it is never unmapped.
    std::mem::forget(page);
    Some(start)
}
