//! A list to which values are added in front, and from which none is removed while it is shared. It has no lock: see [`super`].
//!
//! # Invariants
//! - P1: `newest` and every `older` are null or come from `Box::into_raw`. Nodes are freed by `&mut self` only, so that a shared
//!   reference to a value is good for as long as the list is borrowed, and an equal pointer is the same node.
//! - P2: a node does not change once it can be reached. It is published with Release and found with Acquire, so that whoever sees it
//!   sees it whole.

use std::ptr::{self, null_mut};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Release};

/// The list.
#[derive(Debug)]
pub(crate) struct PrependList<T> {
    newest: AtomicPtr<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    older: *mut Node<T>,
}

// SAFETY: P1: it owns its nodes, and so every `T`, as a `Vec` would.
unsafe impl<T: Send> Send for PrependList<T> {}
// SAFETY: P2: shared nodes are only read; a `T` may be added by any thread and dropped by another, so `T` must be `Send` as well.
unsafe impl<T: Send + Sync> Sync for PrependList<T> {}

impl<T> PrependList<T> {
    pub(crate) const fn new() -> PrependList<T> {
        PrependList { newest: AtomicPtr::new(null_mut()) }
    }

    /// The value that was added last.
    #[inline(always)]
    pub(crate) fn newest(&self) -> Option<&T> {
        self.node().map(|node| &node.value)
    }

    /// Adds a value.
    pub(crate) fn push(&self, mut value: T) {
        loop {
            match self.push_onto(self.newest(), value) {
                Ok(_) => return,
                Err(back) => value = back,
            }
        }
    }

    /// Adds a value if `newest`, one of this list, still is the newest. Else another thread was faster, and `value` is returned.
    pub(crate) fn push_onto(&self, newest: Option<&T>, value: T) -> Result<&T, T> {
        let older = self.newest.load(Acquire);
        // SAFETY: P1, P2.
        let found = unsafe { older.as_ref() }.map(|node| ptr::from_ref(&node.value));
        if found != newest.map(ptr::from_ref) {
            return Err(value);
        }
        let node = Box::into_raw(Box::new(Node { value, older }));
        if self.newest.compare_exchange(older, node, Release, Acquire).is_ok() {
            // SAFETY: P1.
            return Ok(unsafe { &(*node).value });
        }
        // SAFETY: it comes from `Box::into_raw` above and was not put anywhere.
        Err(unsafe { Box::from_raw(node) }.value)
    }

    /// All values, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.node(), |node| {
            // SAFETY: P1, P2.
            unsafe { node.older.as_ref() }
        })
        .map(|node| &node.value)
    }

    /// Takes the newest value out, if `is_wanted` says so.
    pub(crate) fn pop_if(&mut self, is_wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let newest = self.newest.get_mut();
        // SAFETY: P1.
        unsafe { newest.as_ref() }.filter(|node| is_wanted(&node.value))?;
        // SAFETY: P1: it is not null, it is reached once, and `&mut self` says that nobody else looks at it.
        let node = unsafe { Box::from_raw(*newest) };
        *newest = node.older;
        Some(node.value)
    }

    #[inline(always)]
    fn node(&self) -> Option<&Node<T>> {
        // SAFETY: P1, P2.
        unsafe { self.newest.load(Acquire).as_ref() }
    }
}

impl<T> Drop for PrependList<T> {
    fn drop(&mut self) {
        while self.pop_if(|_| true).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn values_come_newest_first_and_are_dropped_with_the_list() {
        let count = Arc::new(());
        let list = PrependList::new();
        (0..3).for_each(|number| list.push((number, count.clone())));
        assert_eq!(list.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 1, 0]);
        drop(list);
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_value_is_added_only_onto_the_newest_one_and_else_returned() {
        let list = PrependList::new();
        assert_eq!(list.push_onto(None, 1), Ok(&1));
        assert_eq!(list.push_onto(None, 2), Err(2));
        let first = list.newest();
        list.push(3);
        assert_eq!(list.push_onto(first, 4), Err(4));
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn no_value_of_several_threads_is_lost() {
        let mut list = PrependList::new();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let list = &list;
                scope.spawn(move || (0..500).for_each(|number| list.push(thread * 500 + number)));
            }
        });
        let mut all: Vec<i32> = std::iter::from_fn(|| list.pop_if(|_| true)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..1500).collect::<Vec<_>>());
    }
}
