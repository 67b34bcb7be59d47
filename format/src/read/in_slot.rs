//! Snapshots that are read where they are, in their slot: nothing is copied.

use crate::archive::checked::Archive;
use crate::archive::lookup::Words;
use crate::archive::records::Records;
use crate::archive::type_counts::TypeCounts;
use crate::bytes::frame::{Damage, Frame};
use crate::bytes::layout::{Area, FRAME_WORDS, overflow_word};
use crate::bytes::record::RECORD_WORDS;
use crate::read::area::{self, current_generation};
use crate::sync::map::Mapping;

/// A snapshot in its slot, without a copy. For a publisher and its own file: nobody else overwrites the slot while this is used.
#[derive(Debug)]
pub struct InSlot<'a> {
    map: &'a Mapping,
    frame: Frame,
    /// The word at which the archive begins.
    start: usize,
}

impl<'a> InSlot<'a> {
    /// The snapshot of an area, if its checksum is right.
    pub(crate) fn check(map: &'a Mapping, area: Area) -> Result<InSlot<'a>, Damage> {
        Ok(InSlot { map, frame: area::check(map, area)?, start: area.word() + FRAME_WORDS })
    }

    /// The same without a look at the checksum.
    pub(crate) fn unchecked(map: &'a Mapping, area: Area) -> Result<InSlot<'a>, Damage> {
        Ok(InSlot { map, frame: area::frame(map, area)?, start: area.word() + FRAME_WORDS })
    }

    /// The lines of 64 bytes in which an archive differs from this one, if both have the same length.
    pub(crate) fn lines_unlike(&self, archive: &Archive) -> Option<Vec<usize>> {
        let mut rest = archive.bytes();
        if rest.len() as u64 != self.frame.archive_bytes {
            return None;
        }
        let (mut lines, mut before) = (Vec::new(), 0);
        self.map.copy(self.start, rest.len() / 8, |block| {
            let (other, behind) = rest.split_at(block.len().min(rest.len()));
            if block != other {
                let unlike = block.chunks(64).zip(other.chunks(64)).enumerate().filter(|(_, (a, b))| a != b);
                lines.extend(unlike.map(|(line, _)| before + line));
            }
            before += block.len().div_ceil(64);
            rest = behind;
        });
        Some(lines)
    }
}

impl Words for InSlot<'_> {
    fn word_at(&self, at: usize) -> Option<u64> {
        // Behind the archive there may be a hole, which nobody may touch.
        if at < self.frame.archive_bytes as usize / 8 { Some(self.map.load(self.start + at)) } else { None }
    }
}

impl Records for InSlot<'_> {
    fn frame(&self) -> &Frame {
        &self.frame
    }
}

/// Counts the flags of the current generation by type, by one word of each record.
/// `None`, if nothing has been published.
///
/// # Errors
/// [`Damage`] of its slot.
pub fn type_counts_of_current(map: &Mapping) -> Result<Option<TypeCounts>, Damage> {
    current_generation(map, |area, frame| {
        let overflow = overflow_word(frame.places);
        let (words, have) = (overflow + frame.overflow * RECORD_WORDS, frame.archive_bytes as usize / 8);
        // Behind the archive there may be a hole, which nobody may touch.
        if words > have {
            let expected = format!("at most {have}");
            return Err(Damage::Implausible { what: "words of records", found: words as u64, expected });
        }
        let archive = area.word() + FRAME_WORDS;
        let first = (0..frame.places).map(|place| place * RECORD_WORDS);
        let more = (0..frame.overflow).map(|number| overflow + number * RECORD_WORDS);
        Ok(TypeCounts::of(first.chain(more).map(|at| map.load(archive + at))))
    })
}
