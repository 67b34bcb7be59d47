//! What a publish changes in a slot: the lines that differ from what stands there, and no others. Why: [`crate::sync::lines`].
//!
//! The archive goes first and the frame last, so that a frame says of no generation that it is there before all of it is. A
//! publisher that dies in between leaves the frame of before over an archive that does not match its checksum: whoever looks at
//! the slot finds it damaged, and the next publish repairs it.
//!
//! Where a store always finds its page, lines are stored through a mapping. Elsewhere they are written by `pwrite`, and what stands
//! there is read by `pread`, because both return an error where a mapping raises a signal. A system call costs as much as
//! writing some kilobytes more. So runs of lines that are near each other are written as one, and the more runs there were, the further
//! "near" reaches: their number grows with the square root of the slot at most.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::archive::checked::Archive;
use crate::bytes::file_id::FileId;
use crate::bytes::layout::{Area, FILE_BYTES, FRAME_BYTES, decode_reserved, word};
use crate::sync::lines;
use crate::sync::map::{Mapping, WritableMapping};
use crate::write::disk;
use crate::write::header_page::HeaderPage;
use crate::write::hooks::Hooks;

/// Bytes of a line.
const LINE: usize = lines::WORDS * 8;

/// Bytes of the file that are compared at a time where they are not mapped.
const BLOCK: u64 = 64 * 1024;

/// The first run that is written by a system call takes in the next one if there are at most so many bytes between, the second one twice
/// as many, and so on.
const NEAR: usize = 1024;

/// The slots of one file, to be published into.
#[derive(Debug)]
pub(crate) struct Slots {
    file: Arc<File>,
    id: FileId,
    hooks: Hooks,
    /// To store through, where that is safe.
    map: Option<WritableMapping>,
}

impl Slots {
    /// Decides how this file is written to.
    pub(crate) fn of(file: &Arc<File>, id: FileId, header: &HeaderPage, hooks: &Hooks) -> Slots {
        let is_reserved = |slot: usize| {
            let bytes = decode_reserved(header.load(word::RESERVED[slot]));
            bytes == 0 || disk::reserve_again(file, Area::Slot(slot).offset(), bytes).is_ok()
        };
        let may_map =
            hooks.allow_mapping() && disk::takes_every_store(file) && [0, 1].into_iter().all(is_reserved);
        // Without addresses for it, the other way is as good.
        let map = may_map.then(|| Mapping::read_write(file, FILE_BYTES).ok()).flatten();
        Slots { file: file.clone(), id, hooks: hooks.clone(), map }
    }

    /// Brings frame and archive into a slot whose space was reserved. Returns how many bytes were stored.
    ///
    /// # Errors
    /// What the file system or the observer says. The slot then holds a mix, which its checksum tells.
    pub(crate) fn store(&self, slot: usize, archive: &Archive) -> io::Result<usize> {
        disk::check_whole(&self.file, self.id)?;
        let at = Area::Slot(slot).offset();
        Ok(self.store_at(at + FRAME_BYTES, archive.bytes())? + self.store_at(at, &frame_bytes(archive))?)
    }

    fn store_at(&self, at: u64, new: &[u8]) -> io::Result<usize> {
        match &self.map {
            Some(map) => self.store_mapped(map, at, new),
            None => self.store_by_calls(at, new),
        }
    }

    fn store_mapped(&self, map: &WritableMapping, at: u64, new: &[u8]) -> io::Result<usize> {
        let words = new.as_chunks::<8>().0;
        let Some(standing) = map.atomics(at as usize / 8, words.len()) else {
            return Err(io::Error::other("a slot outside of its file"));
        };
        // One line each time, or all lines of a run.
        let of = |bytes: &Range<usize>| {
            let range = bytes.start / 8..bytes.end / 8;
            standing.get(range.clone()).zip(words.get(range)).unwrap_or_default()
        };
        let differs = |line: &Range<usize>| {
            let (standing, new) = of(line);
            lines::differ(standing, new)
        };
        for_each_run(new.len(), 0, differs, |run| {
            disk::overwrite(
                &self.hooks,
                (&self.file, self.id),
                at + run.start as u64,
                &new[run.clone()],
                || {
                    let (standing, new) = of(&run);
                    lines::overwrite(standing, new);
                    Ok(())
                },
            )
        })
    }

    fn store_by_calls(&self, at: u64, new: &[u8]) -> io::Result<usize> {
        let mut standing = Standing { file: &self.file, at, block: 0..0, bytes: Vec::new() };
        let differs = |line: &Range<usize>| standing.line(line, new.len()) != new.get(line.clone());
        for_each_run(new.len(), NEAR, differs, |run| {
            let (at, new) = (at + run.start as u64, &new[run]);
            disk::overwrite(&self.hooks, (&self.file, self.id), at, new, || self.file.write_all_at(new, at))
        })
    }
}

/// The frame of an archive as it stands in the file.
pub(crate) fn frame_bytes(archive: &Archive) -> [u8; FRAME_BYTES as usize] {
    let mut frame = [0; FRAME_BYTES as usize];
    for (bytes, word) in frame.as_chunks_mut::<8>().0.iter_mut().zip(archive.frame().words()) {
        *bytes = word.to_le_bytes();
    }
    frame
}

/// Calls `store` for each run of lines that differ, as a range of bytes, in rising order. The `n`th run takes in the next one if there are
/// at most `n * near` bytes between. Returns the bytes of all runs.
fn for_each_run(
    bytes: usize,
    near: usize,
    mut differs: impl FnMut(&Range<usize>) -> bool,
    mut store: impl FnMut(Range<usize>) -> io::Result<()>,
) -> io::Result<usize> {
    let mut run: Option<Range<usize>> = None;
    let (mut stored, mut most_between) = (0, near);
    let mut end_run = |run: Option<Range<usize>>| {
        let Some(run) = run else { return Ok(()) };
        stored += run.len();
        store(run)
    };
    for start in (0..bytes).step_by(LINE) {
        let line = start..bytes.min(start + LINE);
        if !differs(&line) {
            continue;
        }
        match &mut run {
            Some(run) if start - run.end <= most_between => run.end = line.end,
            before => {
                if before.is_some() {
                    most_between += near;
                }
                end_run(before.replace(line))?;
            }
        }
    }
    end_run(run)?;
    Ok(stored)
}

/// What stands in a file, read block by block.
struct Standing<'a> {
    file: &'a File,
    /// Where the bytes begin that are asked for.
    at: u64,
    /// Which of them are at hand.
    block: Range<usize>,
    bytes: Vec<u8>,
}

impl Standing<'_> {
    /// One of `length` bytes' lines. `None` if it cannot be read: then it must be written in any case.
    fn line(&mut self, line: &Range<usize>, length: usize) -> Option<&[u8]> {
        if line.start >= self.block.end {
            // Blocks end with pages of the file: a page that cannot be read can still be written as a whole.
            let from = self.at + line.start as u64;
            let end = (from / BLOCK + 1) * BLOCK - self.at;
            self.block = line.start..length.min(end as usize);
            self.bytes.resize(self.block.len(), 0);
            if self.file.read_exact_at(&mut self.bytes, from).is_err() {
                self.bytes.clear();
            }
        }
        self.bytes.get(line.start - self.block.start..line.end - self.block.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    fn runs(bytes: usize, near: usize, lines: &[usize]) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let differs = |line: &Range<usize>| lines.contains(&(line.start / LINE));
        let stored = for_each_run(bytes, near, differs, |run| {
            runs.push(run);
            Ok(())
        });
        assert_eq!(stored.unwrap(), runs.iter().map(Range::len).sum::<usize>());
        runs
    }

    #[test]
    fn lines_beside_each_other_are_one_run_and_the_last_one_may_be_short() {
        assert!(runs(8 * LINE + 24, 0, &[]).is_empty());
        assert_eq!(runs(8 * LINE + 24, 0, &[0, 1, 3, 8]), [0..128, 192..256, 512..536]);
        assert_eq!(runs(LINE, 0, &[0]).first(), Some(&(0..64)));
    }

    #[test]
    fn the_more_runs_there_were_the_further_they_reach() {
        let (near, lines) = (2 * LINE, [0, 3, 7, 12, 20, 25]);
        // 2 lines between are near the first run, 4 the second.
        assert_eq!(
            runs(26 * LINE, near, &lines),
            [0..4, 7..13, 20..26].map(|run| run.start * LINE..run.end * LINE)
        );
    }

    /// A bad page of the disk can be written to: then it is good again.
    #[test]
    fn what_cannot_be_read_is_written_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot");
        let (length, at) = (200_000, 4096 + 64);
        std::fs::write(&path, vec![7; at as usize + length]).unwrap();
        let written = |file: File| {
            let slots = Slots {
                id: FileId::of(&file.metadata().unwrap()),
                file: Arc::new(file),
                hooks: Hooks::default(),
                map: None,
            };
            slots.store_by_calls(at, &vec![7; length]).unwrap()
        };
        assert_eq!(written(OpenOptions::new().read(true).write(true).open(&path).unwrap()), 0);
        assert_eq!(written(OpenOptions::new().write(true).open(&path).unwrap()), length);
    }
}
