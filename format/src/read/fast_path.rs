//! The fast path: look-ups on shared memory that start from one pointer.
//!
//! What is read between the first and the second load of the generation word may be torn. So every load is a relaxed
//! atomic load of a word inside the bytes that are really reserved, every bit pattern is a valid value, and nothing
//! borrows from the memory.
//!
//! A look-up takes about 100 instructions and no branch that depends on the key, except on its length class and on the filter.
//! Everything else (retries, overflow records, other lengths) is out of line.
//!
//! # Invariants
//! L1: the pointer is that of the generation word of a [`Mapping`] that lives for `'a`, so that the line of [`crate::sync::prefix_page`] is
//! directly before its header (M4).
//! L2: if the line's `MOST_PLACES` is not 0, both slots lie inside the mapping, and that many places with their index
//! (`places * 8 + max(places / 2, 1)` words) as well as `WORDS` words are reserved in both. [`crate::read::view`] sees to it.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::archive::perfect::{high, multiplier, passes};
use crate::bytes::key::{Hashed, PreparedKey, middle_pair, middle_pairs};
use crate::bytes::layout::{AREA_BYTES, Area, FRAME_WORDS, word};
use crate::bytes::record::{Hit, RECORD_WORDS, kind};
use crate::sync::map::Mapping;
use crate::sync::prefix_page::{FRONT_WORDS, LAST_TAG, at};
use crate::sync::protocol::{Observed, Sound, observe, still_valid};

/// A pointer to the generation word of one mapped file. Everything that a look-up needs is at a fixed offset from it: the places in
/// the same page, both slots behind it, and before it the line of [`crate::sync::prefix_page`] with the bounds and the tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FastPath<'a> {
    generation: *const AtomicU64,
    of: PhantomData<&'a Mapping>,
}

impl<'a> FastPath<'a> {
    /// Of a mapping.
    pub(crate) fn of(map: &'a Mapping) -> FastPath<'a> {
        // SAFETY: L1: the mapping is borrowed for `'a`. An address and not a reference, because the rest of the memory is reached from it as well.
        unsafe { FastPath::from_raw(map.generation_address()) }
    }

    /// # Safety
    /// L1.
    #[inline(always)]
    pub(crate) unsafe fn from_raw(generation: *const AtomicU64) -> FastPath<'a> {
        FastPath { generation, of: PhantomData }
    }

    /// For [`FastPath::from_raw`].
    pub(crate) fn as_ptr(self) -> *const AtomicU64 {
        self.generation
    }

    #[inline(always)]
    fn generation(self) -> &'a AtomicU64 {
        // SAFETY: L1.
        unsafe { &*self.generation }
    }

    /// A word of the line before the header.
    #[inline(always)]
    fn front(self, at: usize) -> u64 {
        debug_assert!(at < FRONT_WORDS);
        // SAFETY: L1: the line is directly before the header.
        let word = unsafe { self.generation.sub(word::GENERATION + FRONT_WORDS - at) };
        // SAFETY: L1: mapped for `'a`, only ever seen as an atomic.
        unsafe { &*word }.load(Relaxed)
    }

    /// The generation word as it is now and the tag of its view, in one number: for handles that remember a value.
    #[inline(always)]
    pub(crate) fn raw_stamp(self) -> u64 {
        self.generation().load(Relaxed) ^ self.front(at::TAG)
    }

    /// From now on no value that was remembered of this file is current. The tag is one that no stamp has, and higher than all that have one,
    /// so that it stays whoever writes the line again.
    pub(crate) fn leave(self) {
        // SAFETY: L1, as in `front`.
        let tag = unsafe { self.generation.sub(word::GENERATION + FRONT_WORDS - at::TAG) };
        // SAFETY: as there; the line is private memory that can be written to.
        unsafe { &*tag }.fetch_max(LAST_TAG, Relaxed);
    }

    /// Looks a key of up to 48 bytes up in one attempt. `None`: not settled (overtaken, superseded, out of bounds, nothing
    /// published, a snapshot with overflow records, the first read after a fork), ask [`crate::View::attempt`].
    #[inline(always)]
    pub(crate) fn probe(self, key: &Hashed) -> Option<Hit> {
        self.probe_in(self.observe(), key)
    }

    /// As [`FastPath::probe`], within a generation that was observed before.
    #[inline(always)]
    pub(crate) fn probe_in(self, seen: Observed, key: &Hashed) -> Option<Hit> {
        self.probe_with(seen, key, Hit::MISSING, |record| {
            let found = Hit { meta: record[0].load(Relaxed), value: record[1].load(Relaxed) };
            let length = found.meta >> 8 & 0xff_ffff ^ key.bytes as u64;
            if compare(record, key) | length == 0 { found } else { Hit::MISSING }
        })
    }

    /// As [`FastPath::probe`]: a boolean, or `default`. One compare for key, length, kind and value.
    #[inline(always)]
    pub(crate) fn probe_bool(self, key: &Hashed, default: bool) -> Option<bool> {
        self.probe_bool_in(self.observe(), key, default)
    }

    /// As [`FastPath::probe_bool`], within a generation that was observed before.
    #[inline(always)]
    pub(crate) fn probe_bool_in(self, seen: Observed, key: &Hashed, default: bool) -> Option<bool> {
        self.probe_with(seen, key, default, |record| {
            default ^ is_opposite(record, record[0].load(Relaxed), key, default)
        })
    }

    /// As [`FastPath::probe_bool`], for a key of 49 to 64 bytes.
    #[inline(always)]
    pub(crate) fn probe_bool_one_pair(self, key: &[u8], default: bool) -> Option<bool> {
        let (hashed, pair) = Hashed::one_pair(key);
        let seen = self.observe();
        let value = match self.locate(seen, hashed.hash) {
            Located::Outside => return None,
            Located::Missing => default,
            Located::Record(record) => {
                let meta = record[0].load(Relaxed);
                let middle = self.compare_pair(seen, (meta >> 32) as usize, pair)?;
                // Without the text word, which is compared by what stands there.
                default ^ (middle == 0 && is_opposite(record, meta & 0xffff_ffff, &hashed, default))
            }
        };
        self.still_valid(seen).then_some(value)
    }

    /// Looks several keys up, within an observed generation and with one second load. `None`: not settled.
    #[inline(always)]
    pub(crate) fn probe_many_in<K: PreparedKey, const N: usize>(
        self,
        seen: Observed,
        keys: &[K; N],
    ) -> Option<[Hit; N]> {
        let read = |record: &[AtomicU64; RECORD_WORDS], meta: u64, key: &Hashed| {
            let length = meta >> 8 & 0xff_ffff ^ key.bytes as u64;
            let found = Hit { meta, value: record[1].load(Relaxed) };
            if compare(record, key) | length == 0 { found } else { Hit::MISSING }
        };
        self.probe_each(seen, keys, Hit::MISSING, read, |hit| hit)
    }

    /// As [`FastPath::probe_many_in`]: booleans, or `default`.
    #[inline(always)]
    pub(crate) fn probe_bools_in<K: PreparedKey, const N: usize>(
        self,
        seen: Observed,
        keys: &[K; N],
        default: bool,
    ) -> Option<[bool; N]> {
        let read = |record: &[AtomicU64; RECORD_WORDS], meta: u64, key: &Hashed| {
            default ^ is_opposite(record, meta, key, default)
        };
        self.probe_each(seen, keys, default, read, |hit| hit.bool().unwrap_or(default))
    }

    /// A key of any length. The second load is the caller's.
    #[inline(never)]
    fn find_in(self, seen: Observed, key: &[u8]) -> Option<Hit> {
        let hashed = Hashed::new(key);
        let Located::Record(record) = self.locate(seen, hashed.hash) else { return Some(Hit::MISSING) };
        let found = Hit { meta: record[0].load(Relaxed), value: record[1].load(Relaxed) };
        let length = found.meta >> 8 & 0xff_ffff ^ key.len() as u64;
        let middle = self.compare_middle(seen, found, key)?;
        Some(if compare(record, &hashed) | length | middle == 0 { found } else { Hit::MISSING })
    }

    /// All index words are asked for before the first one is needed, and then all records: what is not at hand in the processor comes at once, and
    /// not one after the other. `read` gets a record, its first word and the key. Keys that are no six windows come last, one by one.
    #[inline(always)]
    fn probe_each<K: PreparedKey, T: Copy, const N: usize>(
        self,
        seen: Observed,
        keys: &[K; N],
        missing: T,
        read: impl Fn(&[AtomicU64; RECORD_WORDS], u64, &Hashed) -> T,
        of: impl Fn(Hit) -> T,
    ) -> Option<[T; N]> {
        let places = self.places(seen)?;
        let archive = self.archive(seen);
        let (mut hashes, mut entries) = ([0; N], [0; N]);
        for ((key, hash), entry) in keys.iter().zip(&mut hashes).zip(&mut entries) {
            // An entry of zeros lets no key pass.
            let Some(key) = key.prepared() else { continue };
            *hash = key.hash;
            let bucket = places as usize * 8 + high(*hash, places >> 1) as usize;
            // SAFETY: L2: `bucket < places * 8 + max(places / 2, 1)`.
            let at = unsafe { archive.add(bucket) };
            // SAFETY: as above; mapped words are only ever seen as atomics.
            *entry = unsafe { &*at }.load(Relaxed);
        }
        let record = |place: usize| {
            // SAFETY: L2: `place < places`, and the records are the first `places * 8` words.
            let record = unsafe { archive.cast::<[AtomicU64; RECORD_WORDS]>().add(place) };
            // SAFETY: as above; mapped words are only ever seen as atomics.
            unsafe { &*record }
        };
        let (mut at, mut metas) = ([0; N], [0; N]);
        for (((hash, entry), at), meta) in hashes.iter().zip(&entries).zip(&mut at).zip(&mut metas) {
            *at = high(hash.wrapping_mul(multiplier(*entry)), places) as usize;
            *meta = record(*at)[0].load(Relaxed);
        }
        let mut values = [missing; N];
        for (i, value) in values.iter_mut().enumerate() {
            // The windows once more: to keep them for all keys would cost more.
            *value = match keys[i].prepared() {
                Some(key) => {
                    let found = read(record(at[i]), metas[i], &key);
                    if passes(entries[i], hashes[i]) { found } else { missing }
                }
                None => of(self.find_in(seen, keys[i].text().as_bytes())?),
            };
        }
        self.still_valid(seen).then_some(values)
    }

    /// The second load of the generation is in both arms: with one load behind both, a hit would take half a nanosecond longer.
    #[inline(always)]
    fn probe_with<T>(
        self,
        seen: Observed,
        key: &Hashed,
        missing: T,
        read: impl FnOnce(&[AtomicU64; RECORD_WORDS]) -> T,
    ) -> Option<T> {
        match self.locate(seen, key.hash) {
            Located::Outside => None,
            Located::Missing => self.still_valid(seen).then_some(missing),
            Located::Record(record) => {
                let value = read(record);
                self.still_valid(seen).then_some(value)
            }
        }
    }

    /// First load of the protocol.
    #[inline(always)]
    pub(crate) fn observe(self) -> Observed {
        observe::<Sound, _>(self.generation())
    }

    /// Second load of the protocol.
    #[inline(always)]
    pub(crate) fn still_valid(self, seen: Observed) -> bool {
        still_valid::<Sound, _>(self.generation(), seen)
    }

    /// Looks a key of over 48 bytes up in one attempt. `None`: not settled, ask [`crate::View::attempt`].
    #[inline(always)]
    pub(crate) fn probe_long(self, key: &[u8], hashed: &Hashed) -> Option<Hit> {
        self.probe_long_in(self.observe(), key, hashed)
    }

    /// As [`FastPath::probe_long`], within a generation that was observed before.
    #[inline(always)]
    pub(crate) fn probe_long_in(self, seen: Observed, key: &[u8], hashed: &Hashed) -> Option<Hit> {
        let found = match self.locate(seen, hashed.hash) {
            Located::Outside => return None,
            Located::Missing => Hit::MISSING,
            Located::Record(record) => {
                let found = Hit { meta: record[0].load(Relaxed), value: record[1].load(Relaxed) };
                let length = found.meta >> 8 & 0xff_ffff ^ key.len() as u64;
                let middle = self.compare_middle(seen, found, key)?;
                if compare(record, hashed) | length | middle == 0 { found } else { Hit::MISSING }
            }
        };
        self.still_valid(seen).then_some(found)
    }

    /// The places of the table of this generation. `None`: nothing of it may be touched here.
    #[inline(always)]
    fn places(self, seen: Observed) -> Option<u64> {
        // SAFETY: L1: the header page holds the words behind the generation word.
        let places = unsafe { self.generation.add(word::PLACES[0] - word::GENERATION + seen.slot()) };
        // SAFETY: as above.
        let places = unsafe { &*places }.load(Relaxed);
        // Overflow records, counted in the high half, leave here, so that nobody else pays for them. Zero places (nothing
        // published, or zeros laid over the file) wraps and leaves as well. So does a child after a fork.
        (places.wrapping_sub(1) < self.front(at::MOST_PLACES)).then_some(places)
    }

    /// The archive of this generation, if [`FastPath::places`] says that there is one.
    #[inline(always)]
    fn archive(self, seen: Observed) -> *const AtomicU64 {
        // SAFETY: L2: the slot lies inside the mapping.
        unsafe { self.generation.add(archive_word(seen.slot())) }
    }

    /// Finds the one record that a hash can be in.
    #[inline(always)]
    fn locate(self, seen: Observed, hash: u64) -> Located<'a> {
        let Some(places) = self.places(seen) else { return Located::Outside };
        let archive = self.archive(seen);
        let bucket = places as usize * 8 + high(hash, places >> 1) as usize;
        // SAFETY: L2: `bucket < places * 8 + max(places / 2, 1)`.
        let entry = unsafe { archive.add(bucket) };
        // SAFETY: as above; mapped words are only ever seen as atomics.
        let entry = unsafe { &*entry }.load(Relaxed);
        if !passes(entry, hash) {
            return Located::Missing;
        }
        let place = high(hash.wrapping_mul(multiplier(entry)), places) as usize;
        // In steps of whole records: a multiplication by 8 would be merged with the shift in `high` into a double
        // shift, which is slow.
        // SAFETY: L2: `place < places`, and the records are the first `places * 8` words.
        let record = unsafe { archive.cast::<[AtomicU64; RECORD_WORDS]>().add(place) };
        // SAFETY: as above; mapped words are only ever seen as atomics.
        Located::Record(unsafe { &*record })
    }

    /// Copies words of a slot's archive. `false` if they are not all inside the bounds.
    #[inline(always)]
    pub(crate) fn copy(self, seen: Observed, start: usize, out: &mut [[u8; 8]]) -> bool {
        if start as u64 + out.len() as u64 > self.front(at::WORDS) {
            return false;
        }
        // SAFETY: L2: the slot lies inside the mapping, and `start` is not above `WORDS`.
        let first = unsafe { self.generation.add(archive_word(seen.slot()) + start) };
        for (i, word) in out.iter_mut().enumerate() {
            // SAFETY: L2: `start + i < WORDS`.
            let from = unsafe { first.add(i) };
            // SAFETY: as above; mapped words are only ever seen as atomics.
            *word = unsafe { &*from }.load(Relaxed).to_le_bytes();
        }
        true
    }

    /// Zero if the middle of a record's key is that of `key`. `None`: it is outside of the bounds.
    #[inline(always)]
    fn compare_middle(self, seen: Observed, found: Hit, key: &[u8]) -> Option<u64> {
        let (start, pairs) = (found.meta >> 32, middle_pairs(key.len()));
        let mut difference = 0;
        for i in 0..pairs {
            difference |= self.compare_pair(seen, start as usize + 2 * i, middle_pair(key, i))?;
        }
        Some(difference)
    }

    /// Zero if the two words from word `start` of the archive on are these.
    #[inline(always)]
    fn compare_pair(self, seen: Observed, start: usize, [a, b]: [u64; 2]) -> Option<u64> {
        if start as u64 + 2 > self.front(at::WORDS) {
            return None;
        }
        // SAFETY: L2: `start + 1 < WORDS`.
        let pair = unsafe { self.archive(seen).add(start).cast::<[AtomicU64; 2]>() };
        // SAFETY: as above; mapped words are only ever seen as atomics.
        let pair = unsafe { &*pair };
        Some((pair[0].load(Relaxed) ^ a) | (pair[1].load(Relaxed) ^ b))
    }
}

/// Words from the generation word to a slot's archive.
#[inline(always)]
const fn archive_word(slot: usize) -> usize {
    const FIRST: usize = Area::Slot(0).word() + FRAME_WORDS - word::GENERATION;
    FIRST + slot * (AREA_BYTES as usize / 8)
}

/// The one place at which a hash can be found.
enum Located<'a> {
    /// Nothing may be touched: no snapshot, or one outside of the bounds.
    Outside,
    /// The filter says that there is no such key.
    Missing,
    /// If the key is there, it is in this record.
    Record(&'a [AtomicU64; RECORD_WORDS]),
}

/// Zero if the windows are those of the key.
#[inline(always)]
fn compare(record: &[AtomicU64; RECORD_WORDS], key: &Hashed) -> u64 {
    let word = |i: usize| record[i].load(Relaxed);
    (word(2) ^ key.windows[0])
        | (word(3) ^ key.windows[1])
        | (word(4) ^ key.windows[2])
        | (word(5) ^ key.windows[3])
        | (word(6) ^ key.windows[4])
        | (word(7) ^ key.windows[5])
}

/// Whether a record, whose first word is `meta`, is that of the key and has the other boolean than `default`. The text word (bits 32 to 63)
/// is zero for keys that the windows cover.
#[inline(always)]
fn is_opposite(record: &[AtomicU64; RECORD_WORDS], meta: u64, key: &Hashed, default: bool) -> bool {
    let opposite = (key.bytes as u64) << 8 | if default { kind::FALSE } else { kind::TRUE };
    compare(record, key) | (meta ^ opposite) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_where_the_layout_says() {
        for slot in [0, 1] {
            assert_eq!(archive_word(slot) + word::GENERATION, Area::Slot(slot).word() + FRAME_WORDS);
        }
    }
}
