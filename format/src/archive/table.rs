//! From flags to the bytes of an archive, up to its root: records, index, overflow records, text.
//!
//! They are written to their final places in one buffer of the right size. A publisher keeps no memory between publishes, so
//! that every page of a buffer costs a page fault; a second copy of the records would cost more than building them.

use rkyv::util::AlignedVec;

use crate::archive::perfect::Buckets;
use crate::archive::repair::{self, Hint};
use crate::bytes::error::BuildError;
use crate::bytes::key::{Hashed, middle_pair, middle_pairs};
use crate::bytes::layout::{MAX_OVERFLOW, buckets, text_word};
use crate::bytes::record::{RECORD_WORDS, Record, kind};
use crate::bytes::value::{FlagList, Value};

/// The parts of an archive, in their order there.
pub(crate) struct Table {
    pub(crate) bytes: AlignedVec<64>,
    pub(crate) places: usize,
    /// Overflow records.
    pub(crate) doubles: usize,
    pub(crate) flags: usize,
    /// The place of each flag that was given, if each has one of its own: no key came twice, and no two have the same hash.
    pub(crate) place_of: Option<Vec<u32>>,
}

impl Table {
    /// Builds the table. Of several flags with one key the last one wins. Leaves room for `root` more bytes. With the `hint` of a table
    /// before, records keep their places where they can.
    pub(crate) fn build(
        flags: &(impl FlagList + ?Sized),
        hint: Option<Hint>,
        root: usize,
    ) -> Result<Table, BuildError> {
        let hash_all = |which: &[u32]| -> Vec<u64> {
            which.iter().map(|i| Hashed::new(flags.key(*i as usize).as_bytes()).hash()).collect()
        };
        let all: Vec<u32> = (0..flags.count() as u32).collect();
        let hashes = hash_all(&all);
        let mut buckets = Buckets::sort(&hashes, buckets(Hint::places_for(hint.as_ref(), hashes.len())));
        let Distinct { dropped, doubles } = distinct(flags, &mut buckets);
        if doubles.len() > MAX_OVERFLOW {
            return Err(BuildError::TooManyEqualHashes { found: doubles.len(), limit: MAX_OVERFLOW });
        }
        let (placed, perfect) = if dropped.is_empty() && doubles.is_empty() {
            let perfect = repair::find(&hashes, Some(buckets), hint.as_ref())?;
            drop(hashes);
            (all, perfect)
        } else {
            drop((hashes, buckets));
            let mut out = vec![false; flags.count()];
            for i in dropped.iter().chain(&doubles) {
                out[*i as usize] = true;
            }
            let placed: Vec<u32> = all.into_iter().filter(|i| !out[*i as usize]).collect();
            let perfect = repair::find(&hash_all(&placed), None, hint.as_ref())?;
            (placed, perfect)
        };

        drop(hint);

        let text: usize = (0..flags.count()).map(|i| text_bytes(flags.most_bytes(i))).sum();
        let start = text_word(perfect.places, doubles.len()) * 8;
        let mut bytes = AlignedVec::with_capacity(start + text + root);
        bytes.resize(perfect.places * RECORD_WORDS * 8, 0);
        for word in &perfect.index {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.resize(start, 0);
        let mut parts = Parts { bytes };
        for (i, place) in placed.iter().zip(&perfect.place_of) {
            parts.record(*place as usize * RECORD_WORDS, flags, *i)?;
        }
        let overflow = text_word(perfect.places, 0);
        for (at, i) in doubles.iter().enumerate() {
            parts.record(overflow + at * RECORD_WORDS, flags, *i)?;
        }
        let has_own_places = placed.len() == flags.count();
        let (flags, place_of) = (placed.len() + doubles.len(), has_own_places.then_some(perfect.place_of));
        Ok(Table { bytes: parts.bytes, places: perfect.places, doubles: doubles.len(), flags, place_of })
    }
}

/// What must not go into the perfect hash.
struct Distinct {
    /// Flags whose key comes again later.
    dropped: Vec<u32>,
    /// Flags with another key but the hash of a flag that stays.
    doubles: Vec<u32>,
}

/// Looks for them among hashes that are sorted by bucket, and may change the order within a bucket.
fn distinct(flags: &(impl FlagList + ?Sized), buckets: &mut Buckets) -> Distinct {
    let mut found = Distinct { dropped: Vec::new(), doubles: Vec::new() };
    let Buckets { starts, items } = buckets;
    for bucket in starts.windows(2) {
        let items = &mut items[bucket[0] as usize..bucket[1] as usize];
        let alike = items.iter().enumerate().any(|(i, a)| items[..i].iter().take(64).any(|b| a.0 == b.0));
        // A bucket of more than 64 may hide equal hashes behind the limit above.
        if alike || items.len() > 64 {
            items.sort_unstable();
            for run in items.chunk_by(|a, b| a.0 == b.0) {
                sort_out(flags, run, &mut found);
            }
        }
    }
    found
}

/// One run of equal hashes in payload order: keeps the last flag of each key, and of these the last in the table.
fn sort_out(flags: &(impl FlagList + ?Sized), run: &[(u64, u32)], found: &mut Distinct) {
    let key = |i: u32| flags.key(i as usize);
    let mut kept: Vec<u32> = Vec::new();
    for (_, i) in run.iter().rev() {
        if kept.iter().any(|other| key(*other) == key(*i)) {
            found.dropped.push(*i);
        } else {
            if !kept.is_empty() {
                found.doubles.push(*i);
            }
            // Past the limit the payload is refused anyway; comparing on would be quadratic.
            if kept.len() <= MAX_OVERFLOW {
                kept.push(*i);
            }
        }
    }
}

/// The archive under construction: text is added at its end.
struct Parts {
    bytes: AlignedVec<64>,
}

impl Parts {
    /// Adds bytes, padded to whole words, and returns the word at which they start.
    fn text(&mut self, bytes: &[u8]) -> Result<u64, BuildError> {
        let at = self.next_word();
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        at
    }

    /// Adds the pairs of windows of a key's middle. 0 for a key without.
    fn middle(&mut self, key: &[u8]) -> Result<u64, BuildError> {
        let pairs = middle_pairs(key.len());
        if pairs == 0 {
            return Ok(0);
        }
        let at = self.next_word();
        for word in (0..pairs).flat_map(|i| middle_pair(key, i)) {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
        at
    }

    fn next_word(&self) -> Result<u64, BuildError> {
        let words = self.bytes.len() / 8;
        u32::try_from(words).map(u64::from).map_err(|source| BuildError::TextArea { words, source })
    }

    /// Writes the record of a flag at a word, and adds its text.
    fn record(&mut self, word: usize, flags: &(impl FlagList + ?Sized), at: u32) -> Result<(), BuildError> {
        let (key, value) = (flags.key(at as usize), flags.value(at as usize));
        let key = key.as_bytes();
        if key.len() >= 1 << 24 {
            return Err(BuildError::LongKey { bytes: key.len(), limit: (1 << 24) - 1 });
        }
        let hashed = Hashed::new(key);
        let (kind, content) = content(&value);
        let value = match content {
            Content::Word(word) => word,
            Content::Text(text) => self.text(text.as_bytes())? << 32 | text.len() as u64,
        };
        let mut words = Record::EMPTY.words;
        words[0] = self.middle(key)? << 32 | (key.len() as u64) << 8 | kind;
        words[1] = value;
        words[2..].copy_from_slice(&hashed.windows);
        let record = &mut self.bytes[word * 8..][..RECORD_WORDS * 8];
        for (bytes, word) in record.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        Ok(())
    }
}

/// A value in a record: its word, or a text to which that word leads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    Word(u64),
    Text(&'a str),
}

/// The kind of a value, and what is kept of it.
pub(crate) fn content<'a>(value: &'a Value<'_>) -> (u64, Content<'a>) {
    match value {
        Value::Null => (kind::NULL, Content::Word(0)),
        Value::Bool(value) => (kind::FALSE | u64::from(*value), Content::Word(0)),
        Value::I64(value) => (kind::I64, Content::Word(*value as u64)),
        Value::U64(value) => (kind::U64, Content::Word(*value)),
        Value::F64(value) => (kind::F64, Content::Word(value.to_bits())),
        Value::HugeNumber(text) => (kind::HUGE, Content::Text(text)),
        Value::String(text) => (kind::STRING, Content::Text(text)),
        Value::Json(text) => (kind::JSON, Content::Text(text)),
    }
}

/// Bytes that a flag takes in the text area.
fn text_bytes((key, text): (usize, usize)) -> usize {
    text.next_multiple_of(8) + middle_pairs(key) * 16
}
