//! Whether somebody has a file open for writing.
//!
//! The kernel grants a read lease on a file only while nobody has it open for writing, and knows without looking through processes.
//!
//! Invariants
//! - I1: all that is passed is numbers and a descriptor that is borrowed for the call; no memory is shared with the kernel.
//! - I2: somebody who opens the file for writing while the lease is held makes the kernel send a signal, whose default would end this
//!   process. So another one is chosen first, which is ignored unless a program asks for it. No lease is asked for if that fails.

use std::fs::File;
use std::os::fd::AsRawFd as _;

/// `linux/fcntl.h`: which signal the kernel sends. Not in the crate libc.
const F_SETSIG: libc::c_int = 10;

/// What the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writers {
    None,
    Some,
    /// The file system has no leases, or the file is somebody else's.
    Unknown,
}

/// Looks at a file that is open for reading only.
pub(crate) fn writers(file: &File) -> Writers {
    let fd = file.as_raw_fd();
    // SAFETY: I1.
    if unsafe { libc::fcntl(fd, F_SETSIG, libc::SIGURG) } != 0 {
        return Writers::Unknown;
    }
    // SAFETY: I1, I2.
    if unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) } == 0 {
        // SAFETY: I1.
        unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) };
        return Writers::None;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => Writers::Some,
        _ => Writers::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_file_has_writers_for_as_long_as_somebody_has_it_open_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(writers(&file), Writers::None);
        let writer = OpenOptions::new().write(true).open(&path).unwrap();
        assert_eq!(writers(&file), Writers::Some);
        let reader = File::open(&path).unwrap();
        drop(writer);
        assert_eq!(writers(&file), Writers::None);
        drop(reader);
    }
}
