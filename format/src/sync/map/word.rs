//! Words of a mapped file as readers see them: they can be loaded and slept on, and that is all. Their pages may be read-only, where a
//! store would kill the process.

use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::time::Duration;

use crate::sync::atomics::Load;
use crate::sync::event::{Sleeper, Waker, wait};

/// A word that others store.
///
/// Relaxed is the only order that the standard library promises for a load from a read-only page. Fences order it.
///
/// ```compile_fail,E0599
/// # let file = std::fs::File::open("flags.flagstaff")?;
/// let map = flagstaff_format::Mapping::read_only(&file, 4096)?;
/// map.generation().store(8, std::sync::atomic::Ordering::Relaxed); // a mapping for reading stores nothing
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[repr(transparent)]
pub struct SharedWord(AtomicU64);

impl SharedWord {
    /// Loads the word, relaxed.
    #[inline(always)]
    #[must_use]
    pub fn load(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Load for SharedWord {
    #[inline(always)]
    fn load(&self) -> u64 {
        SharedWord::load(self)
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// A word whose low half can be slept on: the event word, see [`crate::sync::event`], or the bell.
#[derive(Debug)]
#[repr(transparent)]
pub struct EventWord(AtomicU64);

impl EventWord {
    /// Loads the low half, relaxed.
    #[must_use]
    pub fn load(&self) -> u32 {
        self.0.load(Relaxed) as u32
    }

    /// Sleeps while the low half is `ticket`, at most for `limit`, until woken.
    ///
    /// # Errors
    /// What the kernel says if it was not a wake that ended the sleep.
    pub fn wait(&self, ticket: u32, limit: Duration) -> rustix::io::Result<()> {
        wait(self.low_half(), ticket, limit)
    }

    /// Wakes up to `most` of those who sleep on the word. Needs no right to write.
    pub fn wake(&self, most: u32) {
        self.low_half().wake(most);
    }

    /// For the kernel, which takes addresses of 32 bits only.
    fn low_half(&self) -> &AtomicU32 {
        // SAFETY: M1, M2: mapped as long as `self`, aligned, and the low half stands first (little-endian). M6: it is handed to the
        // kernel and not accessed here.
        unsafe { &*self.0.as_ptr().cast::<AtomicU32>() }
    }
}

impl Sleeper for EventWord {
    fn load(&self) -> u32 {
        EventWord::load(self)
    }

    fn fence(order: Ordering) {
        fence(order);
    }

    fn sleep(&self, ticket: u32, limit: Duration) {
        self.low_half().sleep(ticket, limit);
    }

    fn pause(time: Duration) {
        std::thread::sleep(time);
    }
}
