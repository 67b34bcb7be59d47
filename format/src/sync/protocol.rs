//! The generation word and its protocol, both sides.
//!
//! One 64-bit word `g` guards two slots. `g = 2k`: generation `k` is current and lies in slot `k mod 2` (`k = 0`: nothing
//! has been published). `g = 2k + 1`: the same, and the *other* slot is being overwritten with generation `k + 1`.
//! Bit 63 ([`MARK`]) says that the file has been superseded by another one at the same path.
//!
//! A reader loads `g`, reads slot words, loads `g` again and keeps what it read if and only if
//! `g2.wrapping_sub(base) < 3` with `base = g & !(1 | MARK)`. The slot of generation `k` is overwritten between
//! `g = 2k + 3` and `g = 2k + 4`, so a read is repeated only when a second publish has begun. The one compare also rejects
//! the mark, a word that went back, and memory that was replaced by zeros.
//!
//! # Ordering edges
//!
//! | edge | writer | reader | what breaks without it |
//! |---|---|---|---|
//! | E1 publish | even store (Release) | first load (Relaxed), then fence (Acquire) | a reader sees the new number and old slot words |
//! | E2 carry | odd store (Release) | first load (Relaxed), then fence (Acquire) | a reader that sees only the odd word does not synchronise with the even store before it |
//! | E3 begin overwrite | odd store, then fence (Release), then slot words (Relaxed) | slot words (Relaxed), then fence (Acquire), then second load (Relaxed) | a reader takes a word of generation `k + 2` and still sees `g` in range |
//!
//! The reader's loads of `g` are relaxed because the mapping is read-only: the standard library promises no more than
//! relaxed loads of at most 8 bytes there. The fences give the ordering.
//!
//! The orderings are associated constants of [`Orders`], so that the model checker can weaken each one and show that it
//! notices. [`Sound`] is the only implementation outside tests; all constants fold away.

use std::sync::atomic::Ordering::{self, Acquire, Release};

use crate::sync::atomics::{Load, Word};

pub use crate::bytes::generation::{Generation, MAX_GENERATION, SlotIndex};

/// Bit of the generation word that says: this file is superseded, look at its path again.
pub const MARK: u64 = 1 << 63;

/// The protocol's orderings and its bound. See the table of edges above.
pub trait Orders {
    /// E2, E3: the store that says "the other slot is being overwritten". `None` leaves the store out.
    const ODD_STORE: Option<Ordering> = Some(Release);
    /// E3: the fence between the odd store and the slot words.
    const WRITER_FENCE: Option<Ordering> = Some(Release);
    /// E1: the store that publishes.
    const EVEN_STORE: Ordering = Release;
    /// E1, E2: the fence after the reader's first load.
    const FIRST_FENCE: Option<Ordering> = Some(Acquire);
    /// E3: the fence before the reader's second load.
    const RECHECK_FENCE: Option<Ordering> = Some(Acquire);
    /// What was read is valid while `g2 - base` is below this.
    const BOUND: u64 = 3;
}

/// The orderings in use.
#[derive(Debug, Clone, Copy)]
pub struct Sound;

impl Orders for Sound {}

/// What a reader saw in its first load of the generation word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed(u64);

impl Observed {
    /// The word without its low bit and without the mark: twice the current generation.
    #[inline(always)]
    #[must_use]
    pub const fn base(self) -> u64 {
        self.0 & !(1 | MARK)
    }

    /// The current generation.
    #[inline(always)]
    #[must_use]
    pub const fn generation(self) -> Generation {
        Generation(self.base() >> 1)
    }

    /// Index of the slot that holds it: always 0 or 1.
    #[inline(always)]
    #[must_use]
    pub const fn slot(self) -> usize {
        (self.0 >> 1 & 1) as usize
    }

    /// Whether a publish was under way.
    #[must_use]
    pub const fn is_odd(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether the file has been superseded.
    #[inline(always)]
    #[must_use]
    pub const fn is_superseded(self) -> bool {
        self.0 & MARK != 0
    }
}

/// Reader, before the slot words: E1 and E2.
#[inline(always)]
pub fn observe<O: Orders, W: Load>(g: &W) -> Observed {
    let seen = g.load();
    if let Some(order) = O::FIRST_FENCE {
        W::fence(order);
    }
    Observed(seen)
}

/// Reader, after the slot words: E3. True if every word read in between belongs to the observed generation.
#[inline(always)]
pub fn still_valid<O: Orders, W: Load>(g: &W, seen: Observed) -> bool {
    if let Some(order) = O::RECHECK_FENCE {
        W::fence(order);
    }
    g.load().wrapping_sub(seen.base()) < O::BOUND
}

/// As [`still_valid`], also on a file that carries the mark: its last generation can be read until the successor is at the
/// path, as long as the word stays what it was.
#[inline]
pub fn still_valid_or_superseded<O: Orders, W: Load>(g: &W, seen: Observed) -> bool {
    if !seen.is_superseded() {
        return still_valid::<O, W>(g, seen);
    }
    if let Some(order) = O::RECHECK_FENCE {
        W::fence(order);
    }
    (g.load() & !MARK).wrapping_sub(seen.base()) < O::BOUND
}

/// Writer: publishes the next generation. `write` fills the slot it is given.
///
/// Only the holder of the publisher lock calls this; taking the lock orders it after the holder before. A predecessor
/// that died in the middle left an odd word: the same generation is then written again into the same slot.
///
/// # Errors
/// What `write` returned. The generation word then stays odd, which is harmless: the current generation is untouched.
pub fn publish<O: Orders, W: Word, E>(
    g: &W,
    write: impl FnOnce(Generation) -> Result<(), E>,
) -> Result<Generation, E> {
    let base = g.load() & !1;
    let next = Generation((base & !MARK) >> 1).next();
    if let Some(order) = O::ODD_STORE {
        g.store(base | 1, order); // E2, E3
    }
    if let Some(order) = O::WRITER_FENCE {
        W::fence(order); // E3
    }
    write(next)?;
    g.store(base + 2, O::EVEN_STORE); // E1
    Ok(next)
}

/// Writer: marks the file as superseded. The caller announces that ([`crate::sync::event`]) and then renames the new file over the
/// path, in this order: a reader that sees the mark too early finds the old file still there and goes on with it.
pub fn mark_superseded<W: Word>(g: &W) {
    g.store(g.load() | MARK, Release);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    fn seen(word: u64) -> Observed {
        observe::<Sound, _>(&AtomicU64::new(word))
    }

    fn valid(first: u64, second: u64) -> bool {
        still_valid::<Sound, _>(&AtomicU64::new(second), seen(first))
    }

    #[test]
    fn a_read_is_valid_until_a_second_publish_begins() {
        for first in [8, 9] {
            let verdicts: Vec<bool> = (8..14).map(|second| valid(first, second)).collect();
            assert_eq!(verdicts, [true, true, true, false, false, false], "first load {first}");
        }
    }

    #[test]
    fn the_mark_zeros_and_a_word_that_went_back_are_rejected() {
        assert!(!valid(8, 8 | MARK));
        assert!(!valid(8 | MARK, 8 | MARK));
        assert!(!valid(8, 0));
        assert!(!valid(8, 6));
        assert!(!valid(8, u64::MAX));
    }

    #[test]
    fn a_marked_word_still_names_its_generation_and_slot() {
        let seen = seen(MARK | 7);
        assert_eq!((seen.generation(), seen.slot(), seen.is_superseded()), (Generation(3), 1, true));
        assert!(still_valid_or_superseded::<Sound, _>(&AtomicU64::new(MARK | 7), seen));
        assert!(!still_valid_or_superseded::<Sound, _>(&AtomicU64::new(0), seen));
    }

    #[test]
    fn a_publish_that_fails_leaves_the_current_generation_and_is_repeated_into_the_same_slot() {
        let g = AtomicU64::new(4);
        assert_eq!(publish::<Sound, _, _>(&g, |_| Err("disk full")), Err("disk full"));
        assert_eq!(seen(g.load(Relaxed)).generation(), Generation(2));
        let mut slot = None;
        let published = publish::<Sound, _, ()>(&g, |generation| {
            slot = Some(generation.slot());
            Ok(())
        });
        assert_eq!((published, slot), (Ok(Generation(3)), Some(SlotIndex::Odd)));
        assert_eq!(g.load(Relaxed), 6);
    }
}
