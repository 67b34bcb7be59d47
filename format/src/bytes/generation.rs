//! The number of a snapshot.

use std::fmt;

/// Generations stay below this; a larger one is damage.
pub const MAX_GENERATION: u64 = 1 << 47;

/// The number of a published snapshot. The first one is 1; each publish adds 1, also when the file is replaced by a new one. 0 is
/// [`Generation::NONE`]: nothing has been published yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

impl Generation {
    /// Nothing has been published yet.
    pub const NONE: Generation = Generation(0);

    /// The number; 0 if nothing has been published.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether nothing has been published yet.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The slot that holds this generation.
    #[must_use]
    pub const fn slot(self) -> SlotIndex {
        if self.0 & 1 == 0 { SlotIndex::Even } else { SlotIndex::Odd }
    }

    /// The generation after this one.
    #[must_use]
    pub const fn next(self) -> Generation {
        Generation(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One of the two live slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotIndex {
    /// Slot 0: even generations.
    Even = 0,
    /// Slot 1: odd generations.
    Odd = 1,
}
