//! Memory, descriptors, writes and processor time of processes, and percentiles.

use std::fs;

/// A number of `/proc/<id>/status`, in KiB: `VmRSS` is what is resident.
pub fn memory(id: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().split(' ').next()?.parse().ok()
}

/// Open descriptors of this process. 0 if the system does not tell.
pub fn descriptors() -> usize {
    // One of them is the folder that is being listed.
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1))
}

/// Writes of this thread so far: calls and bytes. `None` if the kernel does not count them.
pub fn writes() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/thread-self/io").ok()?;
    let number = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?.parse().ok()
    };
    Some((number("syscw")?, number("wchar")?))
}

/// Nanoseconds for which this thread has waited for a processor so far. `None` if the kernel does not count them.
pub fn queued() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().nth(1)?.parse().ok()
}

/// Nanoseconds of processor time of this thread so far.
pub fn processor() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The value below which `percent` of the values lie; 0 if there are no values.
pub fn percentile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_stays_open_and_a_write_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let before = descriptors();
        let mut file = fs::File::create(folder.path().join("file")).unwrap();
        // Other tests of this process open and close files as well.
        assert!((0..1000).any(|_| descriptors() > before));
        if let Some((calls, bytes)) = writes() {
            std::io::Write::write_all(&mut file, b"four").unwrap();
            assert_eq!(writes(), Some((calls + 1, bytes + 4)));
        }
    }

    #[test]
    fn percentiles_are_taken_from_what_is_sorted() {
        let mut values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!((percentile(&mut values, 50), percentile(&mut values, 99)), (51, 100));
        assert_eq!(percentile(&mut [], 50), 0);
    }
}
