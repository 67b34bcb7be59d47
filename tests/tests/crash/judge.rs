//! What must be true of every image.

use std::path::Path;

use flagstaff_format::layout::Area;
use flagstaff_format::{Generation, Opened, Writer, WriterOptions, frame_of, open_view};
use flagstaff_reader::Reader;

use crate::content;
use crate::image::Cut;
use crate::recorder::Op;

/// What was said so far, so what an image may hold.
#[derive(Debug, Default, Clone)]
pub(crate) struct Promises {
    /// Something was called durable, so there is a file.
    exists: bool,
    /// The newest content that was called durable.
    acknowledged: u64,
    /// The newest content that readers have seen.
    published: u64,
    /// The newest content that anybody tried to publish.
    tried: u64,
}

impl Promises {
    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Acknowledged(n) => {
                self.exists = true;
                self.acknowledged = self.acknowledged.max(*n);
            }
            Op::Tries(n) => self.tried = *n,
            Op::Published(n) => self.published = *n,
            Op::RemovedByHand { .. } => {
                *self = Promises { tried: self.tried, ..Promises::default() };
            }
            Op::Damaged => self.published = self.acknowledged,
            _ => {}
        }
    }

    fn at_least(&self, cut: Cut) -> u64 {
        if cut == Cut::Killed { self.published } else { self.acknowledged }
    }

    fn check(&self, cut: Cut, who: &str, n: u64) -> Result<(), String> {
        let (least, most) = (self.at_least(cut), self.tried);
        if (least..=most).contains(&n) {
            return Ok(());
        }
        Err(format!("{who} answers from content {n}, expected {least} to {most}"))
    }
}

/// Opens an image as a reader and as the next publisher.
pub(crate) fn judge(path: &Path, cut: Cut, promises: &Promises) -> Result<(), String> {
    let reader = match Reader::open(path) {
        Ok(reader) => {
            let n = content::number(&reader.snapshot()).map_err(|what| format!("a reader sees {what}"))?;
            promises.check(cut, "a reader", n)?;
            if n != reader.get_i64_or("n", 0) as u64 {
                return Err(format!("a getter says {}, the snapshot {n}", reader.get_i64_or("n", 0)));
            }
            Some((n, reader))
        }
        // Its name was perhaps never synced: it may be missing.
        Err(_) if !promises.exists => None,
        Err(error) => return Err(format!("a reader cannot open it: {error}")),
    };
    let seen = highest(path).max(reader.as_ref().map_or(0, |(_, reader)| reader.generation().0));

    let opened = Writer::open(path, &WriterOptions::default());
    let Opened { mut writer, snapshot, found, .. } =
        opened.map_err(|error| format!("a publisher cannot open it: {error}"))?;
    let n = snapshot.as_ref().map_or(Ok(0), content::number_of)?;
    promises.check(cut, "the next publisher", n)?;
    match &reader {
        // A file without flags takes none away: the next publisher finds what its second name leads to.
        Some((before, _)) if *before != n && *before != 0 => {
            return Err(format!("a reader answered from {before}, the next publisher goes on from {n}"));
        }
        _ => {}
    }
    let current = writer.generation();
    let next = promises.tried + 1;
    let published = writer.publish(&mut content::archive(next, 100)).map_err(|error| error.to_string())?;
    if published <= Generation(seen) && cut != Cut::Killed || published <= current {
        return Err(format!("{found:?}: the next generation is {published}, {seen} was seen"));
    }
    let reader = match reader {
        Some((_, reader)) => reader,
        None => Reader::open(path).map_err(|error| format!("no reader after recovery: {error}"))?,
    };
    // An older one is told at once where its file was superseded.
    match reader.get_i64_or("n", -1) as u64 {
        n if n == next => Ok(()),
        n => Err(format!("{found:?}: after recovery a reader answers from {n}, expected {next}")),
    }
}

/// The highest generation that anything in the file names.
fn highest(path: &Path) -> u64 {
    let Ok(view) = open_view(path) else { return 0 };
    let frames = Area::ALL.iter().filter_map(|area| frame_of(view.map(), *area).ok());
    frames.map(|frame| frame.generation.0).max().unwrap_or(0).max(view.observe().generation().0)
}
