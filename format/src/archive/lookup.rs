//! A look-up in an archive that is read word by word, where every word is checked against what may be read: one record, and the
//! overflow records, of which there are at most 8. It finds what the fast path ([`crate::read::fast_path`]) finds, in all
//! snapshots and for all keys.

use crate::archive::perfect::{high, multiplier, passes};
use crate::bytes::key::Hashed;
use crate::bytes::layout::{buckets, overflow_word};
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, kind};

/// The words of an archive, in private or in shared memory.
pub trait Words {
    /// A word of the archive; `None` if it lies outside of what may be read.
    fn word_at(&self, at: usize) -> Option<u64>;

    /// The record that begins at a word; `None` if not all of it may be read.
    #[inline]
    fn record_at(&self, start: usize) -> Option<[u64; RECORD_WORDS]> {
        let mut record = [0; RECORD_WORDS];
        for (i, word) in record.iter_mut().enumerate() {
            *word = self.word_at(start + i)?;
        }
        Some(record)
    }
}

/// Looks a key up in a table of `places` places and `overflow` overflow records. `None`: a word that decides lies outside of what
/// may be read. That is not "no such key": a live snapshot may have outgrown the bounds that its reader knows.
#[inline]
pub(crate) fn find<W: Words + ?Sized>(
    words: &W,
    places: usize,
    overflow: usize,
    key: &str,
    hashed: &Hashed,
) -> Option<Hit> {
    let entry = words.word_at(places * 8 + high(hashed.hash, buckets(places) as u64) as usize)?;
    if !passes(entry, hashed.hash) {
        return Some(Hit::MISSING);
    }
    let place = high(hashed.hash.wrapping_mul(multiplier(entry)), places as u64) as usize;
    let record = words.record_at(place * RECORD_WORDS)?;
    if has_key(words, &record, key, hashed)? {
        return Some(Hit::of(&record));
    }
    for i in 0..overflow {
        let record = words.record_at(overflow_word(places) + i * RECORD_WORDS)?;
        if has_key(words, &record, key, hashed)? {
            return Some(Hit::of(&record));
        }
    }
    Some(Hit::MISSING)
}

/// Whether a record is that of `key`. `None`: the middle of its key lies outside of what may be read.
#[inline]
fn has_key<W: Words + ?Sized>(
    words: &W,
    record: &[u64; RECORD_WORDS],
    key: &str,
    hashed: &Hashed,
) -> Option<bool> {
    let of = KeyOf(record);
    if record[0] & 0xf == kind::EMPTY || !of.has_windows_of(hashed) {
        return Some(false);
    }
    let middle = of.middle().map_or(0, |at| at.word);
    of.has_middle_of(key.as_bytes(), |i| words.word_at(middle.saturating_add(i)))
}
