//! How many flags are of which type.

use crate::archive::checked::Archive;
use crate::archive::records::Records as _;
use crate::bytes::frame::Damage;
use crate::bytes::layout::{FRAME_WORDS, overflow_word};
use crate::bytes::record::{RECORD_WORDS, kind};
use crate::read::area::current_generation;
use crate::sync::map::Mapping;

/// Numbers of flags by the type that an application asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TypeCounts {
    /// `true` and `false`.
    pub bools: u64,
    /// Integers, fractions, and numbers that no `f64` holds.
    pub numbers: u64,
    /// Strings.
    pub strings: u64,
    /// Objects and arrays.
    pub jsons: u64,
    /// `null`.
    pub nulls: u64,
}

impl TypeCounts {
    /// Counts by the first word of each record.
    fn of(words: impl Iterator<Item = u64>) -> TypeCounts {
        let mut kinds = TypeCounts::default();
        for word in words {
            match word & 0xf {
                kind::NULL => kinds.nulls += 1,
                kind::FALSE | kind::TRUE => kinds.bools += 1,
                kind::I64 | kind::U64 | kind::F64 | kind::HUGE => kinds.numbers += 1,
                kind::STRING => kinds.strings += 1,
                kind::JSON => kinds.jsons += 1,
                // Empty, or of a kind that this program does not know: readers take both for missing.
                _ => {}
            }
        }
        kinds
    }
}

impl Archive {
    /// Counts the flags by type.
    #[must_use]
    pub fn kinds(&self) -> TypeCounts {
        TypeCounts::of(self.records().map(|record| record[0]))
    }
}

/// Counts the flags of the current generation by type, in place: one word of each record is looked at and nothing is copied.
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
