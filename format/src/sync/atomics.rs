//! The atomics that the protocols are written against.
//!
//! Production code uses those of the standard library; the model checker (`tests/*_model.rs`) implements the traits for its
//! own, and so runs the very code of [`crate::sync::protocol`], [`crate::sync::event`], [`crate::sync::memo`] and [`crate::sync::follow`].

use std::sync::atomic::Ordering::{self, Relaxed};
use std::sync::atomic::{AtomicPtr, AtomicU64, fence};

/// A 64-bit word that is loaded while others store it, and the fences that order it.
pub trait Load {
    /// Loads the word, relaxed: its page may be read-only, and there no other order is promised to work.
    fn load(&self) -> u64;
    /// A fence between this thread's accesses to words of this kind.
    fn fence(order: Ordering);
}

/// A 64-bit word that is stored as well.
pub trait Word: Load {
    /// Stores the word.
    fn store(&self, value: u64, order: Ordering);
}

impl Load for AtomicU64 {
    #[inline(always)]
    fn load(&self) -> u64 {
        AtomicU64::load(self, Relaxed)
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }
}

/// An atomic that is exchanged: a word of this process, or a pointer.
pub trait Exchange {
    /// What is in it.
    type Value: Copy + PartialEq;
    /// Loads the value.
    fn load(&self, order: Ordering) -> Self::Value;
    /// Stores a value.
    fn store(&self, value: Self::Value, order: Ordering);
    /// Stores `new` if the value is `old`, with the order `success`. Whether it was.
    ///
    /// # Errors
    /// What the value is otherwise, loaded with the order `failure`.
    fn compare_exchange(
        &self,
        old: Self::Value,
        new: Self::Value,
        success: Ordering,
        failure: Ordering,
    ) -> Result<Self::Value, Self::Value>;
    /// A fence between this thread's accesses to atomics of this kind.
    fn fence(order: Ordering);
}

/// The same for each atomic of the standard library.
macro_rules! exchange {
    ($(($($generic:ident)?) $atomic:ty, $value:ty;)*) => {$(
        impl$(<$generic>)? Exchange for $atomic {
            type Value = $value;

            #[inline(always)]
            fn load(&self, order: Ordering) -> $value {
                <$atomic>::load(self, order)
            }

            #[inline(always)]
            fn store(&self, value: $value, order: Ordering) {
                <$atomic>::store(self, value, order);
            }

            #[inline(always)]
            fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                <$atomic>::compare_exchange(self, old, new, success, failure)
            }

            #[inline(always)]
            fn fence(order: Ordering) {
                fence(order);
            }
        }
    )*};
}

exchange! {
    () AtomicU64, u64;
    (T) AtomicPtr<T>, *mut T;
}
