//! One mapped file as a reader sees it: the bounds within which look-ups may touch it, and checked loads.
//!
//! # Invariants
//! V1: `words[s]` words of the archive of slot `s` lie inside the mapping and are reserved. [`View::refresh_bounds`] is the only
//! place that raises them, from the header's reserved bytes cut to the mapping.
//! V2: the bounds before the mapping (see [`crate::read::fast_path`] L2) follow from the smaller of `words`. A snapshot beyond them is
//! read by [`View::attempt`], which looks at the bound of its slot.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::bytes::file_id::FileId;
use crate::bytes::header::{Header, reserved};
use crate::bytes::key::{FlagKey, Hashed};
use crate::bytes::layout::{Area, FRAME_BYTES, FRAME_WORDS};
use crate::bytes::record::Hit;
use crate::read::fast_path::FastPath;
use crate::sync::map::Mapping;
use crate::sync::prefix_page::{LAST_NUMBER, LAST_TAG, at, tag};
use crate::sync::protocol::{Generation, Observed, Sound, observe, still_valid_or_superseded};

/// One file as a reader sees it.
#[derive(Debug)]
pub struct View {
    words: [AtomicU64; 2],
    tag: u64,
    map: Mapping,
    header: Option<Header>,
    file: Option<FileId>,
}

impl View {
    /// A view of a mapped snapshot file. Nothing is read from shared memory before [`View::refresh_bounds`].
    pub(crate) fn new(map: Mapping, header: Header, file: FileId) -> View {
        View::build(map, Some(header), Some(file))
    }

    /// A view without a file: there is none yet.
    #[must_use]
    pub fn nothing() -> View {
        View::build(Mapping::nothing_of_its_own(), None, None)
    }

    fn build(map: Mapping, header: Option<Header>, file: Option<FileId>) -> View {
        map.front()[at::HERE].store(1, Relaxed);
        View { words: Default::default(), tag: 0, map, header, file }.with_tag(0)
    }

    /// Gives the view a tag, see [`View::stamp`]. `number` counts the views of one reader.
    #[must_use]
    pub fn with_tag(mut self, number: usize) -> View {
        self.tag = tag((number as u64).min(LAST_NUMBER));
        self.write_front();
        self
    }

    /// The mapping.
    #[must_use]
    pub fn map(&self) -> &Mapping {
        &self.map
    }

    /// The header, if there is a file.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Which file it is, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<FileId> {
        self.file
    }

    /// Twice a generation, and above it the view's tag, which is the view's number within its reader. So a stamp never stands for two
    /// different snapshots of one reader, and a value can be remembered under it.
    ///
    /// `None` from the 8,192nd view of a reader on, which all have the last tag. No stamp has that tag, so
    /// what [`crate::KeptPointer::raw_stamp`] returns is never one that was remembered, and values are looked up each time. (If numbers began again
    /// instead, a handle that slept through 8,192 moves could take a value of then for one of now, where generations had begun
    /// again as well.)
    #[must_use]
    pub fn stamp(&self, seen: Generation) -> Option<u64> {
        (self.tag != LAST_TAG).then_some((seen.0 * 2) ^ self.tag)
    }

    /// The fast path into this file.
    #[inline(always)]
    pub(crate) fn fast_path(&self) -> FastPath<'_> {
        FastPath::of(&self.map)
    }

    /// First load of the protocol.
    #[inline(always)]
    #[must_use]
    pub fn observe(&self) -> Observed {
        observe::<Sound, _>(self.map.generation())
    }

    /// Second load of the protocol. A superseded file is still read until the new one is at the path.
    #[must_use]
    pub fn still_valid(&self, seen: Observed) -> bool {
        still_valid_or_superseded::<Sound, _>(self.map.generation(), seen)
    }

    /// Lets look-ups touch what is reserved by now. Called once a file's content has been checked, and again when a
    /// snapshot has outgrown the bounds. True if they were raised.
    pub fn refresh_bounds(&self) -> bool {
        let mut raised = false;
        for slot in [0, 1] {
            let words = reserved(&self.map, Area::Slot(slot)).saturating_sub(FRAME_BYTES) / 8;
            if words > self.bound(slot) && words >= 64 {
                // Another thread may be here with an older, lower number: bounds only rise.
                self.words[slot].fetch_max(words, Relaxed);
                raised = true;
            }
        }
        self.write_front();
        raised
    }

    /// Whether this is the first call in a child of a fork. From then on the fast path works again.
    pub fn is_new_in_child(&self) -> bool {
        let here = &self.map.front()[at::HERE];
        let is_first = here.load(Relaxed) == 0 && here.swap(1, Relaxed) == 0;
        if is_first {
            self.write_front();
        }
        is_first
    }

    /// Gives back the memory of a file that is no longer used, and all of its addresses that no read can touch which is still under
    /// way. Such a read finds zeros, which the protocol rejects.
    ///
    /// # Errors
    /// That of the kernel; what could not be given back is kept until the view is dropped.
    pub fn release(&self) -> std::io::Result<()> {
        self.map.release([self.bound(0), self.bound(1)])
    }

    /// Writes the line before the mapping, which a fork wipes.
    fn write_front(&self) {
        // V2: one bound for both slots, because a load that waits for the slot number costs a nanosecond.
        let least = self.bound(0).min(self.bound(1));
        let line = [(at::TAG, self.tag), (at::WORDS, least), (at::MOST_PLACES, most_places(least))];
        for (at, value) in line {
            // Several threads write the same, or bounds that only rise.
            self.map.front()[at].fetch_max(value, Relaxed);
        }
    }

    /// Looks a key of up to 48 bytes up in one attempt, as [`crate::Versions::probe`].
    #[must_use]
    pub fn probe(&self, key: &Hashed) -> Option<Hit> {
        self.fast_path().probe(key)
    }

    /// As [`View::probe`], within a generation that was observed before.
    #[inline(always)]
    #[must_use]
    pub fn probe_in(&self, seen: Observed, key: &Hashed) -> Option<Hit> {
        self.fast_path().probe_in(seen, key)
    }

    /// As [`View::probe_in`]: a boolean, or `default`.
    #[inline(always)]
    #[must_use]
    pub fn probe_bool_in(&self, seen: Observed, key: &Hashed, default: bool) -> Option<bool> {
        self.fast_path().probe_bool_in(seen, key, default)
    }

    /// Looks several keys up, as [`crate::Versions::probe_many`] in a generation that was observed before.
    #[inline(always)]
    #[must_use]
    pub fn probe_many_in<K: FlagKey, const N: usize>(
        &self,
        seen: Observed,
        keys: &[K; N],
    ) -> Option<[Hit; N]> {
        self.fast_path().probe_many_in(seen, keys)
    }

    /// As [`View::probe_many_in`]: booleans, or `default`.
    #[inline(always)]
    #[must_use]
    pub fn probe_bools_in<K: FlagKey, const N: usize>(
        &self,
        seen: Observed,
        keys: &[K; N],
        default: bool,
    ) -> Option<[bool; N]> {
        self.fast_path().probe_bools_in(seen, keys, default)
    }

    /// Looks a key of over 48 bytes up in one attempt. `None`: not settled.
    #[must_use]
    pub fn probe_long(&self, key: &[u8], hashed: &Hashed) -> Option<Hit> {
        self.fast_path().probe_long(key, hashed)
    }

    /// Whether the fast path has not yet heard that there is space for this many places.
    pub(crate) fn is_behind(&self, places: u64) -> bool {
        places > self.map.front()[at::MOST_PLACES].load(Relaxed)
    }

    /// Words of a slot's archive that may be touched.
    pub(crate) fn bound(&self, slot: usize) -> u64 {
        self.words[slot].load(Relaxed)
    }

    /// Whether look-ups touch this file's memory: whether [`View::refresh_bounds`] has found any.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.bound(0) | self.bound(1) != 0
    }

    /// A word of a slot's archive, if it is inside the bytes that are really there.
    pub(crate) fn word(&self, slot: usize, at: usize) -> Option<u64> {
        if at as u64 >= self.bound(slot) {
            return None;
        }
        // V1: the fallback is never taken.
        Some(self.map.load(Area::Slot(slot).word() + FRAME_WORDS + at))
    }
}

/// How many places fit, with their index, into this many words.
pub(crate) const fn most_places(words: u64) -> u64 {
    words.saturating_sub(1) * 2 / 17
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stamp_of_a_reader_comes_twice_however_many_files_it_has_had() {
        let view = |number| View::nothing().with_tag(number);
        let mut seen = std::collections::HashSet::new();
        for number in 0..LAST_NUMBER as usize {
            assert!(seen.insert(view(number).stamp(Generation(3)).unwrap()), "view {number}");
        }
        for number in [LAST_NUMBER as usize, 8192, 8193, 3 * 8192 + 5, usize::MAX] {
            assert_eq!(view(number).stamp(Generation(3)), None, "view {number}");
            // What a handle compares with is none of them either, whatever the generation.
            let front = view(number).map.front()[at::TAG].load(Relaxed);
            assert!((0..8).all(|word| !seen.contains(&(word ^ front))), "view {number}");
        }
    }
}
