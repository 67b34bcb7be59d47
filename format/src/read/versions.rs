//! The thing that a reader uses now, and all that it used before.
//!
//! A mapping is never unmapped as a whole while its reader lives, since another thread may just be reading from it; a reference
//! count would be a shared write in every read. So what was current once is kept until the whole is dropped, cut down to what such
//! a thread may touch ([`View::release`]). Files are superseded rarely.
//!
//! There is no lock: a thread that was lost in a fork would hold it for ever, and the child could then never move.
//!
//! # Invariants
//! C1: `now` and every `older` come from `Box::into_raw`, and the nodes are freed only when `self` is dropped.
//! C2: a node does not change once it is reachable from `now`.
//! C3: `fast_path` is the way ([`FastPath`], L1) to one of the views in the nodes, usually to the current one. It never goes back to an older
//! one.
//!
//! `now` is stored with Release and loaded with Acquire, so that whoever sees a node sees it whole. For `fast_path` see [`crate::sync::follow`].

use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicPtr, AtomicU64};

use crate::bytes::key::Hashed;
use crate::bytes::record::Hit;
use crate::read::fast_path::FastPath;
use crate::read::short_text::ShortText;
use crate::read::view::View;
use crate::sync::follow::catch_up;
use crate::sync::protocol::Sound;

/// One current `T`, replaced rarely, read at the cost of one load.
#[derive(Debug)]
pub struct Versions<T> {
    now: AtomicPtr<Node<T>>,
    /// The way to the current view's memory once more. It is all that a look-up on the fast path needs.
    fast_path: AtomicPtr<AtomicU64>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    /// What was current before; null for the first.
    older: *mut Node<T>,
    number: usize,
}

// SAFETY: C1: it owns its nodes, and so every `T`, as a list would.
unsafe impl<T: Send> Send for Versions<T> {}
// SAFETY: C2: shared nodes are only read; `replace` takes a `T` from any thread, so `T` must be `Send` as well.
unsafe impl<T: Send + Sync> Sync for Versions<T> {}

impl<T: AsRef<View>> Versions<T> {
    /// Starts with `first`.
    #[must_use]
    pub fn new(first: T) -> Versions<T> {
        let fast_path = first.as_ref().fast_path().as_ptr().cast_mut();
        let first = Box::new(Node { value: first, older: null_mut(), number: 0 });
        Versions { now: AtomicPtr::new(Box::into_raw(first)), fast_path: AtomicPtr::new(fast_path) }
    }

    /// Looks a key of up to 48 bytes up in one attempt. `None`: not settled (overtaken, superseded, out of bounds, nothing
    /// published, a snapshot with overflow records, the first read after a fork), ask [`View::attempt`].
    #[inline(always)]
    #[must_use]
    pub fn probe(&self, key: &Hashed) -> Option<Hit> {
        self.fast_path().probe(key)
    }

    /// As [`Versions::probe`]: a boolean, or `default`.
    #[inline(always)]
    #[must_use]
    pub fn probe_bool(&self, key: &Hashed, default: bool) -> Option<bool> {
        self.fast_path().probe_bool(key, default)
    }

    /// Looks a key of over 48 bytes up in one attempt. `None`: not settled.
    #[inline(always)]
    #[must_use]
    pub fn probe_long(&self, key: &[u8], hashed: &Hashed) -> Option<Hit> {
        self.fast_path().probe_long(key, hashed)
    }

    /// Reads a text of up to 64 bytes, of kind `wanted`, in one attempt. `None`: not settled, or a longer text. `Some(None)`: no
    /// such text.
    #[inline(always)]
    #[must_use]
    pub fn short_text<'b>(
        &self,
        key: &Hashed,
        wanted: u64,
        room: &'b mut ShortText,
    ) -> Option<Option<&'b str>> {
        self.fast_path().short_text(key, wanted, room)
    }

    /// The generation word as it is now and the tag of its view, in one number: for handles that remember a value. In the
    /// moment of a move both may still be those of the view before.
    #[inline(always)]
    #[must_use]
    pub fn raw_stamp(&self) -> u64 {
        self.fast_path().raw_stamp()
    }

    #[inline(always)]
    fn fast_path(&self) -> FastPath<'_> {
        // SAFETY: C3, C1: the view lives as long as `self`. Acquire: A1 of [`crate::sync::follow`].
        unsafe { FastPath::from_raw(self.fast_path.load(Acquire)) }
    }

    /// What is in use. Whoever has seen it here finds it on the fast path from then on as well: `fast_path` may be behind for a
    /// moment while another thread moves, and nobody may see a newer file and then the older one again.
    #[must_use]
    pub fn get(&self) -> &T {
        let value = &self.node().value;
        if !std::ptr::eq(self.fast_path.load(Acquire), value.as_ref().fast_path().as_ptr()) {
            self.catch_up();
        }
        value
    }

    #[inline(always)]
    fn node(&self) -> &Node<T> {
        // SAFETY: C1: it lives as long as `self`. Acquire: it sees the node whole.
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
        // Release: whoever loads the pointer sees the node behind it whole. Nodes are never freed before the end, so that an equal pointer is the same node.
        if self.now.compare_exchange(older, new, Release, Acquire).is_ok() {
            self.catch_up();
            return true;
        }
        // SAFETY: `new` comes from `Box::into_raw` above and was not put anywhere.
        drop(unsafe { Box::from_raw(new) });
        false
    }

    /// Brings `fast_path` to the current view.
    fn catch_up(&self) {
        catch_up::<Sound, _>(&self.fast_path, || self.node().value.as_ref().fast_path().as_ptr().cast_mut());
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

impl<T> Drop for Versions<T> {
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
        let current = Versions::new(numbered(0, &count));
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
        let current = Versions::new(numbered(0, &count));
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
