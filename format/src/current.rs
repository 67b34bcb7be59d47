//! The thing that a reader uses now, and all that it used before.
//!
//! A mapping is never unmapped while its reader lives, since another thread may just be reading from it; a reference
//! count would be a shared write in every read. So what was current once is kept until the whole is dropped. Files are
//! superseded rarely.
//!
//! # Invariants
//! C1: the pointer leads to an element of `all`, and elements leave `all` only when `self` is dropped.

use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex};

/// One current `T`, replaced rarely, read at the cost of one load.
#[derive(Debug)]
pub struct Current<T> {
    now: AtomicPtr<T>,
    /// Everything so far, the current one last.
    all: Mutex<Vec<Arc<T>>>,
}

impl<T> Current<T> {
    /// Starts with `first`.
    #[must_use]
    pub fn new(first: T) -> Current<T> {
        let first = Arc::new(first);
        Current { now: AtomicPtr::new(Arc::as_ptr(&first).cast_mut()), all: Mutex::new(vec![first]) }
    }

    /// What is in use.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> &T {
        // SAFETY: C1: it lives as long as `self`. Acquire pairs with the release in `replace`.
        unsafe { &*self.now.load(Acquire) }
    }

    /// Puts a new one, made by `make` from its number, in the place of `old`. `false`, if another thread was faster or
    /// holds the list just now. Never blocks, so that a thread that was lost in a fork harms nobody.
    pub fn replace(&self, old: &T, make: impl FnOnce(usize) -> T) -> bool {
        let Ok(mut all) = self.all.try_lock() else { return false };
        if !std::ptr::eq(self.get(), old) {
            return false;
        }
        let new = Arc::new(make(all.len()));
        let pointer = Arc::as_ptr(&new).cast_mut();
        all.push(new);
        self.now.store(pointer, Release);
        true
    }

    /// Calls `on` with everything that was used before.
    pub fn each_old(&self, on: impl FnMut(&T)) {
        if let Ok(all) = self.all.try_lock() {
            let old = all.len().saturating_sub(1);
            all.iter().take(old).map(Arc::as_ref).for_each(on);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_put_in_is_current_and_the_ones_before_stay_readable() {
        let current = Current::new(10);
        let first = current.get();
        assert!(current.replace(first, |number| 10 + number));
        assert!(!current.replace(first, |_| 99));
        assert_eq!((*first, *current.get()), (10, 11));
        let mut old = Vec::new();
        current.each_old(|value| old.push(*value));
        assert_eq!(old, [10]);
    }
}
