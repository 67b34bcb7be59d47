//! Commands in namespaces of their own, where that is permitted.

#![allow(
    unsafe_code,
    reason = "whether unsharing is safe depends on what is unshared, and rustix leaves that to its caller"
)]

use std::process::Command;

use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};

/// Whether this is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A shell script in a new namespace of the kind that `flags` of `unshare` name; `None`, with a notice, where that is not
/// permitted. `"$0"` and so on are the arguments that the caller adds.
#[allow(clippy::print_stderr, reason = "the notice of a test that is skipped")]
pub fn in_namespace(flags: &str, script: &str) -> Option<Command> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("-r");
        }
        command.args(flags.split(' ')).args(["-f", "--kill-child", "sh", "-c", script]);
        command
    };
    if unshare("true").output().is_ok_and(|output| output.status.success()) {
        return Some(unshare(script));
    }
    eprintln!("SKIPPED: `unshare {flags}` is not permitted here");
    None
}

/// From now on this thread, and every process and thread that it starts, sees mounts of its own, which end with the last of them.
/// `false`, with a notice, where that is not permitted.
#[allow(clippy::print_stderr, reason = "the notice of a test that is skipped")]
pub fn has_own_mounts() -> bool {
    std::thread_local! {
        static HAS_OWN: bool = {
            let begin = || {
                // SAFETY: only what this thread sees mounted is unshared, and no memory or descriptor of this process.
                unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.ok()?;
                // What is mounted here is not to be seen elsewhere.
                Command::new("mount").args(["--make-rprivate", "/"]).output().ok().filter(|output| output.status.success())
            };
            let is_permitted = is_root() && begin().is_some();
            if !is_permitted {
                eprintln!("SKIPPED: full disks in random lives; only root can mount a file system");
            }
            is_permitted
        };
    }
    HAS_OWN.with(|has_own| *has_own)
}

/// Shifts the boot clock of the children that this thread forks from now on by that many seconds. `false`, with a notice, where that
/// is not permitted.
#[allow(clippy::print_stderr, reason = "the notice of a test that is skipped")]
pub fn shift_boot_clock_of_children(seconds: u64) -> bool {
    // SAFETY: only what new children get is unshared, and no memory or descriptor of this process.
    let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWTIME) };
    // Of this thread, which need not be the first one of its process.
    let offsets = format!("/proc/{}/timens_offsets", gettid().as_raw_nonzero());
    let is_shifted =
        unshared.is_ok() && std::fs::write(offsets, format!("boottime {seconds} 500000000\n")).is_ok();
    if !is_shifted {
        eprintln!("SKIPPED: a time namespace is not permitted here");
    }
    is_shifted
}
