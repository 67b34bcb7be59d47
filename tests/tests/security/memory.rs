//! Memory of a process, as a debugger reads it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use crate::support::contains;

const BLOCK: u64 = 1 << 20;

/// Whether the text is anywhere in the readable memory of a process.
///
/// # Errors
/// This user may not look.
pub(crate) fn memory_holds(process: u32, text: &str) -> io::Result<bool> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let mut block = vec![0; BLOCK as usize];
    for line in maps.lines().filter(|line| line.contains(" r") && !line.contains("[v")) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        while at < end {
            let bytes = &mut block[..(end - at).min(BLOCK) as usize];
            // Reserved addresses and guard pages cannot be read, and hold nothing.
            let read = memory.read_at(bytes, at).unwrap_or(0);
            if contains(&bytes[..read], text) {
                return Ok(true);
            }
            let overlap = if read as u64 == BLOCK { text.len() as u64 } else { 0 };
            at += (read as u64).max(4096) - overlap;
        }
    }
    Ok(false)
}

/// Lines of `VmFlags` of the mappings of a file.
pub(crate) fn flags_of_mappings(process: u32, name: &str) -> Vec<String> {
    let smaps = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
    let mut is_ours = false;
    let mut found = Vec::new();
    for line in smaps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            if is_ours {
                found.push(flags.to_owned());
            }
        } else if line.split(' ').next().is_some_and(|range| range.contains('-')) {
            is_ours = line.contains(name);
        }
    }
    found
}
