//! What people do at the path: remove, rename, copy, restore; and what the publisher makes of it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_format::layout::word;
use flagstaff_reader::{PathState, Reader};
use flagstaff_tests::lives::exceptions::TOUCHED;
use flagstaff_tests::lives::flags::Content;

use super::{World, merged, merged_all};
use crate::hosts::{Outcome, sparse_copy};

impl World {
    /// The file is removed.
    pub(super) fn remove(&mut self) -> Outcome {
        let there = fs::remove_file(self.place.file()).is_ok();
        self.by_hand(there, vec![Content::default()])
    }

    /// It gets another name.
    pub(super) fn rename_away(&mut self) -> Outcome {
        let there = fs::rename(self.place.file(), self.place.join("aside")).is_ok();
        if there {
            self.aside = Some(self.at_path.clone());
            // A publisher that lives may have put its file back in between, so that it is the one that was renamed.
            self.aside_is_live = !self.touched || self.press.is_some();
        }
        self.by_hand(there, vec![Content::default()])
    }

    /// It gets its name back.
    pub(super) fn put_back(&mut self) -> Outcome {
        let Some(aside) = self.aside.take() else { return Ok(()) };
        self.aside_is_live = false;
        let there = fs::rename(self.place.join("aside"), self.place.file()).is_ok();
        self.by_hand(there, aside)
    }

    /// A copy is made.
    pub(super) fn copy(&mut self) {
        if !self.touched
            && self.place.file().exists()
            && sparse_copy(&self.place.file(), &self.place.join("copy"))
        {
            self.copy = Some(self.at_path.clone());
        }
    }

    /// The copy takes the place of the file.
    pub(super) fn restore(&mut self) -> Outcome {
        let Some(copy) = self.copy.clone() else { return Ok(()) };
        // The copy stays for the next time.
        sparse_copy(&self.place.join("copy"), &self.place.join("restored"));
        let there = fs::rename(self.place.join("restored"), self.place.file()).is_ok();
        self.by_hand(there, copy)
    }

    /// Something that is no snapshot takes its place.
    pub(super) fn foreign(&mut self, what: u32) -> Outcome {
        crate::foreign::put(&self.place, what);
        self.by_hand(true, vec![Content::default()])
    }

    /// A bit of the header flips that says whose file this is, and the publisher, which compares it, makes the file anew.
    pub(super) fn supersede(&mut self, variety: u32) -> Outcome {
        if self.press.is_none() || self.is_stopped || self.touched {
            return Ok(());
        }
        let before = inode(&self.place.file());
        let words = word::CHECKSUM - word::FINGERPRINT + 1;
        let at = word::FINGERPRINT + variety as usize % words;
        self.place.flip(at as u64 * 8 + u64::from(variety / 100 % 8), (variety % 8) as u8);
        self.wait_for_own_file(before)?;
        self.moved_on();
        Ok(())
    }

    /// The file's mode.
    pub(super) fn mode(&self, mode: u32) {
        // There may be no file.
        let _ = fs::set_permissions(self.place.file(), fs::Permissions::from_mode(mode));
    }

    fn by_hand(&mut self, done: bool, found: Vec<Content>) -> Outcome {
        if !done {
            return Ok(());
        }
        if self.touched {
            // Whoever is on what lay there before: nobody can reach that file any more.
            self.lost.extend(&self.visitors);
            if self.press.is_some() {
                // It may have put its file back in between, and marked the one of before.
                self.lost.extend(&self.hosts.subjects());
                self.visitors = self.hosts.subjects();
            }
        }
        self.touched = true;
        self.visitors.extend(&self.blank);
        self.at_path = found;
        if self.press.is_some() {
            self.at_path = merged_all(&merged(&self.at_path, Content::default()), &self.live);
        }
        self.visited = merged_all(&self.visited, &self.at_path);
        Ok(())
    }

    /// Waits until the publisher has put its file back.
    pub(super) fn settle(&mut self) -> Outcome {
        if !self.touched || self.is_stopped {
            return Ok(());
        }
        if self.press.is_none() {
            return Ok(());
        }
        self.wait_for_own_file(None)?;
        self.moved_on();
        // The rule again: its publisher is quiet, and everybody answers the newest.
        self.at_path = self.live.clone();
        Ok(())
    }

    /// Waits until the publisher has its own file at the path, another one than that.
    fn wait_for_own_file(&self, not: Option<u64>) -> Outcome {
        let Some(press) = &self.press else { return Ok(()) };
        let begun = Instant::now();
        // The second name leads to the publisher's own file only. (It maps one that was put at the path too, to mark it.)
        let name = self.place.file().file_name().unwrap().to_string_lossy().into_owned();
        let second = self.place.join(&format!(".{name}.live"));
        let is_back = || {
            let inode = inode(&self.place.file())
                .filter(|at_path| inode(&second) == Some(*at_path) && not != Some(*at_path))?;
            let maps = fs::read_to_string(format!("/proc/{}/maps", press.id())).ok()?;
            let inode = format!(" {inode} ");
            Some(maps.lines().any(|line| line.contains(&inode) && !line.contains("(deleted)")))
        };
        while is_back() != Some(true) {
            if begun.elapsed() > TOUCHED {
                return Err(format!("the publisher has not put its file back within {TOUCHED:?}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let reader = Reader::open(self.place.file()).map_err(|error| error.to_string())?;
        if reader.status().path != PathState::Same {
            return Err("the file that was put back leads elsewhere".to_owned());
        }
        Ok(())
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).map(|metadata| metadata.ino()).ok()
}
