//! Pages that the kernel fills with zeros in every child of a fork (`MADV_WIPEONFORK`).

use std::ffi::c_void;
use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// New private memory, all zeros.
pub(crate) struct WipedPage {
    /// Where it is: at the wished address, unless the kernel chose another one.
    pub(crate) start: *mut c_void,
    /// Whether the kernel will wipe it. Linux before 4.14 cannot: a child then sees what its parent had there.
    pub(crate) is_wiped: bool,
}

/// Maps `bytes` bytes of such memory at `at`; null leaves the address to the kernel.
///
/// # Safety
/// With `MapFlags::FIXED` in `flags`, nobody uses what is at `at`.
pub(crate) unsafe fn map(at: *mut c_void, bytes: usize, flags: MapFlags) -> io::Result<WipedPage> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: as this function demands; without `FIXED` the kernel chooses addresses that nobody uses.
    let start = unsafe { mmap_anonymous(at, bytes, access, MapFlags::PRIVATE | flags) }?;
    // SAFETY: a private mapping of its own, on which nothing has been written or borrowed. Nothing changes in this process.
    let is_wiped = unsafe { madvise(start, bytes, Advice::LinuxWipeOnFork) }.is_ok();
    Ok(WipedPage { start, is_wiped })
}
