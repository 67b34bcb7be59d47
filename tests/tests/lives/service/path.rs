//! What people do at the path, a disk that is full, and how quiet is waited for.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_reader::{PathState, Reader};
use flagstaff_tests::lives::exceptions::{FULL_DISK, NEXT_LEADER, TOUCHED};

use super::Service;
use crate::hosts::{Outcome, sparse_copy};

/// A disk is full for so long: a payload that fits is out by then.
const FULL_FOR: Duration = Duration::from_millis(300);

impl Service {
    pub(super) fn remove(&mut self) {
        self.touched |= fs::remove_file(self.place.file()).is_ok();
    }

    pub(super) fn rename_away(&mut self) {
        self.touched |= fs::rename(self.place.file(), self.place.join("aside")).is_ok();
    }

    pub(super) fn put_back(&mut self) {
        self.touched |= fs::rename(self.place.join("aside"), self.place.file()).is_ok();
    }

    pub(super) fn copy(&mut self) {
        if !self.touched
            && self.place.file().exists()
            && sparse_copy(&self.place.file(), &self.place.join("copy"))
        {
            self.has_copy = true;
        }
    }

    /// The copy takes the place of the file.
    pub(super) fn restore(&mut self) {
        if self.has_copy && sparse_copy(&self.place.join("copy"), &self.place.join("restored")) {
            self.touched |= fs::rename(self.place.join("restored"), self.place.file()).is_ok();
        }
    }

    pub(super) fn foreign(&mut self, what: u32) {
        crate::foreign::put(&self.place, what);
        self.touched = true;
    }

    /// Somebody is awake that can publish, and nobody that is stopped holds the lock.
    pub(super) fn is_served(&self) -> bool {
        let can =
            self.run.as_ref().is_some_and(|run| run.awake().is_some()) || self.hosts.has_awake(&self.clients);
        let mut stopped: Vec<u32> = self.hosts.sleeping().collect();
        stopped.extend(self.run.as_ref().and_then(super::Follower::stopped));
        can && !holder(&self.place.lock()).is_some_and(|pid| stopped.contains(&pid))
    }

    /// Waits until the newest flags are in the file, if somebody publishes.
    pub(super) fn quiet(&mut self) -> Outcome {
        if !self.is_served() {
            return Ok(());
        }
        self.quiet_within(if self.touched { NEXT_LEADER + TOUCHED } else { NEXT_LEADER })
    }

    fn quiet_within(&mut self, limit: Duration) -> Outcome {
        let begun = Instant::now();
        let name = self.place.file().file_name().unwrap().to_string_lossy().into_owned();
        let second = self.place.join(&format!(".{name}.live"));
        loop {
            let probe = Reader::attach(self.place.file());
            let is_newest = probe.get_i64("n") == i64::from(self.newest.seed);
            let is_own = inode(&second).is_some() && inode(&second) == inode(&self.place.file());
            if is_newest && is_own && probe.status().path == PathState::Same {
                break;
            }
            if begun.elapsed() > limit {
                let log = self.run.as_ref().map(super::Follower::log).unwrap_or_default();
                return Err(format!(
                    "frozen: the newest is not out after {limit:?}: {} instead of {}; lock of {:?}; {log}",
                    probe.get_i64("n"),
                    self.newest.seed,
                    holder(&self.place.lock())
                ));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        self.slowest = self.slowest.max(begun.elapsed());
        (self.possible, self.touched, self.unread) = (vec![self.newest], false, 0);
        Ok(())
    }

    /// A payload comes while the disk is full: it is out, or everybody keeps the last one and has it soon after there is space.
    pub(super) fn full_disk(&mut self, size: u32, variety: u32) -> Outcome {
        if self.disk.is_none() || !self.is_served() {
            return Ok(());
        }
        // Before, since the service writes its file to the same disk.
        let content = self.next(size, variety);
        fs::write(self.place.join("next.json"), content.json()).unwrap();
        self.disk.as_ref().map_or(Ok(()), crate::disk::Disk::fill)?;
        self.tell_written(content);
        if self.quiet_within(FULL_FOR).is_err() {
            self.counts.refused_by_the_disk += 1;
            // A process that leads may have them in memory of its own.
            self.check()?;
        }
        self.disk.as_ref().map_or(Ok(()), crate::disk::Disk::make_room)?;
        self.quiet_within(NEXT_LEADER + FULL_DISK)
    }
}

/// The process that holds a lock file.
fn holder(lock: &Path) -> Option<u32> {
    let metadata = fs::metadata(lock).ok()?;
    let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let file = format!("{major:02x}:{minor:02x}:{}", metadata.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let held = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // `1: FLOCK  ADVISORY  WRITE 123 00:1b:45 0 EOF`; who waits has `->` there.
    held.filter(|words| words.len() > 5 && words[1] == "FLOCK" && words[5] == file)
        .find_map(|words| words[4].parse().ok())
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).map(|metadata| metadata.ino()).ok()
}
