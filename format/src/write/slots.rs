//! What a publish changes in a slot: the lines that differ from what stands there, and no others. Why: [`crate::sync::lines`].
//!
//! The archive goes first and the frame last, so that a frame says of no generation that it is there before all of it is. A
//! publisher that dies in between leaves the frame of before over an archive that does not match its checksum: whoever looks at
//! the slot finds it damaged, and the next publish repairs it.
//!
//! On a tmpfs, where a store always finds its page, lines are stored through a mapping. Elsewhere they are written by `pwrite`, which
//! returns an error where a store raises a signal. A system call costs as much as some kilobytes more. So runs of lines that are
//! near each other are written as one, and the more runs there were, the further "near" reaches: their number grows with the square
//! root of the slot at most.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::archive::checked::Archive;
use crate::bytes::file_id::FileId;
use crate::bytes::layout::{Area, FILE_BYTES, FRAME_BYTES, decode_reserved, word};
use crate::sync::lines;
use crate::sync::map::Mapping;
use crate::sync::map::writable::WritableMapping;
use crate::write::disk;
use crate::write::header_page::HeaderPage;
use crate::write::hooks::Hooks;

/// Bytes of a line.
const LINE: usize = lines::WORDS * 8;

/// The first run that is written by a system call takes in the next one if there are at most so many bytes between, the second one twice
/// as many, and so on.
const NEAR: usize = 1024;

/// The slots of one file, to be published into.
#[derive(Debug)]
pub(crate) struct Slots {
    file: Arc<File>,
    id: FileId,
    hooks: Hooks,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// Lines are stored through this mapping.
    Mapped(WritableMapping),
    /// Runs of lines are written by system calls.
    Calls,
    /// All is written, and nothing is looked at: there may be holes, which a full tmpfs cannot fill for whoever looks.
    Whole,
}

impl Slots {
    /// Decides how this file is written to.
    pub(crate) fn of(file: &Arc<File>, id: FileId, header: &HeaderPage, hooks: &Hooks) -> Slots {
        let has_space = |slot: usize| {
            let bytes = decode_reserved(header.load(word::RESERVED[slot]));
            bytes == 0 || disk::reserve_again(file, Area::Slot(slot).offset(), bytes).is_ok()
        };
        let way = match () {
            () if !disk::takes_every_store(file) => Way::Calls,
            () if ![0, 1].into_iter().all(has_space) => Way::Whole,
            () if !hooks.allow_mapping() => Way::Calls,
            // Without addresses for it, the other way is as good.
            () => Mapping::read_write(file, FILE_BYTES).map_or(Way::Calls, Way::Mapped),
        };
        Slots { file: file.clone(), id, hooks: hooks.clone(), way }
    }

    /// Brings frame and archive into a slot of `map` whose space was reserved. Returns how many bytes were stored.
    ///
    /// # Errors
    /// What the file system or the observer says. The slot then holds a mix, which its checksum tells.
    pub(crate) fn store(&self, map: &Mapping, slot: usize, archive: &Archive) -> io::Result<usize> {
        disk::check_whole(&self.file, self.id)?;
        let at = Area::Slot(slot).offset();
        Ok(self.store_at(map, at + FRAME_BYTES, archive.bytes())?
            + self.store_at(map, at, &frame_bytes(archive))?)
    }

    fn store_at(&self, map: &Mapping, at: u64, new: &[u8]) -> io::Result<usize> {
        let (map, near) = match &self.way {
            Way::Mapped(map) => (&**map, 0),
            Way::Calls => (map, NEAR),
            Way::Whole => return self.store_run(at, new).map(|()| new.len()),
        };
        let (first, words) = (at as usize / 8, new.as_chunks::<8>().0);
        let Some(standing) = map.shared(first, words.len()) else { return Err(outside()) };
        let differs = |line: &Range<usize>| {
            let words_of = line.start / 8..line.end / 8;
            let both = standing.get(words_of.clone()).zip(words.get(words_of));
            both.is_none_or(|(standing, new)| lines::differ(standing, new))
        };
        for_each_run(new.len(), near, differs, |run| self.store_run(at + run.start as u64, &new[run]))
    }

    fn store_run(&self, at: u64, new: &[u8]) -> io::Result<()> {
        disk::overwrite(&self.hooks, (&self.file, self.id), at, new, || {
            let Way::Mapped(map) = &self.way else { return self.file.write_all_at(new, at) };
            let words = new.as_chunks::<8>().0;
            let standing = map.atomics(at as usize / 8, words.len()).ok_or_else(outside)?;
            lines::overwrite(standing, words);
            Ok(())
        })
    }
}

fn outside() -> io::Error {
    io::Error::other("a slot outside of its file")
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(runs(8 * LINE + 24, 0, &[]), []);
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
}
