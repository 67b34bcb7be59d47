//! Replaces a file by a new one, on the condition that it still has the expected content.
//!
//! The two files are exchanged in one step, and the old one is checked afterwards: if it holds an edit by hand that was saved a moment ago,
//! the exchange is reverted. So no edit is lost between the check and the write.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// How often somebody may save between two steps of this process.
const MOST_TURNS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The new file is at the path. The old one is where the new one was.
    Done,
    /// The file has other content than expected, and stays. The new file is where it was.
    Changed,
    /// The file system cannot exchange files. Nothing was done.
    Unsupported,
}

/// Exchanges `new` and `target` if `target` holds `expected`.
pub(crate) fn exchange(new: &Path, target: &Path, expected: &str) -> io::Result<Outcome> {
    let ours = fs::symlink_metadata(new)?.ino();
    match swap(new, target) {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Ok(Outcome::Unsupported),
        Err(errno) => return Err(errno.into()),
    }
    if holds(new, expected) {
        return Ok(Outcome::Done);
    }
    give_back(new, target, ours)?;
    Ok(Outcome::Changed)
}

/// Reverts the exchange. If the file at the path is not `ours` any more, somebody has saved again: that edit is the newest.
fn give_back(new: &Path, target: &Path, ours: u64) -> io::Result<()> {
    let mut there = ours;
    for _ in 0..MOST_TURNS {
        let put = fs::symlink_metadata(new)?.ino();
        match swap(new, target) {
            Ok(()) => {}
            // An editor has moved our file away, and has not written its own yet.
            Err(Errno::NOENT) => match renameat_with(CWD, new, CWD, target, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(errno.into()),
            },
            Err(errno) => return Err(errno.into()),
        }
        if fs::symlink_metadata(new)?.ino() == there {
            return Ok(());
        }
        there = put;
    }
    Err(io::Error::other("the flag file is replaced again and again"))
}

fn swap(new: &Path, target: &Path) -> Result<(), Errno> {
    renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE)
}

/// Whether a file holds this text, but for a byte-order mark.
pub(crate) fn holds(path: &Path, expected: &str) -> bool {
    // Length first: most files that differ differ in length.
    let is_near = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.len().abs_diff(expected.len() as u64) <= 3);
    is_near && fs::read(path).is_ok_and(|bytes| without_mark(&bytes) == expected.as_bytes())
}

pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_exchanged_only_if_it_holds_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let (new, target) = (folder.path().join("new"), folder.path().join("target"));
        fs::write(&new, "new").unwrap();
        fs::write(&target, "by hand").unwrap();
        let text = |path: &Path| fs::read_to_string(path).unwrap();
        let inode = fs::metadata(&target).unwrap().ino();
        assert_eq!(exchange(&new, &target, "old").unwrap(), Outcome::Changed);
        assert_eq!((text(&new), text(&target)), ("new".to_owned(), "by hand".to_owned()));
        assert_eq!(fs::metadata(&target).unwrap().ino(), inode, "whoever has it open still writes to it");
        assert_eq!(exchange(&new, &target, "by hand").unwrap(), Outcome::Done);
        assert_eq!((text(&new), text(&target)), ("by hand".to_owned(), "new".to_owned()));
    }

    #[test]
    fn what_was_saved_last_is_what_stays_when_somebody_saves_between_the_two_steps() {
        let folder = tempfile::tempdir().unwrap();
        let (new, target) = (folder.path().join("new"), folder.path().join("target"));
        // As after the first exchange, with a file of an editor in the place of ours.
        fs::write(&new, "first edit").unwrap();
        fs::write(&target, "second edit").unwrap();
        give_back(&new, &target, 0).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "second edit");
        // And with our file moved away.
        fs::remove_file(&target).unwrap();
        give_back(&new, &target, 0).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "first edit");
    }
}
