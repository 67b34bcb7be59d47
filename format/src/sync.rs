//! The atomic words that the protocol is written against.
//!
//! Production code uses [`AtomicU64`]; the model checker in `tests/protocol_model.rs` implements [`Word`] for its
//! own atomics and so runs the very code of [`crate::protocol`].

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A 64-bit atomic word and the fences that order it.
pub trait Word {
    /// Loads the word.
    fn load(&self, order: Ordering) -> u64;
    /// Stores the word.
    fn store(&self, value: u64, order: Ordering);
    /// A fence between this thread's accesses to words of this kind.
    fn fence(order: Ordering);
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn load(&self, order: Ordering) -> u64 {
        AtomicU64::load(self, order)
    }

    #[inline(always)]
    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        fence(order);
    }
}
