//! One flag in 64 bytes.
//!
//! | word | holds |
//! |---|---|
//! | 0, meta | kind (bits 0-3), key length in bytes (8-31), text word of the key's middle (32-63) |
//! | 1, value | bits of the number, or length in bytes (0-31) and text word (32-63) of a string or JSON text |
//! | 2-7 | the key's six windows |
//!
//! The text word is an offset in words from the start of the archive. The kinds `FALSE` and `TRUE` differ in the lowest bit,
//! which is the value. Every bit pattern is a valid record: kinds that are not in use read as a missing flag.

use std::borrow::Cow;

use rkyv::{Archive, Deserialize, Serialize};

use crate::bytes::key::{Hashed, middle_pair, middle_pairs, middle_start, window_starts};
use crate::bytes::value::Value;

/// Words of a record.
pub(crate) const RECORD_WORDS: usize = 8;

/// Kind codes of word 0.
pub mod kind {
    /// No flag in this place.
    pub const EMPTY: u64 = 0;
    /// JSON `null`.
    pub const NULL: u64 = 1;
    /// `false`.
    pub const FALSE: u64 = 2;
    /// `true`.
    pub const TRUE: u64 = 3;
    /// `i64`, in the value word.
    pub const I64: u64 = 4;
    /// `u64` above `i64::MAX`, in the value word.
    pub const U64: u64 = 5;
    /// `f64`, its bits in the value word.
    pub const F64: u64 = 6;
    /// A number without a finite `f64`, as text.
    pub const HUGE: u64 = 7;
    /// A string, as text.
    pub const STRING: u64 = 8;
    /// An object or array, as compact JSON text.
    pub const JSON: u64 = 9;
}

/// A record as it stands in the archive.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[rkyv(attr(repr(C, align(64)), allow(missing_docs)))]
#[repr(C, align(64))]
pub struct Record {
    /// See the table above.
    pub words: [u64; RECORD_WORDS],
}

impl Record {
    /// A place without a flag.
    pub const EMPTY: Record = Record { words: [0; RECORD_WORDS] };
}

/// The bits of `-0.0`, which no integer has.
const NEGATIVE_ZERO: u64 = (-0.0_f64).to_bits();

/// The result of a look-up: the two words of a record that describe its value. No more is copied out of shared memory before the
/// second load of the generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Word 0.
    pub meta: u64,
    /// Word 1.
    pub value: u64,
}

impl Hit {
    /// The result for a key that is not there.
    pub const MISSING: Hit = Hit { meta: 0, value: 0 };

    /// The result if `record` is that of the key.
    #[inline(always)]
    pub(crate) const fn of(record: &[u64; RECORD_WORDS]) -> Hit {
        Hit { meta: record[0], value: record[1] }
    }

    /// The kind code; codes that are not in use are [`kind::EMPTY`].
    #[inline(always)]
    #[must_use]
    pub const fn kind(self) -> u64 {
        let kind = self.meta & 0xf;
        if kind > kind::JSON { kind::EMPTY } else { kind }
    }

    /// Whether there is such a flag.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.kind() != kind::EMPTY
    }

    /// The boolean.
    #[inline(always)]
    #[must_use]
    pub const fn bool(self) -> Option<bool> {
        if self.meta & 0xe == kind::FALSE { Some(self.meta & 1 != 0) } else { None }
    }

    /// The number as `f64`, rounded to the nearest where it is an integer above 2^53.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> Option<f64> {
        match self.meta & 0xf {
            kind::I64 => Some(self.value as i64 as f64),
            kind::U64 => Some(self.value as f64),
            kind::F64 => {
                let number = f64::from_bits(self.value);
                // Only damage makes this infinite or NaN.
                if number.is_finite() { Some(number) } else { None }
            }
            _ => None,
        }
    }

    /// The exact integer, where the JSON had one that fits. That of `-0`, which is kept as a double, is 0.
    #[inline(always)]
    #[must_use]
    pub const fn i64(self) -> Option<i64> {
        match self.meta & 0xf {
            kind::I64 => Some(self.value as i64),
            kind::F64 if self.value == NEGATIVE_ZERO => Some(0),
            _ => None,
        }
    }

    /// As [`Hit::i64`].
    #[inline(always)]
    #[must_use]
    pub const fn u64(self) -> Option<u64> {
        match self.meta & 0xf {
            kind::I64 if self.value as i64 >= 0 => Some(self.value),
            kind::U64 => Some(self.value),
            kind::F64 if self.value == NEGATIVE_ZERO => Some(0),
            _ => None,
        }
    }

    /// The value if it is not stored as text: `null`, a boolean, or a number; `None` also if there is no such flag. A number that is not
    /// finite is damage, because no payload has one, and so no value.
    #[must_use]
    pub fn scalar(self) -> Option<Value<'static>> {
        match self.kind() {
            kind::NULL => Some(Value::Null),
            kind::I64 => self.i64().map(Value::I64),
            kind::U64 => Some(Value::U64(self.value)),
            kind::F64 => self.number().map(Value::F64),
            _ => self.bool().map(Value::Bool),
        }
    }

    /// The value. If it is stored as text, `read` is called for that. `None` if there is no such flag, or damage made it no value.
    ///
    /// # Errors
    /// What `read` returns.
    pub fn value_with<'a, E>(
        self,
        read: impl FnOnce(TextAt) -> Result<Option<Cow<'a, str>>, E>,
    ) -> Result<Option<Value<'a>>, E> {
        let Some(at) = self.text() else { return Ok(self.scalar()) };
        let make = match self.kind() {
            kind::STRING => Value::String,
            kind::JSON => Value::Json,
            _ => Value::HugeNumber,
        };
        Ok(read(at)?.map(make))
    }

    /// Where the text of a string, JSON value or huge number is.
    #[must_use]
    pub const fn text(self) -> Option<TextAt> {
        match self.meta & 0xf {
            kind::STRING | kind::JSON | kind::HUGE => {
                Some(TextAt { word: (self.value >> 32) as usize, bytes: (self.value & 0xffff_ffff) as usize })
            }
            _ => None,
        }
    }
}

/// Where a text is in an archive. Not checked: it must be compared with the bytes that are really there before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextAt {
    /// Offset in words from the start of the archive.
    pub word: usize,
    /// Length in bytes.
    pub bytes: usize,
}

impl TextAt {
    /// Words that the text takes.
    #[must_use]
    pub const fn words(self) -> usize {
        self.bytes.div_ceil(8)
    }

    /// Whether the text lies inside the first `words` words of the archive.
    #[must_use]
    pub const fn fits(self, words: usize) -> bool {
        match self.word.checked_add(self.words()) {
            Some(end) => end <= words,
            None => false,
        }
    }
}

/// The key part of a record: everything needed to compare it or to write it out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyOf<'a>(pub(crate) &'a [u64; RECORD_WORDS]);

impl KeyOf<'_> {
    /// Key length in bytes.
    #[must_use]
    pub(crate) const fn bytes(self) -> usize {
        (self.0[0] >> 8 & 0xff_ffff) as usize
    }

    /// Where the middle of a key over 48 bytes stands, as pairs of windows.
    #[must_use]
    pub(crate) const fn middle(self) -> Option<TextAt> {
        match middle_pairs(self.bytes()) {
            0 => None,
            pairs => Some(TextAt { word: (self.0[0] >> 32) as usize, bytes: pairs * 16 }),
        }
    }

    /// Whether windows and length are those of `key`. Decides alone for keys up to 48 bytes.
    #[must_use]
    pub(crate) fn has_windows_of(self, key: &Hashed) -> bool {
        self.bytes() == key.bytes && self.0[2..] == key.windows
    }

    /// Whether the pairs of windows that `word` hands out, by their position in the middle, are those of `key`, which has the
    /// length of this one. `None`, if `word` has none for a position that matters.
    pub(crate) fn has_middle_of(
        self,
        key: &[u8],
        mut word: impl FnMut(usize) -> Option<u64>,
    ) -> Option<bool> {
        for i in 0..middle_pairs(key.len()) {
            if [word(2 * i)?, word(2 * i + 1)?] != middle_pair(key, i) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The key's bytes, given the pairs of windows of its middle. `None` if there are more or fewer than there should be.
    #[must_use]
    pub(crate) fn assemble(self, middle: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.bytes();
        if bytes < 8 {
            return Some(self.0[2].to_le_bytes()[..bytes].to_vec());
        }
        let (pairs, rest) = middle.as_chunks::<16>();
        if pairs.len() != middle_pairs(bytes) || !rest.is_empty() {
            return None;
        }
        let mut key = vec![0; bytes];
        for (i, pair) in pairs.iter().enumerate() {
            let start = middle_start(bytes, i);
            key[start..start + 16].copy_from_slice(pair);
        }
        for (start, window) in window_starts(bytes).into_iter().zip(&self.0[2..]) {
            key[start..start + 8].copy_from_slice(&window.to_le_bytes());
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_comes_back_from_its_windows_and_middle(key in proptest::collection::vec(any::<u8>(), 0..200)) {
            let hashed = Hashed::new(&key);
            let mut words = [0; RECORD_WORDS];
            words[0] = (key.len() as u64) << 8;
            words[2..].copy_from_slice(&hashed.windows);
            let middle: Vec<u64> = (0..middle_pairs(key.len())).flat_map(|i| middle_pair(&key, i)).collect();
            let bytes: Vec<u8> = middle.iter().flat_map(|word| word.to_le_bytes()).collect();
            prop_assert_eq!(KeyOf(&words).assemble(&bytes), Some(key.clone()));
            prop_assert!(KeyOf(&words).has_windows_of(&hashed));
            prop_assert_eq!(KeyOf(&words).has_middle_of(&key, |i| middle.get(i).copied()), Some(true));
            if !middle.is_empty() {
                prop_assert_eq!(KeyOf(&words).has_middle_of(&key, |_| None), None);
            }
        }

        #[test]
        fn every_bit_pattern_is_a_record(meta: u64, value: u64) {
            let found = Hit { meta, value };
            let values = [found.bool().is_some(), found.number().is_some(), found.text().is_some()];
            prop_assert!(values.iter().filter(|is_some| **is_some).count() <= 1);
            prop_assert!(found.number().is_none_or(f64::is_finite));
            prop_assert!(found.kind() <= kind::JSON);
        }
    }

    #[test]
    fn integers_are_exact_and_returned_only_where_they_fit() {
        let found = |kind, value| Hit { meta: kind, value };
        assert_eq!(found(kind::I64, -5_i64 as u64).i64(), Some(-5));
        assert_eq!(found(kind::I64, -5_i64 as u64).u64(), None);
        assert_eq!(found(kind::U64, u64::MAX).u64(), Some(u64::MAX));
        assert_eq!(found(kind::U64, u64::MAX).i64(), None);
        assert_eq!(found(kind::F64, 1.5_f64.to_bits()).i64(), None);
        let (minus_zero, zero) = (found(kind::F64, (-0.0_f64).to_bits()), found(kind::F64, 0));
        assert_eq!((minus_zero.i64(), minus_zero.u64()), (Some(0), Some(0)), "`-0` is an integer");
        assert_eq!((zero.i64(), zero.u64()), (None, None), "`0.0` is none");
        assert!(minus_zero.number().is_some_and(f64::is_sign_negative));
        assert_eq!(found(kind::U64, u64::MAX).number(), Some(u64::MAX as f64));
    }

    #[test]
    fn a_text_that_ends_past_the_archive_does_not_fit() {
        assert!(TextAt { word: 2, bytes: 9 }.fits(4));
        assert!(!TextAt { word: 3, bytes: 9 }.fits(4));
        assert!(!TextAt { word: usize::MAX, bytes: 8 }.fits(usize::MAX));
    }
}
