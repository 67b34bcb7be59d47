//! An empty descriptor table for one thread.
//!
//! Invariants
//! - I1: [`enter`] is the first thing its thread does. Until then the thread has used no descriptor, and it was given
//!   none to use later.
//! - I2: the thread makes itself a new table and closes descriptors only in that one. The process's table, and with it
//!   every `OwnedFd` of the process, is untouched. If the new table is refused, nothing is closed.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// How well the lock is kept from forked children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Children never hold it.
    PrivateTable,
    /// Children inherit it until they end or call `exec`, because the private table was refused with this errno.
    SharedTable {
        /// The raw operating system error, for example `ENOSYS`.
        os_error: i32,
    },
}

/// Blocks all signals in this thread, then leaves the process's descriptor table for an empty one.
///
/// From descriptor 0 on, not 3: otherwise this thread would keep the process's standard streams open after the process
/// has closed them, and whoever reads the other end of a pipe would never see its end.
///
/// # Errors
/// `ENOSYS` before Linux 5.9, `EPERM` under some seccomp filters, `ENOMEM`. The thread then still shares the table.
pub(super) fn enter() -> io::Result<()> {
    // In this order: a handler that runs here between the two calls would not find the process's descriptors.
    block_signals()?;
    // Through `syscall`, because the wrapper came only with glibc 2.34.
    // SAFETY: I2. The unshare and the closing are one system call, and by I1 no value owned by this thread refers to a
    // descriptor that it closes.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 0u32, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn block_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a `sigset_t` that this function owns; the call writes all of it and does not fail.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: `set` was filled above, the old mask is not asked for, and only the calling thread's mask changes.
    let result = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}
