//! The records of one snapshot, wherever its archive is: in private memory, or still in its slot.

use crate::archive::checked::Archive;
use crate::archive::perfect::{high, multiplier, passes};
use crate::bytes::frame::{Damage, Frame};
use crate::bytes::key::Hashed;
use crate::bytes::layout::{Area, FRAME_WORDS, buckets, overflow_word};
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, TextAt, kind};
use crate::read::area;
use crate::sync::map::Mapping;

/// Words of an archive, and what they say.
pub trait Records {
    /// The frame in front of the archive.
    fn frame(&self) -> &Frame;

    /// A word of the archive; `None` behind its end.
    fn word_at(&self, at: usize) -> Option<u64>;

    /// Looks a key up: at most one record and the overflow records, of which there are at most 8.
    fn find(&self, key: &str) -> Hit {
        let hashed = Hashed::new(key.as_bytes());
        let places = self.frame().places;
        let bucket = high(hashed.hash, buckets(places) as u64) as usize;
        // The shape was checked, so the fallback is never taken.
        let entry = self.word_at(places * 8 + bucket).unwrap_or(0);
        if !passes(entry, hashed.hash) {
            return Hit::MISSING;
        }
        let place = high(hashed.hash.wrapping_mul(multiplier(entry)), places as u64) as usize;
        let record = self.record(place * RECORD_WORDS);
        if self.has_key(&record, &hashed, key) {
            return Hit { meta: record[0], value: record[1] };
        }
        self.overflow()
            .find(|record| self.has_key(record, &hashed, key))
            .map_or(Hit::MISSING, |record| Hit { meta: record[0], value: record[1] })
    }

    /// The record that begins at a word.
    fn record(&self, word: usize) -> [u64; RECORD_WORDS] {
        std::array::from_fn(|i| self.word_at(word + i).unwrap_or(0))
    }

    /// All records, those of places without a flag included.
    fn records(&self) -> impl Iterator<Item = [u64; RECORD_WORDS]> + '_ {
        let placed = (0..self.frame().places).map(|place| self.record(place * RECORD_WORDS));
        placed.chain(self.overflow())
    }

    /// The overflow records.
    fn overflow(&self) -> impl Iterator<Item = [u64; RECORD_WORDS]> + '_ {
        let start = overflow_word(self.frame().places);
        (0..self.frame().overflow).map(move |i| self.record(start + i * RECORD_WORDS))
    }

    /// The key of a record; `None` if damage made it no text.
    fn key(&self, record: &[u64; RECORD_WORDS]) -> Option<String> {
        let key = KeyOf(record);
        let mut middle = Vec::new();
        if let Some(at) = key.middle() {
            for word in at.word..at.word.checked_add(at.words())? {
                middle.extend_from_slice(&self.word_at(word)?.to_le_bytes());
            }
        }
        String::from_utf8(key.assemble(&middle)?).ok()
    }

    /// Whether a record is that of a key.
    fn has_key(&self, record: &[u64; RECORD_WORDS], hashed: &Hashed, key: &str) -> bool {
        let of = KeyOf(record);
        let middle = of.middle().map_or(0, |at| at.word);
        record[0] & 0xf != kind::EMPTY
            && of.has_windows_of(hashed)
            && of.has_middle_of(key.as_bytes(), |i| self.word_at(middle + i)) == Some(true)
    }

    /// Whether a text is that of another archive. Texts are padded with zeros to whole words.
    fn has_same_text(&self, own: TextAt, other: &impl Records, at: TextAt) -> bool {
        let word = |of: &dyn Fn(usize) -> Option<u64>, at: TextAt, i| of(at.word.checked_add(i)?);
        own.bytes == at.bytes
            && (0..own.words()).all(|i| {
                let a = word(&|at| self.word_at(at), own, i);
                a.is_some() && a == word(&|at| other.word_at(at), at, i)
            })
    }
}

impl Records for Archive {
    fn frame(&self) -> &Frame {
        Archive::frame(self)
    }

    #[inline(always)]
    fn word_at(&self, at: usize) -> Option<u64> {
        self.bytes().get(at * 8..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
    }
}

/// A snapshot in its slot, which nobody overwrites while this is used: a publisher's own. It needs no memory for a copy.
#[derive(Debug)]
pub struct InSlot<'a> {
    map: &'a Mapping,
    frame: Frame,
    /// Where the archive begins.
    start: usize,
}

impl<'a> InSlot<'a> {
    /// The snapshot of an area, if it is good.
    pub(crate) fn check(map: &'a Mapping, area: Area) -> Result<InSlot<'a>, Damage> {
        Ok(InSlot { map, frame: area::check(map, area)?, start: area.word() + FRAME_WORDS })
    }
}

impl Records for InSlot<'_> {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn word_at(&self, at: usize) -> Option<u64> {
        // Behind the archive there may be a hole, which nobody may touch.
        if at < self.frame.archive_bytes as usize / 8 { Some(self.map.load(self.start + at)) } else { None }
    }
}
