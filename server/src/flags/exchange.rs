//! Puts a new file in the place of another, on the condition that the other still holds what is expected.
//!
//! The two files are exchanged in one step, and what came out is looked at afterwards: an edit by hand that was saved a moment ago is then
//! in our hands, and goes back. So no edit falls between the look and the write.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// How often somebody may save between two steps of ours.
const MOST_TURNS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The new file is there. What came out lies where the new one was.
    Done,
    /// The place holds something else than expected, and still does. The new file lies where it was.
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

/// Puts back what came out. If the file there is not `ours` any more, somebody has saved once more: theirs is the newest.
fn give_back(new: &Path, target: &Path, ours: u64) -> io::Result<()> {
    let mut there = ours;
    for _ in 0..MOST_TURNS {
        let put = fs::symlink_metadata(new)?.ino();
        match swap(new, target) {
            Ok(()) => {}
            // An editor has moved our file away, and has not put its own in the place yet.
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
    // A look at the length first: most files that differ differ there.
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
