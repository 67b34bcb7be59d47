//! A disk that is full for a while: a file system in memory whose limit is moved down to what it holds, and up again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::fs::statvfs;
use vexil_format::FailureKind;
use vexil_reader::Reader;
use vexil_tests::lives::exceptions::FULL_DISK;
use vexil_tests::namespace::has_own_mounts;

use super::World;
use crate::hosts::{Outcome, PATIENCE};

/// Far more than a life needs.
const ROOM: u64 = 4 << 30;

/// The folder of a life, as a file system of its own.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// `None`, with a notice, where that is not permitted.
    pub(super) fn mount(folder: &Path) -> Option<Disk> {
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
    fn fill(&self) -> Outcome {
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

    fn make_room(&self) -> Outcome {
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

impl World {
    /// A payload comes while the disk is full: it is out, or everybody keeps the last one, is told, and has it soon after there is space.
    pub(super) fn full_disk(&mut self, size: u32, variety: u32) -> Outcome {
        let Some(disk) = &self.disk else { return Ok(()) };
        if self.press.is_none() || self.is_stopped || self.touched {
            return Ok(());
        }
        disk.fill()?;
        let content = self.content(size, variety);
        let said = self.press(&format!("publish {}", content.words()), &["published ", "refused "])?;
        let reader = Reader::open(self.place.file()).map_err(|error| error.to_string())?;
        if said.starts_with("refused") {
            self.counts.refused_by_the_disk += 1;
            self.check()?;
            let behind = reader.status().behind.map(|behind| behind.kind);
            if behind != Some(FailureKind::DiskFull) {
                return Err(format!("wrong status: behind {behind:?} of a full disk after {said:?}"));
            }
        }
        if let Some(disk) = &self.disk {
            disk.make_room()?;
        }
        let begun = Instant::now();
        while reader.get_i64("n") != i64::from(content.seed) {
            if begun.elapsed() > FULL_DISK {
                return Err(format!("frozen: a payload that met a full disk is not out after {FULL_DISK:?}"));
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        self.published(content);
        Ok(())
    }
}
