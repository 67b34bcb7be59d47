//! A snapshot of all flags in private memory: built by the publisher, copied out of a file by a reader, checked by both.
//!
//! The bytes are an rkyv archive (see [`crate::archive::shape`]), whose parts are at fixed places, so that a reader finds them with
//! one number: records at byte 0, index behind them, overflow records, text, and the archive's root with the facts at the
//! end. The checksum and the generation are in the frame in front of it, because an archive cannot hold its own
//! checksum and may be published again under a later generation.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use rkyv::util::AlignedVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::archive::lookup::Words;
use crate::archive::records::Records;
use crate::archive::shape::{self, Facts};
use crate::archive::table::Table;
use crate::bytes::error::BuildError;
use crate::bytes::frame::{Damage, Frame};
use crate::bytes::generation::Generation;
use crate::bytes::layout::{AREA_BYTES, FRAME_BYTES, overflow_word};
use crate::bytes::record::{Hit, RECORD_WORDS, TextAt, kind};
use crate::bytes::value::{Flag, FlagList, Value};

/// A checked archive with its frame.
pub struct Archive {
    bytes: AlignedVec<64>,
    frame: Frame,
    facts: Facts,
}

impl Archive {
    /// Builds the archive of `flags`. If they are given by value, they are dropped as soon as they are no longer needed. Of several
    /// flags with one key the last one wins.
    ///
    /// # Errors
    /// [`BuildError`], if the keys were made to collide or the result is larger than a slot.
    pub fn build<'a>(
        flags: impl AsRef<[Flag<'a>]>,
        generation: Generation,
        facts: Facts,
    ) -> Result<Archive, BuildError> {
        let table = Table::build(flags.as_ref(), shape::ROOT_BYTES)?;
        drop(flags);
        Archive::of(table, generation, facts)
    }

    /// As [`Archive::build`], of flags that are made on demand.
    ///
    /// # Errors
    /// As [`Archive::build`].
    pub fn build_of(
        flags: impl FlagList,
        generation: Generation,
        facts: Facts,
    ) -> Result<Archive, BuildError> {
        let table = Table::build(&flags, shape::ROOT_BYTES)?;
        drop(flags);
        Archive::of(table, generation, facts)
    }

    fn of(table: Table, generation: Generation, facts: Facts) -> Result<Archive, BuildError> {
        let (places, doubles, flags) = (table.places, table.doubles, table.flags);
        let bytes = shape::finish(table, facts).map_err(BuildError::Serialize)?;
        if bytes.len() as u64 > AREA_BYTES - FRAME_BYTES {
            return Err(BuildError::TooLarge { found: bytes.len() as u64, limit: AREA_BYTES - FRAME_BYTES });
        }
        let frame = Frame {
            generation,
            archive_bytes: bytes.len() as u64,
            checksum: xxh3_64(&bytes),
            published_at: facts.published_at,
            places,
            overflow: doubles,
            flags: flags as u64,
        };
        shape::check(&frame, &bytes).map_err(BuildError::Shape)?;
        Ok(Archive { bytes, frame, facts })
    }

    /// Checks bytes that came with a frame: checksum, archive, and that every part is where readers look for it.
    ///
    /// # Errors
    /// [`Damage`], naming what is wrong.
    pub fn check(frame: Frame, bytes: AlignedVec<64>) -> Result<Archive, Damage> {
        let found = xxh3_64(&bytes);
        if found != frame.checksum {
            return Err(Damage::Checksum { expected: frame.checksum, found });
        }
        let facts = shape::check(&frame, &bytes)?;
        Ok(Archive { bytes, frame, facts })
    }

    /// The frame to write in front of the archive.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The generation under which it is or will be published.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.frame.generation
    }

    /// Gives it another generation, to publish it again.
    pub fn set_generation(&mut self, generation: Generation) {
        self.frame.generation = generation;
    }

    /// Facts about the payload that it was made of.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The archive's bytes, without the frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of flags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.flags as usize
    }

    /// Whether there is no flag at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frame.flags == 0
    }

    /// Looks a key up: at most one record and the overflow records, of which there are at most 8.
    #[must_use]
    pub fn find(&self, key: &str) -> Hit {
        Records::find(self, key)
    }

    /// The text of a string, JSON value or huge number.
    #[must_use]
    pub fn text(&self, at: TextAt) -> Option<&str> {
        let start = at.word.checked_mul(8)?;
        std::str::from_utf8(self.bytes.get(start..start.checked_add(at.bytes)?)?).ok()
    }

    /// All flags with their values, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (String, Value<'_>)> {
        self.records().filter_map(|record| Some((self.key(&record)?, self.value(&record)?)))
    }

    /// The key at a place, as [`changed_places`](crate::changed_places) counts them.
    #[must_use]
    pub fn key_at(&self, place: u32) -> Option<String> {
        let (place, places) = (place as usize, self.frame.places);
        let start = match place.checked_sub(places) {
            None => place * RECORD_WORDS,
            Some(number) => overflow_word(places) + number.checked_mul(RECORD_WORDS)?,
        };
        self.key(&self.record_at(start)?)
    }

    /// The value of a flag that was found; `None` if there is no such flag, or if damage made it no value.
    #[must_use]
    pub fn value_of(&self, hit: Hit) -> Option<Value<'_>> {
        let Ok(value) = hit.value_with::<Infallible>(|at| Ok(self.text(at).map(Cow::Borrowed)));
        value
    }

    /// Checks every record: its kind, its text, and that a look-up of its key finds this very record. This proves the
    /// bound that the builder promises. Takes about 100 ns per flag.
    ///
    /// # Errors
    /// [`Damage::Record`] for the first bad one.
    pub fn verify(&self) -> Result<(), Damage> {
        let mut flags = 0;
        for (place, record) in self.records().enumerate() {
            let bad = |problem| Err(Damage::Record { place, problem });
            if record[0] & 0xf == kind::EMPTY {
                if record != [0; RECORD_WORDS] {
                    return bad("is empty but not zero");
                }
                continue;
            }
            flags += 1;
            let Some(key) = self.key(&record) else {
                return bad("has a key that is not text");
            };
            if self.value(&record).is_none() {
                return bad("has a value that is not text or of no known kind");
            }
            if self.find(&key) != Hit::of(&record) {
                return bad("is not found under its own key");
            }
        }
        if flags != self.frame.flags {
            let (found, expected) = (flags, self.frame.flags.to_string());
            return Err(Damage::Implausible { what: "flags", found, expected });
        }
        Ok(())
    }

    fn value(&self, record: &[u64; RECORD_WORDS]) -> Option<Value<'_>> {
        self.value_of(Hit::of(record))
    }
}

impl Words for Archive {
    #[inline(always)]
    fn word_at(&self, at: usize) -> Option<u64> {
        self.bytes().get(at.checked_mul(8)?..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
    }

    #[inline(always)]
    fn record_at(&self, start: usize) -> Option<[u64; RECORD_WORDS]> {
        let bytes: &[u8; RECORD_WORDS * 8] = self.bytes().get(start.checked_mul(8)?..)?.first_chunk()?;
        let (words, _) = bytes.as_chunks::<8>();
        Some(std::array::from_fn(|i| u64::from_le_bytes(words[i])))
    }
}

impl Records for Archive {
    fn frame(&self) -> &Frame {
        Archive::frame(self)
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive")
            .field("frame", &self.frame)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "checked_tests.rs"]
mod tests;
