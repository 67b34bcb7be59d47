//! Pages of a mapped file, as memory pressure takes them away.

#![allow(clippy::expect_used, reason = "a test without this cannot go on")]
#![allow(unsafe_code, reason = "no crate has madvise safe for a mapping that somebody else made")]

use std::path::Path;

/// Asks the kernel to take the pages of this process's mappings of `file` away, and answers how many bytes it was asked for.
///
/// # Panics
/// If the mappings cannot be listed.
pub fn reclaim(file: &Path) -> usize {
    let name = file.to_str().expect("a path of ASCII");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings of this process");
    let mut asked = 0;
    for line in maps.lines().filter(|line| line.ends_with(name)) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let address = |text| usize::from_str_radix(text, 16).expect("an address");
        let (start, end) = (address(start), address(end));
        let start = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: a mapped range of a file; its pages come back with the same content at the next look.
        let answer = unsafe { libc::madvise(start, end - start.addr(), libc::MADV_PAGEOUT) };
        if answer == 0 {
            asked += end - start.addr();
        }
    }
    asked
}
