//! The change feed: a ring of the places that changed, in the header page.
//!
//! A publish stores its entries and its *head* while the generation word is odd, as it stores its slot, so that the ring needs no
//! protocol of its own: what a reader uses of it under generation `k` is not stored to before the word says that its read is not good
//! ([`crate::sync::protocol`]). For that, heads come in pairs like slots, and a reader looks no further back than to
//! where the next publish may already be storing:
//!
//! ```text
//!                      head of k
//!   .. READABLE entries | MOST entries: generation k + 1 may be stored here ..
//! ```
//!
//! | edge | what breaks without it |
//! |---|---|
//! | F1 entries and head are stored between the odd and the even store | a reader sees `k` and, under the same number, the entries of a publisher that died before it |
//! | F2 a head for each slot | a reader of `k` starts from the head of `k + 1` |
//! | F3 no more than `READABLE` entries are read | a reader of `k` reads entries that `k + 1` is storing |
//! | F4 the word is looked at again, as after any read | a reader reads entries of `k + 2` |
//!
//! Each word is sealed: its upper 44 bits follow from its generation and its lower 20 bits. A word of another generation, one that was
//! stored by half, or one with a flipped bit is therefore no entry, and the reader compares snapshots. Readers never depend on the
//! feed: whatever it cannot say for sure is [`Lost`].
//!
//! `tests/feed_model.rs` runs this code with each edge broken.

use crate::bytes::generation::Generation;

/// Low bits of a word that the seal covers.
const BITS: u32 = 20;
const LOW: u64 = (1 << BITS) - 1;

/// Instead of a place: anything may have changed, and keys may have other places.
const ALL: u64 = LOW;

/// Instead of a place: nothing changed.
const NOTHING: u64 = LOW - 1;

/// Head: the position behind the newest entry in the low half of the 20 bits, the number of readable entries in the other.
const HALF: u32 = 10;

/// Sizes of the ring. The model checker has a small one.
pub trait Size {
    /// Words of the ring.
    const ENTRIES: usize = crate::bytes::layout::FEED_ENTRIES;
    /// Entries of one publish at most. One that changes more says so with a single entry.
    const MOST: usize = 112;
    /// F3: entries before the head that the next publish does not touch.
    const READABLE: usize = Self::ENTRIES - Self::MOST;
    /// F2: heads.
    const HEADS: usize = 2;
}

/// The size of the ring in a file.
#[derive(Debug, Clone, Copy)]
pub struct InFile;

impl Size for InFile {}

/// What one publish stores: `entries` from position `start` on, around the end of the ring, and then the head of its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// Position of the first entry.
    pub start: usize,
    /// The entries.
    pub entries: Vec<u64>,
    /// The head.
    pub head: u64,
}

/// Why the feed does not say what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The ring does not reach back that far, or the generation is not one before this one.
    Overrun,
    /// A publish may have changed anything.
    Anything,
    /// What stands there is no feed of this generation: nobody has begun one, or it is damaged.
    NoFeed,
}

/// Index of the head of a generation.
#[must_use]
pub const fn head_of<S: Size>(generation: Generation) -> usize {
    generation.0 as usize % S::HEADS
}

/// Publisher: what to store for the generation after `current`, whose head is `head`. `changed` are the places in the tables of both
/// whose flags differ; `None` if they are not known or keys have other places.
#[must_use]
pub fn addition<S: Size>(head: u64, current: Generation, changed: Option<&[u32]>) -> Addition {
    let next = current.next();
    let (start, before) = parse_head::<S>(head, current).unwrap_or((0, 0));
    let mut entries = Vec::new();
    if before == 0 {
        // Where the ring begins, so that the first publish of it can be told.
        entries.push(sealed(current, ALL));
    }
    let fits = |places: &&[u32]| {
        places.len() + entries.len() <= S::MOST && places.iter().all(|place| u64::from(*place) < NOTHING)
    };
    match changed.filter(fits) {
        None => entries.push(sealed(next, ALL)),
        Some([]) => entries.push(sealed(next, NOTHING)),
        Some(places) => entries.extend(places.iter().map(|place| sealed(next, u64::from(*place)))),
    }
    let end = (start + entries.len()) % S::ENTRIES;
    let readable = (before + entries.len()).min(S::READABLE);
    Addition { start, entries, head: sealed(next, end as u64 | (readable as u64) << HALF) }
}

/// Reader: the places that changed from generation `from` to `current`, sorted. `head` is that of `current`, and `entry` loads an entry
/// by its position. Good only if the generation word then says so.
///
/// # Errors
/// [`Lost`], if the feed does not know them.
pub fn changed<S: Size>(
    head: u64,
    entry: impl Fn(usize) -> u64,
    current: Generation,
    from: Generation,
) -> Result<Vec<u32>, Lost> {
    if from >= current {
        return if from == current { Ok(Vec::new()) } else { Err(Lost::Overrun) };
    }
    let (end, readable) = parse_head::<S>(head, current).ok_or(Lost::NoFeed)?;
    let mut places = Vec::new();
    let mut of = current;
    for back in 1..=readable {
        let word = entry((end + S::ENTRIES - back) % S::ENTRIES);
        // Each generation has an entry: the one before this is of the same generation, or of the one before.
        if !is_of(word, of) {
            of = Generation(of.0 - 1);
            if back == 1 || !is_of(word, of) {
                return Err(Lost::NoFeed);
            }
        }
        if of == from {
            places.sort_unstable();
            places.dedup();
            return Ok(places);
        }
        match word & LOW {
            ALL => return Err(Lost::Anything),
            NOTHING => {}
            place => places.push(place as u32),
        }
    }
    Err(Lost::Overrun)
}

/// The position behind the newest entry, and the number of readable ones.
fn parse_head<S: Size>(head: u64, of: Generation) -> Option<(usize, usize)> {
    let (end, readable) =
        ((head & LOW & ((1 << HALF) - 1)) as usize, (head >> HALF) as usize & ((1 << HALF) - 1));
    (is_of(head, of) && end < S::ENTRIES && readable <= S::READABLE).then_some((end, readable))
}

fn is_of(word: u64, generation: Generation) -> bool {
    word == sealed(generation, word & LOW)
}

/// A word of the ring. One bit that differs, in the generation or in `low`, changes the seal, because the factor is odd.
const fn sealed(generation: Generation, low: u64) -> u64 {
    let both = generation.0 << BITS | low;
    both.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !LOW | low
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
