//! Forking, as prefork servers do it.

#![allow(clippy::expect_used, reason = "a test without its child cannot go on")]
#![allow(unsafe_code, reason = "no crate has malloc_trim safe")]

use rustix::process::{Pid, WaitOptions, waitpid};

/// Longest life of a child, in seconds: it does not outlive its test for long, whatever happens to it.
const LIFE: u32 = 60;

/// Forks and runs `child` in the child, which then ends with exit code 0, or 1 if it panicked. Answers its process id.
///
/// # Panics
/// If there is no child.
pub fn fork(child: impl FnOnce()) -> i32 {
    flagstaff_torture::fork(LIFE, child).expect("a child").as_raw_pid()
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
