//! A perfect hash for nearly the keys of the one before: buckets keep their index words, and with them the places of their
//! records, where they can.
//!
//! A bucket whose word no longer fits (a key came into it, or one of its places is taken) gets another one. Where no free
//! places are found for it, it drives out buckets with fewer keys, which are then given other words in turn: it is easy to find
//! places for few keys. Fewer with each step, so this ends.

use std::collections::BinaryHeap;

use crate::archive::perfect::{
    self, BUCKET, Buckets, Perfect, filter_of, high, is_fixed, max_places, multiplier, passes, searched,
};
use crate::archive::records::Records;
use crate::bytes::error::BuildError;
use crate::bytes::layout::buckets;

/// Words tried for free places alone.
const TRIES: u32 = 4096;

/// Words tried in all. Then the table is built anew.
const MOST_TRIES: u32 = 1 << 16;

/// The owner of a free place.
const NOBODY: u32 = u32::MAX;

/// The table of a snapshot, for the one that is built next: with the same keys it becomes the same table, with nearly the same keys
/// most records keep their places.
#[derive(Debug, Clone)]
pub struct Hint {
    places: usize,
    index: Vec<u64>,
}

impl Hint {
    /// The table of a snapshot.
    #[must_use]
    pub fn of(snapshot: &impl Records) -> Hint {
        let places = snapshot.frame().places;
        let word = |bucket: usize| snapshot.word_at(places * 8 + bucket).unwrap_or(0);
        Hint { places, index: (0..buckets(places)).map(word).collect() }
    }

    /// Whether so many flags go into its places as well: at least one free place for 16 flags, and no more places than a table
    /// that was built anew may have.
    fn suits(&self, flags: usize) -> bool {
        self.places > flags + flags / 16 && self.places <= max_places(flags)
    }

    /// Places that a table of `flags` flags has, or is tried with first.
    pub(crate) fn places_for(hint: Option<&Hint>, flags: usize) -> usize {
        hint.filter(|hint| hint.suits(flags)).map_or(perfect::first_places(flags), |hint| hint.places)
    }
}

/// As [`perfect::find`], with the table before. `sorted`: the hashes in the buckets of [`Hint::places_for`].
pub(crate) fn find(
    hashes: &[u64],
    mut sorted: Option<Buckets>,
    hint: Option<&Hint>,
) -> Result<Perfect, BuildError> {
    if let Some(hint) = hint.filter(|hint| hint.suits(hashes.len())) {
        let buckets = sorted.take().unwrap_or_else(|| Buckets::sort(hashes, buckets(hint.places)));
        if let Some(found) = Repair::of(&buckets, hint) {
            return Ok(found);
        }
        sorted = (hint.places == perfect::first_places(hashes.len())).then_some(buckets);
    }
    perfect::find(hashes, sorted)
}

/// Buckets with keys that go to the same few places always come first, then those with more keys.
type Rank = (bool, usize);

struct Repair<'a> {
    buckets: &'a Buckets,
    places: usize,
    /// The bucket that has a place.
    owner: Vec<u32>,
    index: Vec<u64>,
    found: [u32; BUCKET],
}

impl Repair<'_> {
    fn of(buckets: &Buckets, hint: &Hint) -> Option<Perfect> {
        let (places, count) = (hint.places, hint.index.len());
        let (owner, index) = (vec![NOBODY; places], vec![0; count]);
        let mut repair = Repair { buckets, places, owner, index, found: [0; BUCKET] };
        let mut homeless = BinaryHeap::new();
        for bucket in 0..count {
            let items = buckets.get(bucket);
            if items.len() > BUCKET {
                return None;
            }
            let entry = hint.index[bucket];
            let has_all = multiplier(entry) & 1 == 1 && items.iter().all(|(hash, _)| passes(entry, *hash));
            if items.is_empty() {
                continue;
            }
            if has_all && repair.cost(bucket, entry) == Some(0) {
                repair.settle(bucket, entry);
            } else {
                homeless.push((repair.rank(bucket), bucket as u32));
                // Mostly other keys: nothing is worth being kept.
                if homeless.len() > 16 + count / 8 {
                    return None;
                }
            }
        }
        while let Some((_, bucket)) = homeless.pop() {
            let entry = repair.search(bucket as usize)?;
            repair.drive_out(bucket as usize, entry, &mut homeless);
            repair.settle(bucket as usize, entry);
        }
        Some(repair.finish())
    }

    fn rank(&self, bucket: usize) -> Rank {
        let items = self.buckets.get(bucket);
        (items.iter().any(|(hash, _)| is_fixed(*hash)), items.len())
    }

    /// How many places of others a bucket would take with this index word; `None` if two of its keys meet, or if they are places of
    /// a bucket that does not give way. Its places are in `found` then.
    fn cost(&mut self, bucket: usize, entry: u64) -> Option<usize> {
        let rank = self.rank(bucket);
        let mut cost = 0;
        for (at, (hash, _)) in self.buckets.get(bucket).iter().enumerate() {
            let place = high(hash.wrapping_mul(multiplier(entry)), self.places as u64) as u32;
            let owner = self.owner[place as usize];
            if self.found[..at].contains(&place) || (owner != NOBODY && self.rank(owner as usize) >= rank) {
                return None;
            }
            cost += usize::from(owner != NOBODY);
            self.found[at] = place;
        }
        Some(cost)
    }

    /// The index word for a bucket that takes the fewest places of others.
    fn search(&mut self, bucket: usize) -> Option<u64> {
        let filter = filter_of(self.buckets.get(bucket));
        let mut best: Option<(usize, u64)> = None;
        for attempt in 0..MOST_TRIES {
            let entry = filter | searched(attempt, filter);
            if let Some(cost) = self.cost(bucket, entry)
                && best.is_none_or(|(least, _)| cost < least)
            {
                best = Some((cost, entry));
            }
            match best {
                Some((0, entry)) => return Some(entry),
                Some((_, entry)) if attempt >= TRIES => return Some(entry),
                _ => {}
            }
        }
        None
    }

    /// Frees the places that a bucket is about to take.
    fn drive_out(&mut self, bucket: usize, entry: u64, homeless: &mut BinaryHeap<(Rank, u32)>) {
        for (hash, _) in self.buckets.get(bucket) {
            let place = high(hash.wrapping_mul(multiplier(entry)), self.places as u64);
            let other = self.owner[place as usize];
            if other == NOBODY {
                continue;
            }
            let word = self.index[other as usize];
            for (hash, _) in self.buckets.get(other as usize) {
                self.owner[high(hash.wrapping_mul(multiplier(word)), self.places as u64) as usize] = NOBODY;
            }
            homeless.push((self.rank(other as usize), other));
        }
    }

    fn settle(&mut self, bucket: usize, entry: u64) {
        self.index[bucket] = entry;
        for (hash, _) in self.buckets.get(bucket) {
            let place = high(hash.wrapping_mul(multiplier(entry)), self.places as u64);
            self.owner[place as usize] = bucket as u32;
        }
    }

    fn finish(self) -> Perfect {
        let mut place_of = vec![0; self.buckets.items.len()];
        for (bucket, entry) in self.index.iter().enumerate() {
            for (hash, i) in self.buckets.get(bucket) {
                let place = high(hash.wrapping_mul(multiplier(*entry)), self.places as u64);
                place_of[*i as usize] = place as u32;
            }
        }
        Perfect { index: self.index, place_of, places: self.places }
    }
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
