//! The file that a reader uses now, and all that it used before.
//!
//! A mapping is never unmapped as a whole while its reader lives, since another thread may just be reading from it; a reference
//! count would be a shared write in every read. So every file that was current once is kept until the reader is dropped, cut down
//! to what such a thread may touch ([`View::release`]). Files are superseded rarely.
//!
//! # Invariants
//! C1: the list is never empty, and its values live as long as `self`.
//! C2: `fast_path` is the pointer of the [`FastPath`] (L1) of one of the views in the list, usually of the current one. It never goes
//! back to an older one. How it is moved is in [`crate::sync::follow`].
//! C3: the pointer of a [`KeptPointer`] is one that `fast_path` was, of a `Versions` inside its `holder`. The holder is never exchanged and, because it is
//! shared, never changed other than through `&`: a reference into it that could be had once is good for as long as `KeptPointer` lives.

use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::bytes::key::{FlagKey, Hashed};
use crate::bytes::record::Hit;
use crate::read::fast_path::FastPath;
use crate::read::short_text::ShortText;
use crate::read::view::View;
use crate::sync::follow::catch_up;
use crate::sync::fork::PrependList;
use crate::sync::protocol::Sound;

/// One current `T`, replaced rarely, read at the cost of one load.
#[derive(Debug)]
pub struct Versions<T> {
    list: PrependList<Numbered<T>>,
    /// Where the current view's memory is, once more. It is all that a look-up on the fast path needs.
    fast_path: AtomicPtr<AtomicU64>,
}

/// A value, and how many there were before it.
#[derive(Debug)]
struct Numbered<T> {
    value: T,
    number: usize,
}

/// The fast path as a handle keeps it, so that a look at the stamp needs one load less. When the reader
/// moves to another file, the stamp of the one before changes for good (A3), and the handle comes for the new one.
#[derive(Debug)]
pub struct KeptPointer<H> {
    fast_path: AtomicPtr<AtomicU64>,
    /// Owns the `Versions`.
    holder: Arc<H>,
}

impl<H> KeptPointer<H> {
    /// Keeps what is in use now.
    #[must_use]
    pub fn of<T: AsRef<View>>(holder: &Arc<H>) -> KeptPointer<H>
    where
        H: AsRef<Versions<T>>,
    {
        let kept = KeptPointer { fast_path: AtomicPtr::default(), holder: holder.clone() };
        kept.renew::<T>();
        kept
    }

    /// Keeps what is in use now. To be called before the value is read that is remembered.
    pub fn renew<T: AsRef<View>>(&self)
    where
        H: AsRef<Versions<T>>,
    {
        let versions: &Versions<T> = (*self.holder).as_ref();
        // Establishes C3.
        self.fast_path.store(versions.fast_path.load(Acquire), Release);
    }

    /// The generation word as it is now and the tag of its view, in one number, of what was in use when this was renewed: for handles that
    /// remember a value.
    #[inline(always)]
    #[must_use]
    pub fn raw_stamp(&self) -> u64 {
        // SAFETY: C3, C1. Acquire: another thread may have renewed it.
        unsafe { FastPath::from_raw(self.fast_path.load(Acquire)) }.raw_stamp()
    }

    /// The owner of the `Versions`.
    #[must_use]
    pub fn holder(&self) -> &Arc<H> {
        &self.holder
    }
}

impl<T: AsRef<View>> Versions<T> {
    /// Starts with `first`.
    #[must_use]
    pub fn new(first: T) -> Versions<T> {
        let fast_path = first.as_ref().fast_path().as_ptr().cast_mut();
        let list = PrependList::new();
        list.push(Numbered { value: first, number: 0 });
        Versions { list, fast_path: AtomicPtr::new(fast_path) }
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

    /// As [`Versions::probe_bool`], for a key of 49 to 64 bytes; `None` for every other one too.
    #[inline(always)]
    #[must_use]
    pub fn probe_bool_one_pair(&self, key: &[u8], default: bool) -> Option<bool> {
        if !matches!(key.len(), 49..=64) {
            return None;
        }
        self.fast_path().probe_bool_one_pair(key, default)
    }

    /// Looks several keys up, in one generation and one attempt. `None`: not settled.
    #[inline(always)]
    #[must_use]
    pub fn probe_many<K: FlagKey, const N: usize>(&self, keys: &[K; N]) -> Option<[Hit; N]> {
        let fast_path = self.fast_path();
        fast_path.probe_many_in(fast_path.observe(), keys)
    }

    /// As [`Versions::probe_many`]: booleans, or `default`.
    #[inline(always)]
    #[must_use]
    pub fn probe_bools<K: FlagKey, const N: usize>(&self, keys: &[K; N], default: bool) -> Option<[bool; N]> {
        let fast_path = self.fast_path();
        fast_path.probe_bools_in(fast_path.observe(), keys, default)
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

    /// As [`Versions::short_text`] with a text of any kind, and what was found.
    #[inline(always)]
    #[must_use]
    pub fn short_value<'b>(&self, key: &Hashed, room: &'b mut ShortText) -> Option<(Hit, Option<&'b str>)> {
        self.fast_path().short_value(key, room)
    }

    #[inline(always)]
    fn fast_path(&self) -> FastPath<'_> {
        // SAFETY: C2, C1: the view lives as long as `self`. Acquire: A1 of [`crate::sync::follow`].
        unsafe { FastPath::from_raw(self.fast_path.load(Acquire)) }
    }

    /// The one in use. Who has seen it here finds it on the fast path from then on as well: `fast_path` may be behind for a moment
    /// while another thread moves, and nobody may see a newer file and then the older one again.
    #[must_use]
    pub fn get(&self) -> &T {
        let value = &self.newest().value;
        if !std::ptr::eq(self.fast_path.load(Acquire), value.as_ref().fast_path().as_ptr()) {
            self.catch_up();
        }
        value
    }

    #[inline(always)]
    fn newest(&self) -> &Numbered<T> {
        // SAFETY: C1.
        unsafe { self.list.newest().unwrap_unchecked() }
    }

    /// Puts a new one, made by `make` from its number, in the place of `old`. `false` if another thread was faster.
    pub fn replace(&self, old: &T, make: impl FnOnce(usize) -> T) -> bool {
        let newest = self.newest();
        if !std::ptr::eq(&raw const newest.value, old) {
            return false;
        }
        let number = newest.number + 1;
        let is_first = self.list.push_onto(Some(newest), Numbered { value: make(number), number }).is_ok();
        if is_first {
            self.catch_up();
        }
        is_first
    }

    /// Brings `fast_path` to the current view.
    #[cold]
    #[inline(never)]
    fn catch_up(&self) {
        let now = || self.newest().value.as_ref().fast_path().as_ptr().cast_mut();
        // SAFETY: C2, C1: only what this pointer was is left.
        catch_up::<Sound, _>(&self.fast_path, now, |left| unsafe { FastPath::from_raw(left) }.leave());
    }

    /// Calls `on` with everything that was used before, the latest first.
    pub fn each_old(&self, on: impl FnMut(&T)) {
        self.list.iter().skip(1).map(|numbered| &numbered.value).for_each(on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    struct Counted {
        number: usize,
        view: View,
        counted: Arc<()>,
    }

    impl AsRef<View> for Counted {
        fn as_ref(&self) -> &View {
            &self.view
        }
    }

    fn counted(number: usize, counted: &Arc<()>) -> Counted {
        Counted { number, view: View::nothing(), counted: counted.clone() }
    }

    #[test]
    fn the_last_one_put_in_is_current_and_the_ones_before_stay_readable() {
        let count = Arc::new(());
        let current = Versions::new(counted(0, &count));
        let first = current.get();
        assert!(current.replace(first, |number| counted(number, &count)));
        assert!(!current.replace(first, |_| counted(99, &count)));
        let second = current.get();
        assert!(current.replace(second, |number| counted(number, &count)));
        assert_eq!([first, second, current.get()].map(|numbered| numbered.number), [0, 1, 2]);
        let mut old = Vec::new();
        current.each_old(|numbered| old.push(numbered.number));
        assert_eq!(old, [1, 0]);
    }

    #[test]
    fn of_threads_that_replace_at_once_one_wins_each_turn_and_everything_is_freed_in_the_end() {
        let count = Arc::new(());
        let current = Versions::new(counted(0, &count));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while current.get().number < 1000 {
                        let old = current.get();
                        current.replace(old, |number| {
                            assert_eq!(number, old.number + 1);
                            counted(number, &count)
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
