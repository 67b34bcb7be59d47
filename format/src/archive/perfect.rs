//! A minimal perfect hash with a filter: at most one record is looked at for a key.
//!
//! `places` records and `places / 2` index words, one per bucket. The low half of an index word is a filter with one bit per
//! key. The high half is searched, so that the [`multiplier`] made of both sends every hash of the bucket to a place of its
//! own. A look-up needs two multiplications and no division:
//!
//! ```text
//! entry = index[high(hash * buckets)]
//! if the filter bit of hash is not set in entry: the key is not there
//! place = high(hash * multiplier(entry) * places)
//! ```
//!
//! Two unequal hashes cannot meet in one place for every multiplier, so the search cannot hang; it is capped all the
//! same, and then started again with more places. Equal hashes are taken out before (see [`crate::archive::table`]).

use crate::bytes::error::BuildError;
use crate::bytes::layout::buckets;

/// Multipliers tried for one bucket before the table grows.
const TRIES: u32 = 1 << 20;

/// Times that the table grows before the payload is refused.
const ATTEMPTS: u32 = 8;

/// Keys in one bucket at most. With a bucket for about 1.8 keys, 64 in one happen by intent only.
pub(crate) const BUCKET: usize = 64;

/// The high half of the 128-bit product: maps `x` evenly to `0..n`.
#[inline(always)]
pub(crate) const fn high(x: u64, n: u64) -> u64 {
    ((x as u128 * n as u128) >> 64) as u64
}

/// The multiplier of an index word. The searched half is in both halves of it, so that hashes are told apart that differ in
/// their low or in their high bits alone. The builder makes it odd, so that no two become equal.
#[inline(always)]
pub(crate) const fn multiplier(entry: u64) -> u64 {
    entry ^ entry >> 32
}

/// The bit of a hash in an index word.
#[inline(always)]
const fn filter_bit(hash: u64) -> u64 {
    1 << (hash & 31)
}

/// Whether the bit of a hash is set in an index word: if not, no key of the table has this hash.
#[inline(always)]
pub(crate) const fn passes(entry: u64, hash: u64) -> bool {
    // As 32 bits: then it is one bit test, which takes the position modulo 32 by itself.
    entry as u32 & (1 << (hash as u32 & 31)) != 0
}

/// Places that a table of `flags` flags starts with: one spare place for eight flags.
pub(crate) const fn first_places(flags: usize) -> usize {
    let places = flags + (flags >> 3) + 1;
    if places < 4 { 4 } else { places }
}

/// Places that a table of `flags` flags has at most, after every attempt.
pub(crate) const fn max_places(flags: usize) -> usize {
    first_places(flags) + ATTEMPTS as usize * (1 + flags / 32)
}

/// A finished search.
pub(crate) struct Perfect {
    pub(crate) index: Vec<u64>,
    /// For each hash its place.
    pub(crate) place_of: Vec<u32>,
    pub(crate) places: usize,
}

/// Finds a table for these hashes, which must be distinct. `sorted`: the same hashes in the buckets of [`first_places`], if the
/// caller has them.
pub(crate) fn find(hashes: &[u64], mut sorted: Option<Buckets>) -> Result<Perfect, BuildError> {
    let mut places = first_places(hashes.len());
    for _ in 0..ATTEMPTS {
        let sorted = sorted.take().unwrap_or_else(|| Buckets::sort(hashes, buckets(places)));
        if let Some((index, place_of)) = search(&sorted, places) {
            return Ok(Perfect { index, place_of, places });
        }
        places += 1 + hashes.len() / 32;
    }
    Err(BuildError::HostileKeys { flags: hashes.len() })
}

/// Hashes sorted by bucket: `items[starts[b]..starts[b + 1]]` are those of bucket `b` with their positions.
pub(crate) struct Buckets {
    pub(crate) starts: Vec<u32>,
    pub(crate) items: Vec<(u64, u32)>,
}

impl Buckets {
    pub(crate) fn sort(hashes: &[u64], count: usize) -> Buckets {
        let bucket = |hash: u64| high(hash, count as u64) as usize;
        let mut starts = vec![0u32; count + 1];
        for hash in hashes {
            starts[bucket(*hash) + 1] += 1;
        }
        for b in 0..count {
            starts[b + 1] += starts[b];
        }
        let mut next = starts.clone();
        let mut items = vec![(0, 0); hashes.len()];
        for (i, hash) in hashes.iter().enumerate() {
            let slot = &mut next[bucket(*hash)];
            items[*slot as usize] = (*hash, i as u32);
            *slot += 1;
        }
        Buckets { starts, items }
    }

    pub(crate) fn get(&self, bucket: usize) -> &[(u64, u32)] {
        &self.items[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }

    fn len(&self, bucket: usize) -> usize {
        (self.starts[bucket + 1] - self.starts[bucket]) as usize
    }

    /// Bucket numbers, fullest first: they are the hardest to place. `None` if one is too full.
    fn fullest_first(&self) -> Option<Vec<u32>> {
        let count = self.starts.len() - 1;
        let mut starts = [0u32; BUCKET + 1];
        for b in 0..count {
            *starts.get_mut(BUCKET.checked_sub(self.len(b))?)? += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            (*start, sum) = (sum, sum + *start);
        }
        let mut order = vec![0; count];
        for b in 0..count {
            let slot = &mut starts[BUCKET - self.len(b)];
            order[*slot as usize] = b as u32;
            *slot += 1;
        }
        Some(order)
    }
}

fn search(buckets: &Buckets, places: usize) -> Option<(Vec<u64>, Vec<u32>)> {
    let mut order = buckets.fullest_first()?;
    // Stable, so that the others stay as they are: fullest first.
    order.sort_by_key(|bucket| !buckets.get(*bucket as usize).iter().any(|(hash, _)| is_fixed(*hash)));
    let mut taken = vec![0u64; places.div_ceil(64)];
    let mut index = vec![0u64; order.len()];
    let mut place_of = vec![0u32; buckets.items.len()];
    for bucket in order {
        let items = buckets.get(bucket as usize);
        if items.is_empty() {
            break;
        }
        let mut found = [0u32; BUCKET];
        let filter = filter_of(items);
        index[bucket as usize] = (0..TRIES)
            .map(|attempt| filter | searched(attempt, filter))
            .find(|entry| fits(items, *entry, places, &taken, &mut found))?;
        for ((_, i), place) in items.iter().zip(found) {
            taken[place as usize / 64] |= 1 << (place % 64);
            place_of[*i as usize] = place;
        }
    }
    Some((index, place_of))
}

/// The low half of the index word of a bucket.
pub(crate) fn filter_of(items: &[(u64, u32)]) -> u64 {
    items.iter().fold(0, |filter, (hash, _)| filter | filter_bit(*hash))
}

/// Whether a hash has the same few places under all multipliers, so that these must not be taken by others before. This happens by intent only,
/// but one such key would be enough to have a payload refused.
pub(crate) fn is_fixed(hash: u64) -> bool {
    hash << 16 == 0
}

/// The high half of an index word for an attempt, such that the multiplier is odd.
pub(crate) fn searched(attempt: u32, filter: u64) -> u64 {
    let spread = attempt.wrapping_add(1).wrapping_mul(0x9E37_79B9) & !1;
    (u64::from(spread) | (!filter & 1)) << 32
}

/// Whether every hash of a bucket gets a free place of its own under this multiplier.
#[inline]
fn fits(items: &[(u64, u32)], entry: u64, places: usize, taken: &[u64], found: &mut [u32; BUCKET]) -> bool {
    let multiplier = multiplier(entry);
    for (at, (hash, _)) in items.iter().enumerate() {
        let place = high(hash.wrapping_mul(multiplier), places as u64) as u32;
        if taken[place as usize / 64] >> (place % 64) & 1 == 1 || found[..at].contains(&place) {
            return false;
        }
        found[at] = place;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn check(hashes: &[u64]) {
        let perfect = find(hashes, None).unwrap();
        assert!(perfect.places <= max_places(hashes.len()));
        assert_eq!(perfect.place_of.iter().collect::<HashSet<_>>().len(), hashes.len());
        for (hash, place) in hashes.iter().zip(&perfect.place_of) {
            let entry = perfect.index[high(*hash, perfect.index.len() as u64) as usize];
            assert!(passes(entry, *hash) && multiplier(entry) & 1 == 1);
            assert_eq!(high(hash.wrapping_mul(multiplier(entry)), perfect.places as u64), u64::from(*place));
        }
    }

    #[test]
    fn no_keys_make_a_table_of_empty_places() {
        check(&[]);
    }

    #[test]
    fn hashes_that_are_nearly_equal_are_told_apart() {
        check(&(0..40).collect::<Vec<_>>());
        check(&(0..40).map(|i| u64::MAX - i).collect::<Vec<_>>());
    }

    #[test]
    fn a_bucket_that_no_one_fills_by_chance_is_refused_in_time() {
        let crowd: Vec<u64> = (0..200).collect();
        assert!(matches!(find(&crowd, None), Err(BuildError::HostileKeys { flags: 200 })));
    }

    /// Symptom: 65 keys in one bucket made the builder panic. Cause: the limit was off by one, and `fits` has room for
    /// [`BUCKET`] places. Fix: more than that is refused.
    #[test]
    fn a_full_bucket_is_placed_and_one_more_is_refused_without_a_panic() {
        for crowd in BUCKET as u64 - 1..BUCKET as u64 + 3 {
            let hashes: Vec<u64> = (0..crowd).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20).collect();
            assert_eq!(find(&hashes, None).is_ok(), crowd <= BUCKET as u64, "{crowd} in one bucket");
        }
    }

    /// Symptom: a payload with a key whose hash is 0 was refused, of some sizes. Cause: its place is 0 under every multiplier, and a
    /// fuller bucket had taken that. Fix: buckets with such hashes go first.
    #[test]
    fn a_hash_that_no_multiplier_moves_is_placed_among_any_others() {
        for fixed in [0, 1 << 63, 1 << 62, 3 << 60] {
            for count in 1..300 {
                let others =
                    (1..count).map(|i: u64| (i ^ fixed ^ count << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15));
                check(&std::iter::once(fixed).chain(others).collect::<Vec<_>>());
            }
        }
    }

    proptest! {
        #[test]
        fn every_set_of_distinct_hashes_gets_distinct_places(hashes in proptest::collection::hash_set(any::<u64>(), 0..3000)) {
            check(&hashes.into_iter().collect::<Vec<_>>());
        }
    }
}
