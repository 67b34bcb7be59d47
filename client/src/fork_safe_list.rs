//! Values that are added and never removed, without a lock: a thread that was lost in a fork would hold it for ever.
//!
//! Each value belongs to the process that added it. A child sees those of its ancestors, and neither frees nor drops them:
//! what they own may be threads that the child does not have, or locks that were copied while they were taken.
//!
//! Invariants
//! - I1: `newest` and every `older` are null or come from `Box::into_raw`, and are freed by the drop of the list only.
//! - I2: a link does not change once it can be reached. It is published with Release and found with Acquire.

use std::fmt;
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use flagstaff_publisher::Epoch;

/// The values.
pub(crate) struct ForkSafeList<T> {
    newest: AtomicPtr<Link<T>>,
}

struct Link<T> {
    value: T,
    epoch: Epoch,
    older: *mut Link<T>,
}

// SAFETY: the links are owned by the list, and their values are handed out as shared references only.
unsafe impl<T: Send + Sync> Send for ForkSafeList<T> {}
// SAFETY: as above; adding is atomic.
unsafe impl<T: Send + Sync> Sync for ForkSafeList<T> {}

impl<T> ForkSafeList<T> {
    pub(crate) const fn new() -> ForkSafeList<T> {
        ForkSafeList { newest: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Adds a value.
    pub(crate) fn push(&self, value: T) {
        let link = Box::into_raw(Box::new(Link { value, epoch: Epoch::now(), older: ptr::null_mut() }));
        let mut older = self.newest.load(Acquire);
        loop {
            // SAFETY: I1; nobody else has it yet.
            unsafe { (*link).older = older };
            match self.newest.compare_exchange_weak(older, link, AcqRel, Acquire) {
                Ok(_) => return,
                Err(other) => older = other,
            }
        }
    }

    /// The newest value that this process added.
    pub(crate) fn newest_here(&self) -> Option<&T> {
        let now = Epoch::now();
        self.link().filter(|link| link.epoch == now).map(|link| &link.value)
    }

    /// As [`ForkSafeList::newest_here`]. If there is none, adds one, unless another thread is faster.
    pub(crate) fn get_or_push(&self, make: impl FnOnce() -> T) -> Entry<'_, T> {
        let (older, now) = (self.newest.load(Acquire), Epoch::now());
        // SAFETY: I1 and I2.
        if let Some(link) = unsafe { older.as_ref() }.filter(|link| link.epoch == now) {
            return Entry::Found(&link.value);
        }
        let link = Box::into_raw(Box::new(Link { value: make(), epoch: now, older }));
        match self.newest.compare_exchange(older, link, AcqRel, Acquire) {
            // SAFETY: I1.
            Ok(_) => Entry::New(unsafe { &(*link).value }),
            Err(other) => {
                // SAFETY: it was not put anywhere.
                drop(unsafe { Box::from_raw(link) });
                // SAFETY: I1; all threads that add here are of this process.
                Entry::Found(unsafe { &(*other).value })
            }
        }
    }

    /// All values, also those of ancestors, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.link(), |link| {
            // SAFETY: I1 and I2.
            unsafe { link.older.as_ref() }
        })
        .map(|link| &link.value)
    }

    fn link(&self) -> Option<&Link<T>> {
        // SAFETY: I1 and I2.
        unsafe { self.newest.load(Acquire).as_ref() }
    }
}

/// What [`ForkSafeList::get_or_push`] found.
pub(crate) enum Entry<'a, T> {
    New(&'a T),
    Found(&'a T),
}

impl<T> Drop for ForkSafeList<T> {
    fn drop(&mut self) {
        let now = Epoch::now();
        let mut link = *self.newest.get_mut();
        // SAFETY: I1. Ancestors added before this process did, so that behind the first of theirs there are only theirs.
        while let Some(found) = unsafe { link.as_ref() }.filter(|link| link.epoch == now) {
            let older = found.older;
            // SAFETY: I1; nobody else is left who could look at it.
            drop(unsafe { Box::from_raw(link) });
            link = older;
        }
    }
}

impl<T> fmt::Debug for ForkSafeList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkSafeList").field("length", &self.iter().count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn of_threads_that_add_the_first_value_at_once_one_wins_and_all_see_its_value() {
        for _ in 0..200 {
            let list = ForkSafeList::new();
            let news = std::thread::scope(|scope| {
                let add = |number: usize| {
                    let list = &list;
                    scope.spawn(move || matches!(list.get_or_push(|| number), Entry::New(_)))
                };
                let threads: Vec<_> = (0..3).map(add).collect();
                threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|new| *new).count()
            });
            assert_eq!((news, list.iter().count()), (1, 1));
        }
    }

    #[test]
    fn values_come_newest_first_and_are_dropped_with_the_chain() {
        let count = Arc::new(());
        let list = ForkSafeList::new();
        (0..3).for_each(|number| list.push((number, count.clone())));
        assert_eq!(list.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 1, 0]);
        drop(list);
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_process_keeps_its_number_and_each_of_its_descendants_has_another() {
        let mine = Epoch::now();
        assert_eq!(Epoch::now(), mine);
        let status = crate::forked::exit_code_of(|| {
            let childs = Epoch::now();
            let grandchild = crate::forked::exit_code_of(|| {
                let all = [mine, childs, Epoch::now()];
                i32::from(all[0] == all[1] || all[1] == all[2] || all[0] == all[2])
            });
            i32::from(childs == mine || Epoch::now() != childs) + grandchild
        });
        assert_eq!(status, 0);
        assert_eq!(Epoch::now(), mine);
    }

    #[test]
    fn a_child_sees_the_values_of_its_parent_takes_none_for_its_own_and_drops_none() {
        let count = Arc::new(());
        let list = ForkSafeList::new();
        list.push(count.clone());
        let code = crate::forked::exit_code_of(|| {
            let inherits = list.newest_here().is_none() && list.iter().count() == 1;
            let adds = matches!(list.get_or_push(|| count.clone()), Entry::New(_));
            let has = list.newest_here().is_some() && list.iter().count() == 2;
            drop(list);
            // Its own is gone; its parent's, and the variable of this test, are not.
            i32::from(!(inherits && adds && has && Arc::strong_count(&count) == 2))
        });
        assert_eq!(code, 0);
    }
}
