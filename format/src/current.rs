//! The thing that a reader uses now, and all that it used before.
//!
//! A mapping is never unmapped while its reader lives, since another thread may just be reading from it; a reference
//! count would be a shared write in every read. So what was current once is kept until the whole is dropped. Files are
//! superseded rarely.
//!
//! There is no lock: a thread that was lost in a fork would hold it for ever, and the child could then never move.
//!
//! # Invariants
//! C1: `now` and every `older` come from `Box::into_raw`, and the nodes are freed only when `self` is dropped.
//! C2: a node does not change once it is reachable from `now`.

use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};

/// One current `T`, replaced rarely, read at the cost of one load.
#[derive(Debug)]
pub struct Current<T> {
    now: AtomicPtr<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    /// What was current before; null for the first.
    older: *mut Node<T>,
    number: usize,
}

// SAFETY: C1: it owns its nodes, and so every `T`, as a list would.
unsafe impl<T: Send> Send for Current<T> {}
// SAFETY: C2: shared nodes are only read; `replace` takes a `T` from any thread, so `T` must be `Send` as well.
unsafe impl<T: Send + Sync> Sync for Current<T> {}

impl<T> Current<T> {
    /// Starts with `first`.
    #[must_use]
    pub fn new(first: T) -> Current<T> {
        let first = Box::new(Node { value: first, older: null_mut(), number: 0 });
        Current { now: AtomicPtr::new(Box::into_raw(first)) }
    }

    /// What is in use.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> &T {
        &self.node().value
    }

    #[inline(always)]
    fn node(&self) -> &Node<T> {
        // SAFETY: C1: it lives as long as `self`. Acquire pairs with the release in `replace`.
        unsafe { &*self.now.load(Acquire) }
    }

    /// Puts a new one, made by `make` from its number, in the place of `old`. `false`, if another thread was faster.
    pub fn replace(&self, old: &T, make: impl FnOnce(usize) -> T) -> bool {
        let node = self.node();
        if !std::ptr::eq(&raw const node.value, old) {
            return false;
        }
        let number = node.number + 1;
        let older = std::ptr::from_ref(node).cast_mut();
        let new = Box::into_raw(Box::new(Node { value: make(number), older, number }));
        // Release: whoever loads the pointer sees the node behind it whole. Nodes are never freed before the end, so that
        // an equal pointer is the same node.
        if self.now.compare_exchange(older, new, Release, Acquire).is_ok() {
            return true;
        }
        // SAFETY: `new` comes from `Box::into_raw` above and was not put anywhere.
        drop(unsafe { Box::from_raw(new) });
        false
    }

    /// Calls `on` with everything that was used before, the latest first.
    pub fn each_old(&self, mut on: impl FnMut(&T)) {
        let mut node = self.node().older;
        // SAFETY: C1: null, or a node that lives as long as `self`.
        while let Some(old) = unsafe { node.as_ref() } {
            on(&old.value);
            node = old.older;
        }
    }
}

impl<T> Drop for Current<T> {
    fn drop(&mut self) {
        let mut node = *self.now.get_mut();
        while !node.is_null() {
            // SAFETY: C1: from `Box::into_raw`, reached once, and nobody else is left who could look at it.
            let old = unsafe { Box::from_raw(node) };
            node = old.older;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_one_put_in_is_current_and_the_ones_before_stay_readable() {
        let current = Current::new(10);
        let first = current.get();
        assert!(current.replace(first, |number| 10 + number));
        assert!(!current.replace(first, |_| 99));
        let second = current.get();
        assert!(current.replace(second, |number| 10 + number));
        assert_eq!((*first, *second, *current.get()), (10, 11, 12));
        let mut old = Vec::new();
        current.each_old(|value| old.push(*value));
        assert_eq!(old, [11, 10]);
    }

    #[test]
    fn of_threads_that_replace_at_once_one_wins_each_turn_and_everything_is_freed_in_the_end() {
        let count = Arc::new(());
        let current = Current::new((0, count.clone()));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while current.get().0 < 1000 {
                        let old = current.get();
                        current.replace(old, |number| {
                            assert_eq!(number, old.0 + 1);
                            (number, count.clone())
                        });
                    }
                });
            }
        });
        let mut seen = 1000;
        current.each_old(|(number, _)| {
            seen -= 1;
            assert_eq!(*number, seen);
        });
        assert_eq!((seen, current.get().0), (0, 1000));
        drop(current);
        assert_eq!(Arc::strong_count(&count), 1);
    }
}
