//! Asking while payloads come. Each answer is of one that was current between call and return: not of one whose successor had been
//! published before the call, not of one whose publish had not begun when it returned, and no reader goes back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use fastrand::Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::expected::Wrong;
use super::flags::Content;
use super::subject::Subject;

/// How far a publisher is, for whoever asks at the same time: two numbers in a file beside the snapshot.
#[derive(Debug)]
pub struct Progress(File);

impl Progress {
    /// Of the publisher of this snapshot.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create(path: &Path) -> io::Result<Progress> {
        let file = File::options().create(true).truncate(false).write(true).open(name(path))?;
        file.write_all_at(&[0; 8], 0)?;
        Ok(Progress(file))
    }

    fn open(path: &Path) -> io::Result<Progress> {
        File::open(name(path)).map(Progress)
    }

    /// The publish of this payload begins.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn begins(&self, content: Content) -> io::Result<()> {
        self.0.write_all_at(&content.order.to_le_bytes(), 0)
    }

    /// It is published.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn is_done(&self, content: Content) -> io::Result<()> {
        self.0.write_all_at(&content.order.to_le_bytes(), 4)
    }

    fn word(&self, at: u64) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.0.read_exact_at(&mut bytes, at).map(|()| u32::from_le_bytes(bytes))
    }
}

fn name(path: &Path) -> std::path::PathBuf {
    path.with_file_name("progress")
}

/// Asks all subjects in turn until something can be read from `end`. Answers how many looks that were.
pub(super) fn race(
    path: &Path,
    subjects: &mut BTreeMap<u32, Subject>,
    contents: &[Content],
    end: &impl AsFd,
    random: &mut Rng,
) -> Result<u64, Wrong> {
    let failed = |error: io::Error| Wrong::of(format!("no progress can be read: {error}"));
    let progress = Progress::open(path).map_err(failed)?;
    let mut looks = 0;
    loop {
        for (id, subject) in &mut *subjects {
            let done = progress.word(4).map_err(failed)?;
            let look = subject.look(random);
            let begun = progress.word(0).map_err(failed)?;
            looks += 1;
            // What was there before the first of them is current until that is done.
            let first = contents.first().map_or(0, |content| content.order);
            let (least, most) = (done.max(first).max(subject.at.order), begun.max(first));
            let mut why = None;
            let found =
                contents.iter().filter(|content| (least..=most).contains(&content.order)).find(|content| {
                    match look.compare(**content) {
                        Ok(()) => true,
                        Err(wrong) => {
                            why = Some(wrong);
                            false
                        }
                    }
                });
            // The earliest that fits, so that none is taken for a step back that is not.
            subject.at = *found.ok_or_else(|| {
                let why = why.map_or_else(|| "none is possible".to_owned(), |wrong| wrong.to_string());
                Wrong::of(format!("racing subject {id}: not of {least} to {most}: {why}"))
            })?;
        }
        let mut waiting = [PollFd::new(end, PollFlags::IN)];
        let told = poll(&mut waiting, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        if told.map_err(|error| failed(error.into()))? > 0 {
            return Ok(looks);
        }
    }
}
