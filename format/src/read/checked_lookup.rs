//! Look-ups on live memory within one observed generation: keys of any length, overflow records, texts. What the fast path does
//! not settle is done here, with every word checked against the bytes that are really there.

use crate::archive::lookup::{self, Words};
use crate::bytes::key::Hashed;
use crate::bytes::layout::{MAX_OVERFLOW, word};
use crate::bytes::record::{Hit, TextAt};
use crate::read::view::{View, most_places};
use crate::sync::protocol::Observed;

/// The archive in one slot of a view.
struct Slot<'a>(&'a View, usize);

impl Words for Slot<'_> {
    #[inline(always)]
    fn word_at(&self, at: usize) -> Option<u64> {
        self.0.word(self.1, at)
    }
}

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
        let (places, overflow) = (table & 0xffff_ffff, (table >> 32) as usize);
        if places.wrapping_sub(1) >= most_places(self.bound(slot)) {
            return None;
        }
        if self.is_behind(places) {
            self.refresh_bounds();
        }
        lookup::find(&Slot(self, slot), places as usize, overflow.min(MAX_OVERFLOW), key, hashed)
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
            // If there is no memory for it, there is no text; the process is not aborted.
            heap.try_reserve_exact(bytes.saturating_sub(heap.len())).ok()?;
            heap.resize(bytes, 0);
            heap.as_mut_slice()
        };
        for (i, bytes) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *bytes = self.word(slot, at.word + i)?.to_le_bytes();
        }
        if self.still_valid(seen) { out.get(..at.bytes) } else { None }
    }
}
