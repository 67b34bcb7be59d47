//! How many flags are of which type.

use crate::archive::checked::Archive;
use crate::archive::records::Records as _;
use crate::bytes::record::kind;

/// Numbers of flags by the type that an application asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TypeCounts {
    /// `true` and `false`.
    pub bools: u64,
    /// Integers, fractions, and numbers that no `f64` holds.
    pub numbers: u64,
    /// Strings.
    pub strings: u64,
    /// Objects and arrays.
    pub jsons: u64,
    /// `null`.
    pub nulls: u64,
}

impl TypeCounts {
    /// Counts by the first word of each record.
    pub(crate) fn of(words: impl Iterator<Item = u64>) -> TypeCounts {
        let mut counts = TypeCounts::default();
        for word in words {
            match word & 0xf {
                kind::NULL => counts.nulls += 1,
                kind::FALSE | kind::TRUE => counts.bools += 1,
                kind::I64 | kind::U64 | kind::F64 | kind::HUGE => counts.numbers += 1,
                kind::STRING => counts.strings += 1,
                kind::JSON => counts.jsons += 1,
                // Empty, or of a kind that this program does not know: readers take both for missing.
                _ => {}
            }
        }
        counts
    }
}

impl Archive {
    /// Counts the flags by type.
    #[must_use]
    pub fn type_counts(&self) -> TypeCounts {
        TypeCounts::of(self.records().map(|record| record[0]))
    }
}
