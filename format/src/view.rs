//! A reader's view of one mapped file: the look-ups on live shared memory.
//!
//! What is read between the first and the second load of the generation word may be torn. So every load is a relaxed
//! atomic load of a word inside the bytes that are really reserved, every bit pattern is a valid value, and nothing
//! borrows from the memory.
//!
//! # Invariants
//! V1: `archives[s]` points to the archive of slot `s`, and at least `max(words[s], 64)` words from there stay mapped as
//! long as the view lives ([`Mapping`] M1). [`View::refresh_bounds`] is the only place that raises `words`, from the
//! header's reserved bytes cut to the mapping; slots of a mapping without room get a page of zeros.
//! V2: `most_places` places and their index (`places * 8 + max(places / 2, 1)` words) fit the smaller of `words`. A snapshot
//! beyond it is read by [`View::attempt`], which looks at the bound of its slot.
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::header::{Header, reserved};
use crate::key::Hashed;
use crate::layout::{Area, FRAME_BYTES, FRAME_WORDS, word};
use crate::map::Mapping;
use crate::perfect::{high, passes, spread};
use crate::protocol::{Observed, Sound, observe, still_valid, still_valid_or_superseded};
use crate::record::{Found, RECORD_WORDS, kind};

/// One file as a reader sees it.
#[derive(Debug)]
#[repr(align(64))]
pub struct View {
    generation: *const AtomicU64,
    archives: [*const AtomicU64; 2],
    most_places: AtomicU64,
    words: [AtomicU64; 2],
    tag: u64,
    map: Mapping,
    header: Option<Header>,
    file: Option<FileId>,
}

// SAFETY: V1: the pointers lead into the mapping, which any thread may read, and everything else is atomic or immutable.
unsafe impl Send for View {}
// SAFETY: V1, as above.
unsafe impl Sync for View {}

/// Which file a path or a mapping leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

impl FileId {
    /// The file behind this metadata.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> FileId {
        use std::os::unix::fs::MetadataExt;
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The file that a path leads to now.
    #[must_use]
    pub fn at(path: &Path) -> Option<FileId> {
        std::fs::metadata(path).ok().as_ref().map(FileId::of)
    }
}

/// The result of one branch-free attempt.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Zero if the record's windows are those of the key.
    difference: u64,
    /// The record's two value words.
    found: Found,
    /// False if nothing of this may be used.
    valid: bool,
}

impl Probe {
    /// Whether the attempt settled the answer. If not (overtaken, superseded, out of bounds, nothing published, a snapshot
    /// with overflow records), ask [`View::attempt`].
    #[inline(always)]
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.valid
    }

    /// The settled answer.
    #[inline(always)]
    #[must_use]
    pub fn found(&self, key: &Hashed) -> Found {
        let other = self.difference | (self.found.meta >> 8 & 0xff_ffff ^ key.bytes as u64);
        if other == 0 { self.found } else { Found::MISSING }
    }

    /// The settled boolean, or `default`: one compare for key, length, kind and value.
    #[inline(always)]
    #[must_use]
    pub fn bool_or(&self, key: &Hashed, default: bool) -> bool {
        // Answers the default unless the flag is there and says the opposite.
        let opposite = (key.bytes as u64) << 8 | if default { kind::FALSE } else { kind::TRUE };
        default ^ ((self.difference | (self.found.meta ^ opposite)) == 0)
    }
}

impl View {
    /// A view of a mapped snapshot file. It answers nothing from shared memory before [`View::refresh_bounds`].
    #[must_use]
    pub fn new(map: Mapping, header: Header, file: FileId) -> View {
        let archives = [0, 1].map(|slot| map.pointer(Area::Slot(slot).word() + FRAME_WORDS));
        View { archives, ..View::build(map, Some(header), Some(file)) }
    }

    /// A view that answers nothing: there is no file yet.
    #[must_use]
    pub fn nothing() -> View {
        View::build(Mapping::nothing(), None, None)
    }

    fn build(map: Mapping, header: Option<Header>, file: Option<FileId>) -> View {
        let start = map.pointer(0);
        View {
            generation: map.pointer(word::GENERATION),
            archives: [start; 2],
            most_places: AtomicU64::new(0),
            words: Default::default(),
            tag: 0,
            map,
            header,
            file,
        }
    }

    /// Gives the view a tag, see [`View::tag`]. `number` counts the views of one reader.
    #[must_use]
    pub fn with_tag(mut self, number: usize) -> View {
        // Twice a generation takes 48 bits; the mark is bit 63.
        self.tag = (number as u64 & 0x3fff) << 49;
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

    /// Distinguishes the views that one reader has had. Set above twice the generation it makes a number that never
    /// stands for two different snapshots within a reader.
    #[inline(always)]
    #[must_use]
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// Where the generation word is.
    pub(crate) fn generation_word(&self) -> *const AtomicU64 {
        self.generation
    }

    /// First load of the protocol.
    #[inline(always)]
    #[must_use]
    pub fn observe(&self) -> Observed {
        observe::<Sound, _>(self.map.generation())
    }

    /// Second load of the protocol. A superseded file is read on until the new one is at the path.
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
            if words > self.words[slot].load(Relaxed) && words >= 64 {
                // Another thread may be here with an older, lower number: bounds only rise.
                self.words[slot].fetch_max(words, Relaxed);
                raised = true;
            }
        }
        // V2: one bound for both slots, because a load that waits for the slot number costs a nanosecond.
        let least = self.words[0].load(Relaxed).min(self.words[1].load(Relaxed));
        self.most_places.fetch_max(most_places(least), Relaxed);
        raised
    }

    /// Looks a key of up to 48 bytes up in one attempt, without a branch that depends on the key.
    #[inline(always)]
    #[must_use]
    pub fn probe(&self, key: &Hashed) -> Probe {
        // SAFETY: V1: it is this view's own word.
        unsafe { self.probe_with(self.generation, key) }
    }

    /// As [`View::probe`], given the generation word of this view. Given another one's, it settles nothing.
    ///
    /// # Safety
    /// `generation` must be the generation word of a view that lives.
    #[inline(always)]
    pub(crate) unsafe fn probe_with(&self, generation: *const AtomicU64, key: &Hashed) -> Probe {
        // SAFETY: the caller's promise, and V1.
        let g = unsafe { &*generation };
        let seen = observe::<Sound, _>(g);
        // SAFETY: the caller's promise.
        let located = unsafe { self.locate(generation, seen.slot(), key.hash) };
        let (difference, found) = match located {
            Located::Outside => return Probe { difference: 1, found: Found::MISSING, valid: false },
            Located::Missing => (1, Found::MISSING),
            Located::Record(record) => compare(record, key),
        };
        let valid = still_valid::<Sound, _>(g, seen) && std::ptr::eq(generation, self.generation);
        Probe { difference, found, valid }
    }

    /// Looks a key of over 48 bytes up in one attempt. `None`: not settled, ask [`View::attempt`].
    #[inline(never)]
    #[must_use]
    pub fn probe_long(&self, key: &[u8]) -> Option<Found> {
        let hashed = Hashed::other(key);
        let g = self.map.generation();
        let seen = observe::<Sound, _>(g);
        let slot = seen.slot();
        // SAFETY: V1: it is this view's own word.
        let located = unsafe { self.locate(self.generation, slot, hashed.hash) };
        let found = match located {
            Located::Outside => return None,
            Located::Missing => Found::MISSING,
            Located::Record(record) => {
                let (mut difference, found) = compare(record, &hashed);
                difference |= found.meta >> 8 & 0xff_ffff ^ key.len() as u64;
                if difference == 0 { self.compare_middle(slot, found, key)? } else { Found::MISSING }
            }
        };
        still_valid::<Sound, _>(g, seen).then_some(found)
    }

    /// Finds the one record that a hash can be in.
    ///
    /// # Safety
    /// `generation` must be the generation word of a view that lives, `slot` 0 or 1.
    #[inline(always)]
    unsafe fn locate(&self, generation: *const AtomicU64, slot: usize, hash: u64) -> Located<'_> {
        // SAFETY: the caller's promise, and V1: the header page holds the words behind the generation word.
        let places = unsafe { generation.add(word::PLACES[0] - word::GENERATION + slot) };
        // SAFETY: as above.
        let places = unsafe { &*places }.load(Relaxed);
        // Overflow records, counted in the high half, leave here, so that nobody else pays for them. Zero places (nothing
        // published, or zeros laid over the file) wraps and leaves as well.
        if places.wrapping_sub(1) >= self.most_places.load(Relaxed) {
            return Located::Outside;
        }
        let archive = self.archives[slot];
        let bucket = places as usize * 8 + high(hash, places >> 1) as usize;
        // SAFETY: V2: `bucket < places * 8 + max(places / 2, 1)`.
        let entry = unsafe { load(archive, bucket) };
        if !passes(entry, hash) {
            return Located::Missing;
        }
        let place = high(hash.wrapping_mul(spread(entry)), places) as usize;
        // As a step over whole records: a multiplication by 8 would be merged with the shift in `high` into a double
        // shift, which is slow.
        // SAFETY: V2: `place < places`, and the records are the first `places * 8` words.
        let record = unsafe { archive.cast::<[AtomicU64; RECORD_WORDS]>().add(place) };
        // SAFETY: as above; mapped words are only ever seen as atomics (M2).
        Located::Record(unsafe { &*record })
    }

    /// Compares bytes 24 to `n - 24` of a key with the text area. `None`: outside of the bounds.
    #[inline(always)]
    fn compare_middle(&self, slot: usize, found: Found, key: &[u8]) -> Option<Found> {
        let start = (found.meta >> 32) as usize;
        let middle = key.get(24..key.len().checked_sub(24)?)?;
        let words = middle.len().div_ceil(8);
        if start + words > self.words[slot].load(Relaxed) as usize {
            return None;
        }
        let (chunks, rest) = middle.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let word = |i: usize| {
            // SAFETY: V1: `start + i < start + words <= words[slot]`.
            unsafe { load(self.archives[slot], start + i) }
        };
        let mut difference = 0;
        for (i, chunk) in chunks.iter().enumerate() {
            difference |= word(i) ^ u64::from_le_bytes(*chunk);
        }
        if !rest.is_empty() {
            difference |= word(words - 1) ^ u64::from_le_bytes(last);
        }
        Some(if difference == 0 { found } else { Found::MISSING })
    }

    /// Whether the fast path has not yet heard that there is space for this many places.
    pub(crate) fn is_behind(&self, places: u64) -> bool {
        places > self.most_places.load(Relaxed)
    }

    /// Words of a slot's archive that may be touched.
    pub(crate) fn bound(&self, slot: usize) -> u64 {
        self.words[slot].load(Relaxed)
    }

    /// Whether look-ups touch this file's memory: whether [`View::refresh_bounds`] has found any.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.words[0].load(Relaxed) | self.words[1].load(Relaxed) != 0
    }

    /// A word of a slot's archive, if it is inside the bytes that are really there.
    pub(crate) fn word(&self, slot: usize, at: usize) -> Option<u64> {
        if at as u64 >= self.bound(slot) {
            return None;
        }
        // SAFETY: V1: `at < words[slot]`.
        Some(unsafe { load(self.archives[slot], at) })
    }
}

/// How many places fit, with their index, into this many words.
pub(crate) const fn most_places(words: u64) -> u64 {
    words.saturating_sub(1) * 2 / 17
}

/// Where a hash leads.
enum Located<'a> {
    /// Nothing may be touched: no snapshot, or one outside of the bounds.
    Outside,
    /// The filter says that there is no such key.
    Missing,
    /// To this record.
    Record(&'a [AtomicU64; RECORD_WORDS]),
}

/// Zero if the windows are those of the key, and the record's value words.
#[inline(always)]
fn compare(record: &[AtomicU64; RECORD_WORDS], key: &Hashed) -> (u64, Found) {
    let word = |i: usize| record[i].load(Relaxed);
    let found = Found { meta: word(0), value: word(1) };
    let difference = (word(2) ^ key.windows[0])
        | (word(3) ^ key.windows[1])
        | (word(4) ^ key.windows[2])
        | (word(5) ^ key.windows[3])
        | (word(6) ^ key.windows[4])
        | (word(7) ^ key.windows[5]);
    (difference, found)
}

/// # Safety
/// `archive + at` must be inside a live mapping.
#[inline(always)]
unsafe fn load(archive: *const AtomicU64, at: usize) -> u64 {
    // SAFETY: the caller's promise.
    let word = unsafe { archive.add(at) };
    // SAFETY: the caller's promise; mapped words are only ever seen as atomics (M2).
    unsafe { &*word }.load(Relaxed)
}
