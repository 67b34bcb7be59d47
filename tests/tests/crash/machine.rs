//! A machine whose power can fail: what its kernel holds, and what of that has reached the disk.
//!
//! A page that was written may be on the disk as it was before, as it is now, or as it was at any moment in between, each
//! sector of 512 bytes for itself: the kernel writes pages back whenever it likes and in any order. A sync settles all
//! pages that are dirty. A sync that fails leaves them as they are and forgets that they were dirty: the next one passes
//! over them, unless they are written again. Names behave alike, in the order of their changes, per directory.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use flagstaff_format::FileId;
use flagstaff_format::layout::Area;

use crate::recorder::{Op, Outcome};

pub(crate) const PAGE: usize = 4096;
pub(crate) const SECTOR: usize = 512;

pub(crate) type Page = [u8; PAGE];
pub(crate) type Names = BTreeMap<PathBuf, usize>;

/// A page of a file: the last version that is certainly on the disk, and those since.
#[derive(Debug)]
pub(crate) struct Versions {
    pub(crate) versions: Vec<Box<Page>>,
    dirty: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Object {
    pub(crate) pages: BTreeMap<u64, Versions>,
    /// As pages: the first is on the disk.
    pub(crate) lengths: Vec<u64>,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) objects: Vec<Object>,
    known: HashMap<(u64, u64), usize>,
    /// The names that are certainly on the disk, and every state since.
    pub(crate) names: Vec<Names>,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        Machine { objects: Vec::new(), known: HashMap::new(), names: vec![Names::new()] }
    }

    /// What the kernel knows.
    pub(crate) fn now(&self) -> &Names {
        self.names.last().unwrap()
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { path } => {
                self.objects.push(Object { lengths: vec![0], ..Object::default() });
                let new = self.objects.len() - 1;
                self.rename(|names| {
                    names.insert(path.clone(), new);
                });
            }
            Op::Open { path, file } => {
                // Inode numbers come back; the last one that was opened under it is meant.
                let object = self.now()[path];
                self.known.insert(key(*file), object);
            }
            Op::Size { file, bytes } => self.object(*file).lengths.push(*bytes),
            Op::Write { file, at, bytes } => self.object(*file).write(*at, bytes),
            Op::Sync { file, outcome } => self.object(*file).sync(*outcome),
            Op::SyncDirectory { outcome: Outcome::Good } => drop(self.names.drain(..self.names.len() - 1)),
            Op::Rename { from, to } => self.rename(|names| {
                let object = names.remove(from).unwrap();
                names.insert(to.clone(), object);
            }),
            Op::Link { from, to } => self.rename(|names| {
                let object = names[from];
                names.insert(to.clone(), object);
            }),
            Op::Remove { path } | Op::RemovedByHand { path } if self.now().contains_key(path) => {
                self.rename(|names| {
                    names.remove(path);
                });
            }
            _ => {}
        }
    }

    fn rename(&mut self, change: impl FnOnce(&mut Names)) {
        let mut names = self.now().clone();
        change(&mut names);
        self.names.push(names);
    }

    fn object(&mut self, file: FileId) -> &mut Object {
        &mut self.objects[self.known[&key(file)]]
    }
}

impl Object {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let (number, from) = ((at as usize + done) / PAGE, (at as usize + done) % PAGE);
            let count = (PAGE - from).min(bytes.len() - done);
            let page = self
                .pages
                .entry(number as u64)
                .or_insert_with(|| Versions { versions: vec![Box::new([0; PAGE])], dirty: false });
            let mut next = page.versions.last().unwrap().clone();
            next[from..from + count].copy_from_slice(&bytes[done..done + count]);
            page.versions.push(next);
            page.dirty = true;
            done += count;
        }
    }

    fn sync(&mut self, outcome: Outcome) {
        let slots = Area::Checkpoint(0).offset() / PAGE as u64;
        for (number, page) in self.pages.iter_mut().filter(|(_, page)| page.dirty) {
            if outcome == Outcome::OnlySlots && *number >= slots {
                continue;
            }
            page.dirty = false;
            if outcome != Outcome::Failed {
                page.versions.drain(..page.versions.len() - 1);
            }
        }
        if outcome != Outcome::Failed {
            self.lengths.drain(..self.lengths.len() - 1);
        }
    }
}

fn key(file: FileId) -> (u64, u64) {
    (file.device, file.inode)
}
