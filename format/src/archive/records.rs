//! The records of one snapshot, in private memory or still in its slot.

use crate::archive::lookup::{self, Words};
use crate::bytes::frame::Frame;
use crate::bytes::key::Hashed;
use crate::bytes::layout::overflow_word;
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, TextAt};

/// A snapshot that nobody changes while it is looked at, and whose shape was checked.
pub trait Records: Words {
    /// The frame in front of the archive.
    fn frame(&self) -> &Frame;

    /// Looks a key up: at most one record and the overflow records, of which there are at most 8.
    fn find(&self, key: &str) -> Hit {
        let (places, overflow) = (self.frame().places, self.frame().overflow);
        let found = lookup::find(self, places, overflow, key, &Hashed::new(key.as_bytes()));
        // Only damage leads a look-up out of the archive.
        found.unwrap_or(Hit::MISSING)
    }

    /// The record that begins at a word.
    fn record(&self, start: usize) -> [u64; RECORD_WORDS] {
        // The shape was checked, so the fallback is never taken.
        self.record_at(start).unwrap_or([0; RECORD_WORDS])
    }

    /// All records, those of places without a flag included.
    fn records(&self) -> impl Iterator<Item = [u64; RECORD_WORDS]> + '_ {
        let (places, overflow) = (self.frame().places, self.frame().overflow);
        let placed = (0..places).map(|place| place * RECORD_WORDS);
        let overflow = (0..overflow).map(move |i| overflow_word(places) + i * RECORD_WORDS);
        placed.chain(overflow).map(|start| self.record(start))
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

    /// Whether a text equals one of another archive. Texts are padded with zeros to whole words.
    fn has_same_text(&self, own: TextAt, other: &impl Records, at: TextAt) -> bool {
        let fits = |at: TextAt| at.word.checked_add(at.words()).is_some();
        own.bytes == at.bytes
            && fits(own)
            && fits(at)
            && (0..own.words()).all(|i| {
                let word = self.word_at(own.word + i);
                word.is_some() && word == other.word_at(at.word + i)
            })
    }
}
