//! Forking, as prefork servers do it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test without its child cannot go on")]
#![allow(unsafe_code, reason = "no crate has fork, alarm and _exit safe")]

use rustix::process::{Pid, WaitOptions, waitpid};

/// Longest life of a child, in seconds: it does not outlive its test for long, whatever happens to it.
const LIFE: u32 = 60;

/// Forks and runs `child` in the child, which then ends with exit code 0, or 1 if it panicked. Answers its process id.
///
/// # Panics
/// If there is no child.
pub fn fork(child: impl FnOnce()) -> i32 {
    // SAFETY: other threads run, so that the child may use only what survives a fork: the client promises that it does, and the
    // C library keeps its allocator usable. The child leaves by `_exit` and so runs nothing of the parent's.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: takes a number; a child that hangs is killed.
        unsafe { libc::alarm(LIFE) };
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    pid
}

/// Waits for a child and answers its exit code; `None` if a signal ended it.
///
/// # Panics
/// If it is no child of this process.
pub fn exit_code(child: i32) -> Option<i32> {
    let child = Pid::from_raw(child).expect("the id of a process");
    let (_, status) = waitpid(Some(child), WaitOptions::empty()).expect("a child").expect("it has ended");
    status.exit_status()
}

/// Asks the C library to give free memory back, for a measurement.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number; any thread may call it at any time.
    unsafe {
        libc::malloc_trim(0);
    };
}
