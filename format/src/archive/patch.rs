//! Other values for some flags, in place: everything else of the archive stays as it is, also its checksum's other blocks.

use crate::archive::checked::Archive;
use crate::archive::shape::{self, Facts};
use crate::archive::table::{Content, content};
use crate::bytes::checksum::BLOCK;
use crate::bytes::record::{Hit, RECORD_WORDS};
use crate::bytes::value::Value;

impl Archive {
    /// Whether [`Archive::patch`] can put these values at these places of the table: a flag is there, and the text of the value takes as
    /// many words as the one before, so that no other text has to move.
    #[must_use]
    pub fn can_be_patched(&self, changes: &[(u32, Value<'_>)]) -> bool {
        changes.iter().all(|(place, value)| {
            let Some(before) = self.at_place(*place) else { return false };
            let words = before.text().map(|text| text.words());
            match (content(value).1, words) {
                (Content::Text(text), Some(words)) => {
                    text.len().div_ceil(8) == words && u32::try_from(text.len()).is_ok()
                }
                // Where an empty text stands, though it takes no word, depends on those before it.
                (Content::Text(_), None) => false,
                (Content::Word(_), words) => words.unwrap_or(0) == 0,
            }
        })
    }

    /// Gives flags at some places of the table other values, and the archive other facts. It is then, byte for byte, what a build with
    /// the hint of this archive makes of the same keys in the same order with these values. Returns the places at which the
    /// value is another one than before, in order. Nothing changes unless [`Archive::can_be_patched`].
    pub fn patch(&mut self, changes: &[(u32, Value<'_>)], facts: Facts) -> Vec<u32> {
        if !self.can_be_patched(changes) {
            return Vec::new();
        }
        let mut changed = Vec::with_capacity(changes.len());
        let mut touched = Vec::with_capacity(changes.len() + 2);
        for (place, value) in changes {
            if self.put(*place, value, &mut touched) {
                changed.push(*place);
            }
        }
        let at = shape::put_facts(&mut self.bytes, &facts);
        touched.extend([at / BLOCK, (self.bytes.len() - 1) / BLOCK]);
        touched.sort_unstable();
        touched.dedup();
        for block in touched {
            self.sums.renew(&self.bytes, block * BLOCK);
        }
        self.facts = facts;
        self.frame.published_at = facts.published_at;
        self.frame.checksum = self.sums.checksum();
        changed.sort_unstable();
        changed
    }

    fn at_place(&self, place: u32) -> Option<Hit> {
        let start = place as usize * RECORD_WORDS * 8;
        let words = self.bytes.get(start..start + 16)?.as_chunks::<8>().0;
        let hit = Hit { meta: u64::from_le_bytes(words[0]), value: u64::from_le_bytes(words[1]) };
        ((place as usize) < self.frame.places && hit.is_present()).then_some(hit)
    }

    /// Whether the value is another one. Notes which blocks were written to.
    fn put(&mut self, place: u32, value: &Value<'_>, touched: &mut Vec<usize>) -> bool {
        let Some(before) = self.at_place(place) else { return false };
        let (kind, content) = content(value);
        let mut is_other = before.kind() != kind;
        let value = match (content, before.text()) {
            (Content::Text(text), Some(at)) => {
                let start = at.word * 8;
                let Some(to) = self.bytes.get_mut(start..start + at.words() * 8) else { return false };
                is_other |= to.get(..at.bytes) != Some(text.as_bytes());
                let (new, padding) = to.split_at_mut(text.len());
                new.copy_from_slice(text.as_bytes());
                padding.fill(0);
                touched.extend(start / BLOCK..(start + to.len()).div_ceil(BLOCK));
                (at.word as u64) << 32 | text.len() as u64
            }
            (Content::Word(word), _) => {
                is_other |= before.value != word;
                word
            }
            (Content::Text(_), None) => return false,
        };
        let start = place as usize * RECORD_WORDS * 8;
        let record = &mut self.bytes[start..start + 16];
        record[..8].copy_from_slice(&(before.meta & !0xf | kind).to_le_bytes());
        record[8..].copy_from_slice(&value.to_le_bytes());
        touched.push(start / BLOCK);
        is_other
    }
}
