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
//! C3: `lead` points to the generation word of one of the views in the nodes (V1), usually of the current one.

use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicPtr, AtomicU64, fence};

use crate::key::Hashed;
use crate::view::{Probe, View};

/// One current `T`, replaced rarely, read at the cost of one load.
#[derive(Debug)]
pub struct Current<T> {
    now: AtomicPtr<Node<T>>,
    /// The generation word of the current view once more. A look-up loads it first and needs it at once, so one load less
    /// on the way to it is a twentieth of the whole look-up.
    lead: AtomicPtr<AtomicU64>,
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

impl<T: AsRef<View>> Current<T> {
    /// Starts with `first`.
    #[must_use]
    pub fn new(first: T) -> Current<T> {
        let lead = first.as_ref().generation_word().cast_mut();
        let first = Box::new(Node { value: first, older: null_mut(), number: 0 });
        Current { now: AtomicPtr::new(Box::into_raw(first)), lead: AtomicPtr::new(lead) }
    }

    /// [`View::probe`] on the current view.
    #[inline(always)]
    #[must_use]
    pub fn probe(&self, key: &Hashed) -> Probe {
        let lead = self.lead.load(Acquire);
        let view = self.get().as_ref();
        // SAFETY: C3: the view of `lead` lives as long as `self`.
        unsafe { view.probe_with(lead, key) }
    }

    /// What is in use.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> &T {
        &self.node().value
    }

    /// The generation word as it is now and the tag of the current view, in one number: for handles that remember a value.
    /// In the moment of a move the word may still be that of the view before: then nothing is remembered under this number, or
    /// what is remembered is from the current view.
    #[inline(always)]
    #[must_use]
    pub fn raw_stamp(&self) -> u64 {
        let lead = self.lead.load(Acquire);
        // SAFETY: C3: the view of `lead` lives as long as `self`.
        let g = unsafe { &*lead };
        g.load(Relaxed) ^ self.get().as_ref().tag()
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
            self.follow_with_lead();
            return true;
        }
        // SAFETY: `new` comes from `Box::into_raw` above and was not put anywhere.
        drop(unsafe { Box::from_raw(new) });
        false
    }

    /// Brings `lead` to the current view. Of several threads that do this at once, the last one to store looks again.
    fn follow_with_lead(&self) {
        loop {
            let word = self.get().as_ref().generation_word();
            self.lead.store(word.cast_mut(), Release);
            // The store before the look: else two threads could both look too early, and the older view stay.
            fence(SeqCst);
            if std::ptr::eq(self.get().as_ref().generation_word(), word) {
                return;
            }
        }
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

    struct Numbered {
        number: usize,
        view: View,
        counted: Arc<()>,
    }

    impl AsRef<View> for Numbered {
        fn as_ref(&self) -> &View {
            &self.view
        }
    }

    fn numbered(number: usize, counted: &Arc<()>) -> Numbered {
        Numbered { number, view: View::nothing(), counted: counted.clone() }
    }

    #[test]
    fn the_last_one_put_in_is_current_and_the_ones_before_stay_readable() {
        let count = Arc::new(());
        let current = Current::new(numbered(0, &count));
        let first = current.get();
        assert!(current.replace(first, |number| numbered(number, &count)));
        assert!(!current.replace(first, |_| numbered(99, &count)));
        let second = current.get();
        assert!(current.replace(second, |number| numbered(number, &count)));
        assert_eq!([first, second, current.get()].map(|numbered| numbered.number), [0, 1, 2]);
        let mut old = Vec::new();
        current.each_old(|numbered| old.push(numbered.number));
        assert_eq!(old, [1, 0]);
    }

    #[test]
    fn of_threads_that_replace_at_once_one_wins_each_turn_and_everything_is_freed_in_the_end() {
        let count = Arc::new(());
        let current = Current::new(numbered(0, &count));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while current.get().number < 1000 {
                        let old = current.get();
                        current.replace(old, |number| {
                            assert_eq!(number, old.number + 1);
                            numbered(number, &count)
                        });
                    }
                });
            }
        });
        let mut seen = 1000;
        current.each_old(|numbered| {
            seen -= 1;
            assert_eq!(numbered.number, seen);
            assert!(Arc::ptr_eq(&numbered.counted, &count));
        });
        assert_eq!((seen, current.get().number), (0, 1000));
        drop(current);
        assert_eq!(Arc::strong_count(&count), 1);
    }
}
