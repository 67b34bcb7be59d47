//! A forked child for unit tests.

/// Forks, runs `child` there under an alarm, and returns its exit code; 99 if it was killed.
#[track_caller]
pub(crate) fn exit_code_of(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs only what is made to work in one, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: takes a number; a child that hangs is killed.
        unsafe { libc::alarm(20) };
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(98);
        // SAFETY: ends the process without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = -1;
    // SAFETY: `status` is a live integer and the child is this process's own.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 99 }
}
