//! Memory of a process, from the kernel.

use std::fs;

/// Anonymous memory in KiB, which is private to the process. Mapped snapshot pages are shared and not in it.
pub(super) fn anonymous_kib(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
