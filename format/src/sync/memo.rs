//! What handles remember, shared by threads: a value together with the stamp of the generation that it is from.
//!
//! A stamp is twice a generation with the tag of the reader's file above it, so it is even, never has the top bit, grows with every
//! move and every publish, and stands for one snapshot only. Memory is refreshed by whoever finds it old; a thread that is slower
//! than a publish at most puts an old stamp back, which is then found old again.
//!
//! # Ordering edges
//!
//! | edge | who refreshes | who reads | what breaks without it |
//! |---|---|---|---|
//! | M1 begin | `NONE` for the stamp, then fence (Release), then value (Relaxed) | value (Relaxed), then fence (Acquire), then second load of the stamp (Relaxed) | a new value is taken for one of the old stamp |
//! | M2 end | value, then new stamp (Release) | first load of the stamp (Acquire), then value | an old value is taken for one of the new stamp |
//! | M3 alone | `NONE` by an exchange (Acquire); who finds `NONE` leaves | | the values of two threads mix, and one stands under the other's stamp |
//!
//! A boolean needs none of them: it is in the low bit of its stamp.
//!
//! As in [`crate::sync::protocol`] the orderings are constants that the model checker weakens (`tests/memo_model.rs`).

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

use crate::sync::atomics::{Exchange, Word};
use crate::sync::protocol::Sound;

/// No stamp: the top bit is never set in one. Not all ones, which a damaged generation word may well be.
const NONE: u64 = 0xb5ad_4ece_da1c_e2a9;

/// A boolean in the low bit of its stamp: whole by nature.
#[derive(Debug)]
pub struct BoolMemo<W = AtomicU64>(W);

impl BoolMemo {
    /// Remembers nothing.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "nothing is no value")]
    pub fn new() -> BoolMemo {
        BoolMemo::with(AtomicU64::new)
    }
}

impl<W: Word> BoolMemo<W> {
    /// Remembers nothing, in a word made by `word`.
    pub fn with(word: impl Fn(u64) -> W) -> BoolMemo<W> {
        BoolMemo(word(NONE))
    }

    /// The value, if it is of this stamp, whose lowest bit does not count.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, stamp: u64) -> Option<bool> {
        let memo = self.0.load();
        if memo ^ stamp < 2 { Some(memo & 1 != 0) } else { None }
    }

    /// Remembers a value. `stamp` is even.
    pub fn set(&self, stamp: u64, value: bool) {
        self.0.store(stamp | u64::from(value), Relaxed);
    }
}

/// How a thread gets the right to refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// By an exchange that one thread wins.
    Exchange,
    /// By a store, as if it were alone.
    Store,
    /// Not at all: the old stamp stays until the new one comes.
    None,
}

/// The orderings of [`WordMemo`]. See the table of edges above.
pub trait MemoOrders {
    /// M1, M3.
    const CLAIM: Claim = Claim::Exchange;
    /// M1: the fence between `NONE` and the value.
    const WRITER_FENCE: Option<Ordering> = Some(Release);
    /// M2: the store of the new stamp.
    const STAMP: Ordering = Release;
    /// M2: the first load of the stamp.
    const FIRST_LOAD: Ordering = Acquire;
    /// M1: the fence before the second load of the stamp. `None` leaves the load out as well.
    const RECHECK_FENCE: Option<Ordering> = Some(Acquire);
}

impl MemoOrders for Sound {}

/// A 64-bit value beside its stamp, which is `NONE` while a refresh is under way. Only one thread refreshes.
#[derive(Debug)]
pub struct WordMemo<C = AtomicU64> {
    stamp: C,
    value: C,
}

impl WordMemo {
    /// Remembers nothing.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "nothing is no value")]
    pub fn new() -> WordMemo {
        WordMemo::with(AtomicU64::new)
    }
}

impl<C: Exchange<Value = u64>> WordMemo<C> {
    /// Remembers nothing, in words made by `word`.
    pub fn with(word: impl Fn(u64) -> C) -> WordMemo<C> {
        // An odd number is no stamp either, and unlike `NONE` it may be refreshed.
        WordMemo { stamp: word(1), value: word(0) }
    }

    /// The value, if it is of this stamp.
    #[inline(always)]
    #[must_use]
    pub fn get<O: MemoOrders>(&self, stamp: u64) -> Option<u64> {
        let before = self.stamp.load(O::FIRST_LOAD); // M2
        let value = self.value.load(Relaxed);
        if let Some(order) = O::RECHECK_FENCE {
            C::fence(order); // M1
        }
        let is_whole = before == stamp && (O::RECHECK_FENCE.is_none() || self.stamp.load(Relaxed) == stamp);
        if is_whole { Some(value) } else { None }
    }

    /// Remembers a value, unless another thread does so just now. `stamp` is even.
    pub fn set<O: MemoOrders>(&self, stamp: u64, value: u64) {
        let old = self.stamp.load(Relaxed);
        match O::CLAIM {
            Claim::Exchange => {
                if old == NONE || self.stamp.compare_exchange(old, NONE, Acquire, Relaxed).is_err() {
                    return; // M3: somebody else refreshes
                }
            }
            Claim::Store => self.stamp.store(NONE, Relaxed),
            Claim::None => {}
        }
        if let Some(order) = O::WRITER_FENCE {
            C::fence(order); // M1
        }
        self.value.store(value, Relaxed);
        self.stamp.store(stamp, O::STAMP); // M2
    }
}

/// A clone remembers nothing yet: what it is a clone of may just be refreshed.
impl Clone for BoolMemo {
    fn clone(&self) -> BoolMemo {
        BoolMemo::new()
    }
}

/// As that of [`BoolMemo`].
impl Clone for WordMemo {
    fn clone(&self) -> WordMemo {
        WordMemo::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_memo_returns_a_value_only_for_the_stamp_it_was_given() {
        let (bools, words) = (BoolMemo::new(), WordMemo::new());
        assert_eq!((bools.get(0), words.get::<Sound>(0)), (None, None));
        bools.set(4, true);
        words.set::<Sound>(4, 7);
        assert_eq!((bools.get(4), words.get::<Sound>(4)), (Some(true), Some(7)));
        assert_eq!((bools.get(6), words.get::<Sound>(6)), (None, None));
    }

    #[test]
    fn a_memo_that_remembers_nothing_returns_nothing_for_a_damaged_generation_word() {
        let memo = BoolMemo::new();
        for word in [0, 1 << 63, u64::MAX, u64::MAX >> 1, 1 << 48] {
            assert_eq!(memo.get(word & !1), None, "{word:#x}");
        }
    }

    #[test]
    fn threads_that_refresh_at_once_never_mix_a_value_with_another_stamp() {
        // An interpreter tries unlikely orders by itself, and is slow.
        let turns = if cfg!(miri) { 100 } else { 100_000 };
        let memo = WordMemo::new();
        thread::scope(|scope| {
            for thread in 0..2 {
                let memo = &memo;
                scope.spawn(move || {
                    (0..turns).for_each(|i| memo.set::<Sound>(2 * (2 * i + thread), 2 * i + thread));
                });
            }
            scope.spawn(|| {
                for i in 0..2 * turns {
                    let stamp = memo.stamp.load(Relaxed) & !1;
                    if let Some(value) = memo.get::<Sound>(stamp) {
                        assert_eq!(value * 2, stamp, "in turn {i}");
                    }
                }
            });
        });
    }
}
