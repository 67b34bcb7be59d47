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
//! V2: `most_places[s]` places and their index (`places * 8 + max(places / 4, 1)` words) fit `words[s]`.
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::header::{Header, reserved};
use crate::key::Hashed;
use crate::layout::{Area, FRAME_BYTES, FRAME_WORDS, word};
use crate::map::Mapping;
use crate::perfect::{buckets, high, passes, spread};
use crate::protocol::{Observed, Sound, observe, still_valid, still_valid_superseded};
use crate::record::{Found, KeyOf, OVERFLOW_BIT, RECORD_WORDS, TextAt, kind};
use crate::table::overflow_word;

/// One file as a reader sees it.
#[derive(Debug)]
#[repr(align(64))]
pub struct View {
    generation: *const AtomicU64,
    archives: [*const AtomicU64; 2],
    most_places: [AtomicU64; 2],
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
    pub found: Found,
    /// False if nothing of this may be used: overtaken, superseded, out of bounds or nothing published.
    pub valid: bool,
}

impl Probe {
    /// The answer, if the attempt settled it. `None`: ask [`View::attempt`].
    #[inline(always)]
    #[must_use]
    pub fn settled(self, key: &Hashed) -> Option<Found> {
        if !self.valid {
            return None;
        }
        if (self.difference | (self.found.meta >> 8 & 0xff_ffff ^ key.bytes as u64)) == 0 {
            return Some(self.found);
        }
        if self.found.meta & OVERFLOW_BIT != 0 { None } else { Some(Found::MISSING) }
    }

    /// Whether the attempt settled that there is no such boolean: the key is missing or of another kind.
    #[inline(always)]
    #[must_use]
    pub fn is_settled_miss(self) -> bool {
        self.valid && self.found.meta & OVERFLOW_BIT == 0
    }

    /// The boolean, if the attempt settled that the key is there and has one: one compare for key, length and kind.
    #[inline(always)]
    #[must_use]
    pub fn settled_bool(self, key: &Hashed) -> Option<bool> {
        let expected = (key.bytes as u64) << 8 | kind::FALSE;
        let other = self.difference | (self.found.meta ^ expected) & !(1 | OVERFLOW_BIT);
        if self.valid && other == 0 { Some(self.found.meta & 1 != 0) } else { None }
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
            most_places: Default::default(),
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

    /// The generation word as it is now, for handles that remember a value.
    #[inline(always)]
    #[must_use]
    pub fn raw_generation(&self) -> u64 {
        // SAFETY: V1: the header page is mapped as long as the view lives.
        unsafe { &*self.generation }.load(Relaxed)
    }

    /// First load of the protocol.
    #[inline(always)]
    #[must_use]
    pub fn observe(&self) -> Observed {
        observe::<Sound, _>(self.map.generation())
    }

    /// Second load of the protocol. A superseded file is read on with `superseded` until the new one is at the path.
    #[must_use]
    pub fn still_valid(&self, seen: Observed) -> bool {
        let g = self.map.generation();
        if seen.is_superseded() {
            still_valid_superseded::<Sound, _>(g, seen)
        } else {
            still_valid::<Sound, _>(g, seen)
        }
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
                // V2: places * 8 + places / 4 + 1 <= words.
                self.most_places[slot].fetch_max((words - 1) * 4 / 33, Relaxed);
                raised = true;
            }
        }
        raised
    }

    /// Looks a key of up to 48 bytes up in one attempt, without a branch that depends on the key.
    #[inline(always)]
    #[must_use]
    pub fn probe(&self, key: &Hashed) -> Probe {
        const NOTHING: Probe = Probe { difference: 1, found: Found::MISSING, valid: false };
        // Taken once: a field beside atomics is loaded again after every fence.
        let generation = self.generation;
        // SAFETY: V1: the header page is mapped as long as the view lives.
        let g = unsafe { &*generation };
        let seen = observe::<Sound, _>(g);
        let slot = seen.slot();
        // SAFETY: V1: `slot` is 0 or 1, and the header page holds the words behind the generation word.
        let places = unsafe { generation.add(word::PLACES[0] - word::GENERATION + slot) };
        // SAFETY: as above.
        let places = unsafe { &*places }.load(Relaxed);
        // Zero places (nothing published, or zeros laid over the file) wraps and leaves here as well.
        if places.wrapping_sub(1) >= self.most_places[slot].load(Relaxed) {
            return NOTHING;
        }
        let archive = self.archives[slot];
        let bucket = places as usize * 8 + high(key.hash, places >> 2) as usize;
        // SAFETY: V2: `bucket < places * 8 + max(places / 4, 1)`.
        let entry = unsafe { load(archive, bucket) };
        if !passes(entry, key.hash) {
            return Probe { valid: still_valid::<Sound, _>(g, seen), ..NOTHING };
        }
        let place = high(key.hash.wrapping_mul(spread(entry)), places) as usize;
        // As a step over whole records: a multiplication by 8 would be merged with the shift in `high` into a double
        // shift, which is slow.
        // SAFETY: V2: `place < places`, and the records are the first `places * 8` words.
        let record = unsafe { archive.cast::<[AtomicU64; RECORD_WORDS]>().add(place) }.cast::<AtomicU64>();
        let word = |i: usize| {
            // SAFETY: V2, as above, and `i < 8`.
            unsafe { load(record, i) }
        };
        let found = Found { meta: word(0), value: word(1) };
        let difference = (word(2) ^ key.windows[0])
            | (word(3) ^ key.windows[1])
            | (word(4) ^ key.windows[2])
            | (word(5) ^ key.windows[3])
            | (word(6) ^ key.windows[4])
            | (word(7) ^ key.windows[5]);
        Probe { difference, found, valid: still_valid::<Sound, _>(g, seen) }
    }

    /// Looks a key of any length up, overflow records included, within an observed generation. `None`: overtaken, or
    /// outside of the bounds (then [`View::refresh_bounds`] may help).
    #[must_use]
    pub fn attempt(&self, seen: Observed, key: &str, hashed: &Hashed) -> Option<Found> {
        let found = self.search(seen, key, hashed)?;
        self.still_valid(seen).then_some(found)
    }

    fn search(&self, seen: Observed, key: &str, hashed: &Hashed) -> Option<Found> {
        let slot = seen.slot();
        let places = self.map.load(word::PLACES[slot]);
        if places.wrapping_sub(1) >= self.most_places[slot].load(Relaxed) {
            return None;
        }
        let places = places as usize;
        let entry = self.word(slot, places * 8 + high(hashed.hash, buckets(places) as u64) as usize)?;
        if !passes(entry, hashed.hash) {
            return Some(Found::MISSING);
        }
        let place = high(hashed.hash.wrapping_mul(spread(entry)), places as u64) as usize;
        let record = self.record(slot, place * RECORD_WORDS)?;
        if self.has_key(slot, &record, key, hashed) {
            return Some(Found { meta: record[0], value: record[1] });
        }
        if record[0] & OVERFLOW_BIT == 0 {
            return Some(Found::MISSING);
        }
        let count =
            (self.map.load(Area::Slot(slot).word() + 5) >> 32).min(crate::layout::MAX_OVERFLOW as u64);
        for i in 0..count as usize {
            let record = self.record(slot, overflow_word(places) + i * RECORD_WORDS)?;
            if self.has_key(slot, &record, key, hashed) {
                return Some(Found { meta: record[0], value: record[1] });
            }
        }
        Some(Found::MISSING)
    }

    /// Whether look-ups touch this file's memory: whether [`View::refresh_bounds`] has found any.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.words[0].load(Relaxed) | self.words[1].load(Relaxed) != 0
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
        if !at.fits(self.words[slot].load(Relaxed) as usize) {
            return None;
        }
        let out = if at.words() * 8 <= stack.len() {
            &mut stack[..at.words() * 8]
        } else {
            heap.resize(at.words() * 8, 0);
            heap.as_mut_slice()
        };
        for (i, bytes) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *bytes = self.word(slot, at.word + i)?.to_le_bytes();
        }
        if self.still_valid(seen) { out.get(..at.bytes) } else { None }
    }

    fn has_key(&self, slot: usize, record: &[u64; RECORD_WORDS], key: &str, hashed: &Hashed) -> bool {
        let of = KeyOf(record);
        if record[0] & 0xf == kind::EMPTY || !of.has_windows_of(hashed) {
            return false;
        }
        let Some(at) = of.middle() else { return true };
        let Some(middle) = key.as_bytes().get(24..24 + at.bytes) else {
            return false;
        };
        middle.chunks(8).enumerate().all(|(i, chunk)| {
            let mut padded = [0; 8];
            padded[..chunk.len()].copy_from_slice(chunk);
            self.word(slot, at.word.saturating_add(i)) == Some(u64::from_le_bytes(padded))
        })
    }

    fn record(&self, slot: usize, at: usize) -> Option<[u64; RECORD_WORDS]> {
        let mut record = [0; RECORD_WORDS];
        for (i, word) in record.iter_mut().enumerate() {
            *word = self.word(slot, at + i)?;
        }
        Some(record)
    }

    /// A word of a slot's archive, if it is inside the bytes that are really there.
    fn word(&self, slot: usize, at: usize) -> Option<u64> {
        if at as u64 >= self.words[slot].load(Relaxed) {
            return None;
        }
        // SAFETY: V1: `at < words[slot]`.
        Some(unsafe { load(self.archives[slot], at) })
    }
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
