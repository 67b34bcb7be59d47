//! A disk that is full for a while: a file system in memory whose limit is moved down to what it holds, and up again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use flagstaff_tests::namespace::has_own_mounts;
use rustix::fs::statvfs;

use crate::hosts::{Outcome, PATIENCE};

/// Far more than a life needs.
const ROOM: u64 = 4 << 30;

/// The folder of a life, as a file system of its own.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// `None`, with a notice, where that is not permitted.
    pub(crate) fn mount(folder: &Path) -> Option<Disk> {
        if !has_own_mounts() {
            return None;
        }
        let disk = Disk(folder.to_owned());
        let options = format!("size={ROOM},mode=700");
        let done = mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder);
        assert!(done, "no file system at {}", folder.display());
        Some(disk)
    }

    fn limit(&self, bytes: u64) -> bool {
        mount(&["-o", &format!("remount,size={bytes}")], &self.0)
    }

    /// It takes nothing more.
    pub(crate) fn fill(&self) -> Outcome {
        let begun = Instant::now();
        loop {
            let room = statvfs(&self.0).map_err(|error| error.to_string())?;
            // What came in between makes the limit too small, and that is refused.
            let is_full = self.limit((room.f_blocks - room.f_bfree) * room.f_frsize);
            if is_full && statvfs(&self.0).is_ok_and(|room| room.f_bfree == 0) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err("the disk does not get full".to_owned());
            }
        }
    }

    pub(crate) fn make_room(&self) -> Outcome {
        if self.limit(ROOM) { Ok(()) } else { Err("the disk stays full".to_owned()) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At the latest it ends with the last process that sees it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let done = Command::new("mount").args(arguments).arg(folder).output();
    done.is_ok_and(|output| output.status.success())
}
