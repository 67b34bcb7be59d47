//! The number of this process, which no fork keeps.
//!
//! A process id is not enough: a worker that is forked months later can get the id of an ancestor that is gone, and a child in a
//! process namespace of its own can have the id of its parent. So the number stands on a page that the kernel wipes in every child,
//! and whoever finds it wiped writes a new one.
//!
//! # Invariants
//! - I1: `PAGE` is null, or leads to a page of this process that is never unmapped, on which only this word is used.
//! - I2: a number comes from `LAST`, which is raised first and which children inherit. So all numbers of ancestors are
//!   lower than those that a child gives itself. (Siblings may have the same, but share no memory.)

use std::process;
use std::ptr::{self, null_mut};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64};

use rustix::mm::{MapFlags, munmap};

use super::wiped_page;

static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static LAST: AtomicU64 = AtomicU64::new(0);

/// The number of a process: equal only within one process, and another one in each child of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// That of this process.
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

    /// Its number, which is never 0.
    pub(crate) fn number(self) -> u64 {
        self.0
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
    let bytes = rustix::param::page_size();
    // SAFETY: the kernel chooses the address. I1: it is not unmapped once it is in `PAGE`.
    let page = unsafe { wiped_page::map(null_mut(), bytes, MapFlags::empty()) }.ok()?;
    if !page.is_wiped {
        // SAFETY: exactly what was mapped above, and nobody knows of it.
        let _ = unsafe { munmap(page.start, bytes) };
        return None;
    }
    Some(page.start.cast())
}
