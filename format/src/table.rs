//! From flags to records, index and text: the parts of an archive.

use crate::error::BuildError;
use crate::key::{Hashed, middle_pair, middle_pairs};
use crate::layout::{MAX_OVERFLOW, buckets, text_word};
use crate::perfect::{self, Buckets};
use crate::record::{Record, kind};
use crate::value::{Flag, Value};

/// The parts of an archive, in the order in which they stand there.
pub(crate) struct Table {
    pub(crate) records: Vec<Record>,
    pub(crate) index: Vec<u64>,
    /// Records as plain words: rkyv pads an alignment of 64 bytes only at the start.
    pub(crate) overflow: Vec<u64>,
    pub(crate) text: Vec<u64>,
    pub(crate) flags: usize,
}

impl Table {
    /// Builds the table. Of several flags with one key the last one wins.
    pub(crate) fn build(flags: &[Flag<'_>]) -> Result<Table, BuildError> {
        let hash_all = |which: &[u32]| -> Vec<u64> {
            which.iter().map(|i| Hashed::new(flags[*i as usize].key.as_bytes()).hash()).collect()
        };
        let all: Vec<u32> = (0..flags.len() as u32).collect();
        let hashes = hash_all(&all);
        let Distinct { dropped, doubles } = distinct(flags, &hashes);
        if doubles.len() > MAX_OVERFLOW {
            return Err(BuildError::TooManyEqualHashes { found: doubles.len(), limit: MAX_OVERFLOW });
        }
        let (placed, hashes) = if dropped.is_empty() && doubles.is_empty() {
            (all, hashes)
        } else {
            let mut out = vec![false; flags.len()];
            for i in dropped.iter().chain(&doubles) {
                out[*i as usize] = true;
            }
            let placed: Vec<u32> = all.into_iter().filter(|i| !out[*i as usize]).collect();
            let hashes = hash_all(&placed);
            (placed, hashes)
        };

        let perfect = perfect::find(&hashes)?;
        let mut text = Text { words: Vec::new(), start: text_word(perfect.places, doubles.len()) };
        let mut records = vec![Record::EMPTY; perfect.places];
        for (i, place) in placed.iter().zip(&perfect.place_of) {
            records[*place as usize] = text.record(&flags[*i as usize])?;
        }
        let mut overflow = Vec::with_capacity(doubles.len() * 8);
        for i in &doubles {
            overflow.extend(text.record(&flags[*i as usize])?.words);
        }
        let flags = placed.len() + doubles.len();
        Ok(Table { records, index: perfect.index, overflow, text: text.words, flags })
    }
}

/// What must not go into the perfect hash.
struct Distinct {
    /// Flags whose key comes again later.
    dropped: Vec<u32>,
    /// Flags with another key but the hash of a flag that stays.
    doubles: Vec<u32>,
}

fn distinct(flags: &[Flag<'_>], hashes: &[u64]) -> Distinct {
    let mut buckets = Buckets::sort(hashes, buckets(perfect::first_places(hashes.len())));
    let mut found = Distinct { dropped: Vec::new(), doubles: Vec::new() };
    let Buckets { starts, items } = &mut buckets;
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
fn sort_out(flags: &[Flag<'_>], run: &[(u64, u32)], found: &mut Distinct) {
    let key = |i: u32| &flags[i as usize].key;
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

struct Text {
    words: Vec<u64>,
    /// Word of the archive at which the text area starts.
    start: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) -> Result<u64, BuildError> {
        let at = self.next_word();
        let (chunks, rest) = bytes.as_chunks::<8>();
        self.words.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
        if !rest.is_empty() {
            let mut padded = [0; 8];
            padded[..rest.len()].copy_from_slice(rest);
            self.words.push(u64::from_le_bytes(padded));
        }
        at
    }

    /// The pairs of windows of a key's middle; 0 for a key without.
    fn push_middle(&mut self, key: &[u8]) -> Result<u64, BuildError> {
        let pairs = middle_pairs(key.len());
        if pairs == 0 {
            return Ok(0);
        }
        let at = self.next_word();
        self.words.extend((0..pairs).flat_map(|i| middle_pair(key, i)));
        at
    }

    fn next_word(&self) -> Result<u64, BuildError> {
        let at = self.start + self.words.len();
        u32::try_from(at).map(u64::from).map_err(|source| BuildError::TextArea { words: at, source })
    }

    fn push_value(&mut self, text: &str) -> Result<u64, BuildError> {
        Ok(self.push(text.as_bytes())? << 32 | text.len() as u64)
    }

    fn record(&mut self, flag: &Flag<'_>) -> Result<Record, BuildError> {
        let key = flag.key.as_bytes();
        if key.len() >= 1 << 24 {
            return Err(BuildError::LongKey { bytes: key.len(), limit: (1 << 24) - 1 });
        }
        let hashed = Hashed::new(key);
        let (kind, value) = match &flag.value {
            Value::Null => (kind::NULL, 0),
            Value::Bool(value) => (kind::FALSE | u64::from(*value), 0),
            Value::I64(value) => (kind::I64, *value as u64),
            Value::U64(value) => (kind::U64, *value),
            Value::F64(value) => (kind::F64, value.to_bits()),
            Value::HugeNumber(text) => (kind::HUGE, self.push_value(text)?),
            Value::String(text) => (kind::STRING, self.push_value(text)?),
            Value::Json(text) => (kind::JSON, self.push_value(text)?),
        };
        let middle = self.push_middle(key)?;
        let mut words = [0; 8];
        words[0] = middle << 32 | (key.len() as u64) << 8 | kind;
        words[1] = value;
        words[2..].copy_from_slice(&hashed.windows);
        Ok(Record { words })
    }
}
