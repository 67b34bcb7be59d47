//! Look-ups on live memory within one observed generation: keys of any length, overflow records, texts. What the fast path does
//! not settle is done with every word checked against the bytes that are really there.

use crate::archive::perfect::{high, multiplier, passes};
use crate::bytes::key::Hashed;
use crate::bytes::layout::{MAX_OVERFLOW, buckets, overflow_word, word};
use crate::bytes::record::{Hit, KeyOf, RECORD_WORDS, TextAt, kind};
use crate::read::view::{View, most_places};
use crate::sync::protocol::Observed;

impl View {
    /// Looks a key of any length up, overflow records included, within an observed generation. `None`: overtaken, or
    /// outside of the bounds (then [`View::refresh_bounds`] may help).
    #[must_use]
    pub fn attempt(&self, seen: Observed, key: &str, hashed: &Hashed) -> Option<Hit> {
        let fast_path = self.fast_path();
        let fast = match key.len() {
            0..=Hashed::INLINE_BYTES => fast_path.probe_in(seen, hashed),
            _ => fast_path.probe_long_in(seen, key.as_bytes(), hashed),
        };
        match fast {
            Some(found) => Some(found),
            None => self.search(seen, key, hashed).filter(|_| self.still_valid(seen)),
        }
    }

    #[cold]
    #[inline(never)]
    fn search(&self, seen: Observed, key: &str, hashed: &Hashed) -> Option<Hit> {
        let slot = seen.slot();
        let table = self.map().load(word::PLACES[slot]);
        let places = table & 0xffff_ffff;
        if places.wrapping_sub(1) >= most_places(self.bound(slot)) {
            return None;
        }
        if self.is_behind(places) {
            self.refresh_bounds();
        }
        let places = places as usize;
        let entry = self.word(slot, places * 8 + high(hashed.hash, buckets(places) as u64) as usize)?;
        if !passes(entry, hashed.hash) {
            return Some(Hit::MISSING);
        }
        let place = high(hashed.hash.wrapping_mul(multiplier(entry)), places as u64) as usize;
        let record = self.record(slot, place * RECORD_WORDS)?;
        if self.has_key(slot, &record, key, hashed)? {
            return Some(Hit { meta: record[0], value: record[1] });
        }
        for i in 0..((table >> 32) as usize).min(MAX_OVERFLOW) {
            let record = self.record(slot, overflow_word(places) + i * RECORD_WORDS)?;
            if self.has_key(slot, &record, key, hashed)? {
                return Some(Hit { meta: record[0], value: record[1] });
            }
        }
        Some(Hit::MISSING)
    }

    /// Copies a text of the observed generation: into `stack` if it fits, else into `heap`, which is then allocated.
    /// `None`: overtaken, or the text is not inside the bounds.
    #[must_use]
    pub fn copy_text<'b>(
        &self,
        seen: Observed,
        at: TextAt,
        stack: &'b mut [u8; 512],
        heap: &'b mut Vec<u8>,
    ) -> Option<&'b [u8]> {
        let slot = seen.slot();
        if !at.fits(self.bound(slot) as usize) {
            return None;
        }
        let out = if at.words() * 8 <= stack.len() {
            &mut stack[..at.words() * 8]
        } else {
            let bytes = at.words() * 8;
            // Without memory there is no text, and the process goes on.
            heap.try_reserve_exact(bytes.saturating_sub(heap.len())).ok()?;
            heap.resize(bytes, 0);
            heap.as_mut_slice()
        };
        for (i, bytes) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *bytes = self.word(slot, at.word + i)?.to_le_bytes();
        }
        if self.still_valid(seen) { out.get(..at.bytes) } else { None }
    }

    /// Whether a record is that of `key`. `None`: the middle of its key lies outside of the bounds, so that it cannot be told. That
    /// is not "another key": the snapshot may have outgrown the bounds.
    fn has_key(&self, slot: usize, record: &[u64; RECORD_WORDS], key: &str, hashed: &Hashed) -> Option<bool> {
        let of = KeyOf(record);
        if record[0] & 0xf == kind::EMPTY || !of.has_windows_of(hashed) {
            return Some(false);
        }
        let middle = of.middle().map_or(0, |at| at.word);
        of.has_middle_of(key.as_bytes(), |i| self.word(slot, middle.saturating_add(i)))
    }

    fn record(&self, slot: usize, at: usize) -> Option<[u64; RECORD_WORDS]> {
        let mut record = [0; RECORD_WORDS];
        for (i, word) in record.iter_mut().enumerate() {
            *word = self.word(slot, at + i)?;
        }
        Some(record)
    }
}
