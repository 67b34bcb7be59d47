//! What handles remember whose values do not fit a word: a value together with the stamp of its generation. Stamps, and the same for
//! words, are in [`flagstaff_format::memo`].

use std::sync::RwLock;

/// Any value behind a lock that is only ever tried, so that nobody waits: in a child of a fork it may be held for
/// ever, and then the value is read anew each time. Readers do not exclude each other.
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

/// A clone remembers nothing yet: what it is a clone of may just be refreshed.
impl<T: Clone> Clone for SharedMemo<T> {
    fn clone(&self) -> SharedMemo<T> {
        SharedMemo::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
