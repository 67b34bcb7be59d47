//! Lives of a publisher, recorded.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use fastrand::Rng;
use flagstaff_format::layout::{Area, FRAME_BYTES, word};
use flagstaff_format::{Archive, Checkpoints, FileId, Opened, PathCheck, WriteError, Writer, WriterOptions};
use tempfile::TempDir;

use crate::machine::PAGE;
use crate::recorder::{Op, Outcome, Recorder};
use crate::{content, image};

/// A publisher with its file, and what it has done.
#[derive(Debug)]
pub(crate) struct Life {
    _folder: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) recorder: Arc<Recorder>,
    running: Option<(Writer, Checkpoints)>,
    newest: u64,
    /// Errors that it told.
    pub(crate) errors: Vec<WriteError>,
}

impl Life {
    pub(crate) fn new() -> Life {
        Life::of(false)
    }

    /// As on a file system where slots are not stored into through a mapping.
    pub(crate) fn by_calls() -> Life {
        Life::of(true)
    }

    fn of(by_calls: bool) -> Life {
        let folder = crate::folder();
        let path = folder.path().join("flags.flagstaff");
        let (recorder, errors) = (Recorder::new(by_calls), Vec::new());
        Life { _folder: folder, path, recorder, running: None, newest: 0, errors }
    }

    pub(crate) fn start(&mut self) {
        self.running = None;
        let options = WriterOptions::default().hooks(self.recorder.watch());
        let started = Writer::open(&self.path, &options)
            .and_then(|Opened { writer, .. }| Ok((writer.checkpoints()?, writer)))
            .map(|(checkpoints, writer)| (writer, checkpoints));
        match started {
            Ok(running) => self.running = Some(running),
            Err(error) => self.errors.push(error),
        }
    }

    pub(crate) fn publish(&mut self, filler: usize) {
        let Some((writer, _)) = &mut self.running else { return };
        self.newest += 1;
        self.recorder.note(Op::Tries(self.newest));
        match writer.publish(&mut content::archive(self.newest, filler)) {
            Ok(_) => self.recorder.note(Op::Published(self.newest)),
            Err(error) => self.errors.push(error),
        }
    }

    /// Once more after an error, as the thread does that writes them.
    pub(crate) fn checkpoint(&mut self) {
        let Some((writer, checkpoints)) = &mut self.running else { return };
        let Some(archive) = writer.current() else { return };
        for _ in 0..2 {
            match checkpoints.write(&archive) {
                // What is durable in a file without a name is nobody's.
                Ok(()) if writer.path_state() != PathCheck::Same => {}
                Ok(()) => self.recorder.note(Op::Acknowledged(told(&archive))),
                Err(error) => {
                    self.errors.push(error);
                    continue;
                }
            }
            break;
        }
    }

    /// Moves to a new file, after somebody removed the old one or for no reason.
    pub(crate) fn supersede(&mut self, is_removed: bool) {
        if self.running.is_none() {
            return;
        }
        if is_removed && self.path.exists() {
            fs::remove_file(&self.path).unwrap();
            self.note(Op::RemovedByHand { path: self.path.clone() });
        }
        let Some((writer, checkpoints)) = &mut self.running else { return };
        if let Err(error) = writer.supersede().and_then(|()| {
            *checkpoints = writer.checkpoints()?;
            Ok(())
        }) {
            self.errors.push(error);
        }
    }

    /// Damages the current slot and starts anew, so that it is repaired.
    pub(crate) fn damage(&mut self) {
        let Some((writer, _)) = &self.running else { return };
        let area = Area::Slot(writer.generation().slot() as usize);
        if writer.current().is_none() || !self.path.exists() {
            return;
        }
        let at = area.offset() + FRAME_BYTES + 24;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o640)).unwrap();
        let file = File::options().read(true).write(true).open(&self.path).unwrap();
        let mut bytes = vec![0; 1];
        file.read_exact_at(&mut bytes, at).unwrap();
        bytes[0] ^= 0x10;
        file.write_all_at(&bytes, at).unwrap();
        let file = FileId::of(&file.metadata().unwrap());
        self.note(Op::Damaged);
        self.note(Op::Write { file, at, bytes });
        self.start();
    }

    /// An orderly reboot: everything reaches the disk, and the file is from another boot for whoever starts then.
    pub(crate) fn reboot(&mut self) {
        self.running = None;
        if self.path.exists() {
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o640)).unwrap();
            let file = File::options().read(true).write(true).open(&self.path).unwrap();
            let mut page = [0; PAGE];
            file.read_exact_at(&mut page, 0).unwrap();
            image::reboot(&mut page);
            let bytes = page[..(word::CHECKSUM + 1) * 8].to_vec();
            file.write_all_at(&bytes, 0).unwrap();
            let file = FileId::of(&file.metadata().unwrap());
            self.note(Op::Write { file, at: 0, bytes });
            self.note(Op::Sync { file, outcome: Outcome::Good });
            self.note(Op::SyncDirectory { outcome: Outcome::Good });
        }
        self.start();
    }

    /// Lets the process die so many steps later in whatever it does then, and starts another.
    pub(crate) fn die(&mut self, steps: usize, doing: impl FnOnce(&mut Life)) {
        self.recorder.die_in(steps);
        doing(self);
        self.running = None;
        self.recorder.revive();
        self.errors.clear();
        self.start();
    }

    fn note(&self, op: Op) {
        self.recorder.note(op);
    }

    /// Everything once: growing and shrinking, checkpoints, repair, superseding, death in the middle, clean starts.
    pub(crate) fn script(&mut self) {
        self.start();
        self.publish(10);
        self.checkpoint();
        self.publish(3000);
        self.publish(70_000);
        self.checkpoint();
        self.publish(100);
        self.checkpoint();
        self.supersede(false);
        self.publish(90_000);
        self.publish(20);
        self.checkpoint();
        self.start();
        self.publish(20);
        self.checkpoint();
        self.damage();
        self.publish(200_000);
        self.checkpoint();
        self.supersede(true);
        self.publish(50);
        self.checkpoint();
        self.publish(60);
        self.reboot();
        self.publish(6000);
        self.checkpoint();
    }

    /// As chance has it.
    pub(crate) fn random(&mut self, random: &mut Rng, deeds: usize) {
        self.start();
        for _ in 0..deeds {
            let filler = if random.u8(..8) == 0 { random.usize(..150_000) } else { random.usize(..9000) };
            match random.u8(..21) {
                0 => self.start(),
                20 => self.reboot(),
                1 => self.supersede(false),
                2 => self.supersede(true),
                3 => self.damage(),
                4 | 5 => {
                    let what = random.u8(..5);
                    self.die(random.usize(..12), |life| match what {
                        0 => life.publish(filler),
                        1 => life.checkpoint(),
                        2 => life.supersede(false),
                        3 => life.reboot(),
                        _ => life.start(),
                    });
                }
                6..=12 => self.checkpoint(),
                _ => self.publish(filler),
            }
        }
    }
}

fn told(archive: &Archive) -> u64 {
    content::number_of(archive).unwrap()
}
