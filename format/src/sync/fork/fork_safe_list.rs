//! A list of values that each belong to the process that added them.

use std::fmt;

use super::{Epoch, PrependList};

/// Values that are added and never removed. A child of a fork sees those of its ancestors, but neither takes one for its own nor drops
/// it: what they own may be threads that the child does not have, or locks that were copied while they were taken.
pub struct ForkSafeList<T>(PrependList<(Epoch, T)>);

impl<T> ForkSafeList<T> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> ForkSafeList<T> {
        ForkSafeList(PrependList::new())
    }

    /// Adds a value.
    pub fn push(&self, value: T) {
        self.0.push((Epoch::now(), value));
    }

    /// The newest value that this process added.
    #[must_use]
    pub fn newest_here(&self) -> Option<&T> {
        self.0.newest().filter(|(epoch, _)| *epoch == Epoch::now()).map(|(_, value)| value)
    }

    /// The newest value that this process added. If there is none, adds one, unless another thread is faster.
    pub fn get_or_push(&self, make: impl FnOnce() -> T) -> Entry<'_, T> {
        let (newest, now) = (self.0.newest(), Epoch::now());
        if let Some((_, value)) = newest.filter(|(epoch, _)| *epoch == now) {
            return Entry::Found(value);
        }
        let mut value = (now, make());
        loop {
            match self.0.push_onto(newest, value) {
                Ok((_, value)) => return Entry::New(value),
                Err(back) => value = back,
            }
            // All threads that add here are of this process.
            if let Some(value) = self.newest_here() {
                return Entry::Found(value);
            }
        }
    }

    /// All values, also those of ancestors, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<T> Default for ForkSafeList<T> {
    fn default() -> ForkSafeList<T> {
        ForkSafeList::new()
    }
}

/// What [`ForkSafeList::get_or_push`] returns.
#[derive(Debug)]
pub enum Entry<'a, T> {
    /// The value that it added.
    New(&'a T),
    /// A value that was there, or that another thread added just now.
    Found(&'a T),
}

impl<T> Drop for ForkSafeList<T> {
    fn drop(&mut self) {
        let now = Epoch::now();
        // Ancestors added before this process did, so that behind the first value of theirs there are only theirs.
        while self.0.pop_if(|(epoch, _)| *epoch == now).is_some() {}
        std::mem::forget(std::mem::replace(&mut self.0, PrependList::new()));
    }
}

impl<T> fmt::Debug for ForkSafeList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkSafeList").field("length", &self.iter().count()).finish()
    }
}

#[cfg(test)]
mod tests {
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
}
