//! `fork`, as prefork servers use it.

use std::io;

use rustix::process::Pid;

/// Forks and runs `child` in the child, which then ends with exit code 0, or 1 if it panicked. It is killed after `seconds`,
/// whatever happens to it. Returns its process id.
///
/// The child has one thread only, and any lock may have been copied while another thread held it: `child` must take none of those.
pub fn fork(seconds: u32, child: impl FnOnce()) -> io::Result<Pid> {
    // SAFETY: other threads may run, so that the child may use only what survives a fork: that is the caller's promise, whose
    // breach hangs the child and breaks no memory; the C library keeps its allocator usable. The child leaves by `_exit` and so
    // runs nothing of the parent's.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: takes a number; a child that hangs is killed.
        unsafe { libc::alarm(seconds) };
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork returned no process id"))
}
