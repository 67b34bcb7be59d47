//! Memory of handles: a value together with the stamp of the generation that it is from.
//!
//! A stamp is twice the generation with the tag of the reader's file above it (see `Source::stamp`), so it is even, never has the
//! top bit, grows with every move and every publish, and stands for one snapshot only. Memory is refreshed by whoever finds it old; a thread that is slower than a
//! publish at most puts an old stamp back, which is then found old again.

use std::sync::RwLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};

/// No stamp: the top bit is never set in one. Not all ones, which a damaged generation word may well be.
const NONE: u64 = 0xb5ad_4ece_da1c_e2a9;

/// A boolean in the low bit of its stamp: whole by nature.
#[derive(Debug)]
pub(crate) struct BoolMemo(AtomicU64);

impl BoolMemo {
    pub(crate) const fn new() -> BoolMemo {
        BoolMemo(AtomicU64::new(NONE))
    }

    /// The lowest bit of `stamp` does not count.
    #[inline(always)]
    pub(crate) fn get(&self, stamp: u64) -> Option<bool> {
        let memo = self.0.load(Relaxed);
        if memo ^ stamp < 2 { Some(memo & 1 != 0) } else { None }
    }

    pub(crate) fn set(&self, stamp: u64, value: bool) {
        self.0.store(stamp | u64::from(value), Relaxed);
    }
}

/// A 64-bit value beside its stamp.
///
/// The stamp is `NONE` while a refresh is under way, and only one thread refreshes. M1: the writer's `NONE` goes before
/// its value (acquire exchange, release fence); the reader's second load of the stamp comes after its load of the value
/// (acquire fence). M2: the value goes before the new stamp (release store, acquire load).
#[derive(Debug)]
pub(crate) struct WordMemo {
    stamp: AtomicU64,
    value: AtomicU64,
}

impl WordMemo {
    pub(crate) const fn new() -> WordMemo {
        // An odd number is no stamp either, and unlike `NONE` it may be refreshed.
        WordMemo { stamp: AtomicU64::new(1), value: AtomicU64::new(0) }
    }

    #[inline(always)]
    pub(crate) fn get(&self, stamp: u64) -> Option<u64> {
        let before = self.stamp.load(Acquire); // M2
        let value = self.value.load(Relaxed);
        fence(Acquire); // M1
        if before == stamp && self.stamp.load(Relaxed) == stamp { Some(value) } else { None }
    }

    pub(crate) fn set(&self, stamp: u64, value: u64) {
        let old = self.stamp.load(Relaxed);
        if old == NONE || self.stamp.compare_exchange(old, NONE, Acquire, Relaxed).is_err() {
            return; // somebody else refreshes
        }
        fence(Release); // M1
        self.value.store(value, Relaxed);
        self.stamp.store(stamp, Release); // M2
    }
}

/// Any value behind a lock that is only ever tried, so that nobody waits: a thread that was lost in a fork may hold it for
/// ever, and then the value is read anew each time. Readers do not keep each other out.
#[derive(Debug)]
pub(crate) struct SharedMemo<T>(RwLock<Option<(u64, T)>>);

impl<T: Clone> SharedMemo<T> {
    pub(crate) const fn new() -> SharedMemo<T> {
        SharedMemo(RwLock::new(None))
    }

    pub(crate) fn get(&self, stamp: u64) -> Option<T> {
        let memo = self.0.try_read().ok()?;
        memo.as_ref().filter(|(of, _)| *of == stamp).map(|(_, value)| value.clone())
    }

    /// What was remembered last, and its stamp.
    pub(crate) fn latest(&self) -> Option<(u64, T)> {
        self.0.try_read().ok()?.clone()
    }

    /// Remembers `value`, unless another thread was faster: then its value is the one to use. A newer one stays.
    pub(crate) fn remember(&self, stamp: u64, value: T) -> T {
        let Ok(mut memo) = self.0.try_write() else { return value };
        match memo.as_ref() {
            Some((of, other)) if *of == stamp => return other.clone(),
            Some((of, _)) if *of > stamp => return value,
            _ => {}
        }
        let old = memo.replace((stamp, value.clone()));
        // Dropping may run code of the caller, which may come back here.
        drop(memo);
        drop(old);
        value
    }
}

// A clone remembers nothing yet: what it is a clone of may just be refreshed.

impl Clone for BoolMemo {
    fn clone(&self) -> BoolMemo {
        BoolMemo::new()
    }
}

impl Clone for WordMemo {
    fn clone(&self) -> WordMemo {
        WordMemo::new()
    }
}

impl<T: Clone> Clone for SharedMemo<T> {
    fn clone(&self) -> SharedMemo<T> {
        SharedMemo::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_memo_answers_only_for_the_stamp_it_was_given() {
        let (bools, words) = (BoolMemo::new(), WordMemo::new());
        assert_eq!((bools.get(0), words.get(0)), (None, None));
        bools.set(4, true);
        words.set(4, 7);
        assert_eq!((bools.get(4), words.get(4)), (Some(true), Some(7)));
        assert_eq!((bools.get(6), words.get(6)), (None, None));
    }

    #[test]
    fn a_memo_that_remembers_nothing_answers_no_damaged_generation_word() {
        let memo = BoolMemo::new();
        for word in [0, 1 << 63, u64::MAX, u64::MAX >> 1, 1 << 48] {
            assert_eq!(memo.get(word & !1), None, "{word:#x}");
        }
    }

    #[test]
    fn threads_that_remember_the_same_generation_get_one_value_and_an_older_one_does_not_replace_it() {
        let memo = SharedMemo::new();
        assert_eq!(memo.remember(4, "first"), "first");
        assert_eq!(memo.remember(4, "second"), "first");
        assert_eq!(memo.remember(2, "late"), "late");
        assert_eq!((memo.get(4), memo.get(2), memo.latest()), (Some("first"), None, Some((4, "first"))));
    }

    #[test]
    fn a_value_whose_drop_reads_the_memo_again_finds_it_free() {
        struct Nosy(std::sync::Weak<SharedMemo<std::sync::Arc<Nosy>>>);
        impl Drop for Nosy {
            fn drop(&mut self) {
                if let Some(memo) = self.0.upgrade() {
                    assert!(memo.get(4).is_some());
                }
            }
        }
        let memo = std::sync::Arc::new(SharedMemo::new());
        for stamp in [2, 4] {
            drop(memo.remember(stamp, std::sync::Arc::new(Nosy(std::sync::Arc::downgrade(&memo)))));
        }
    }

    #[test]
    fn a_reader_that_was_lost_while_it_held_the_lock_keeps_nobody_from_reading() {
        let memo = SharedMemo::new();
        memo.remember(2, 7);
        let lost = memo.0.try_read().unwrap();
        assert_eq!((memo.get(2), memo.remember(4, 8), memo.get(4)), (Some(7), 8, None));
        drop(lost);
        let lost = memo.0.try_write().unwrap();
        assert_eq!((memo.get(2), memo.remember(4, 8), memo.latest()), (None, 8, None));
        drop(lost);
    }

    #[test]
    fn threads_that_refresh_at_once_never_mix_a_value_with_another_stamp() {
        let memo = WordMemo::new();
        thread::scope(|scope| {
            for thread in 0..2 {
                let memo = &memo;
                scope
                    .spawn(move || (0..100_000).for_each(|i| memo.set(2 * (2 * i + thread), 2 * i + thread)));
            }
            scope.spawn(|| {
                for i in 0..200_000 {
                    let stamp = memo.stamp.load(Relaxed) & !1;
                    if let Some(value) = memo.get(stamp) {
                        assert_eq!(value * 2, stamp, "in turn {i}");
                    }
                }
            });
        });
    }
}
