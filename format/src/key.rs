//! Flag keys as the table sees them: six windows of eight bytes, and a hash.
//!
//! A key of 8 to 48 bytes is covered by six overlapping 8-byte windows, three from each end, so that it can be compared
//! and hashed without a branch on its length. A shorter key is padded with zeros into one window that stands six times; a
//! longer one has its middle (bytes 24 to `n - 24`) in the text area, compared out of line.
//!
//! The hash folds the windows pairwise with 64x64-bit multiplications. It is part of the file format and the same on every
//! machine: docs/format.md has the definition and test vectors. The constants hold a `0xff` byte each, which UTF-8 text
//! never does, so that no factor is zero for a window of text.
//!
//! # Invariants
//! I1: [`read8`] is called with `at + 8 <= bytes.len()` only.

const FOLD: [u64; 4] =
    [0xff76_1d64_78bd_642f, 0xe703_7ed1_a0ff_28db, 0x8ebc_6aff_9c88_c6e3, 0x58ff_65cc_7537_4cc3];

/// Longest key, in bytes, whose windows cover it.
pub(crate) const INLINE_BYTES: usize = 48;

/// A key prepared for look-ups: windows, hash and length. The text itself is needed as well for keys over 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashed {
    pub(crate) windows: [u64; 6],
    pub(crate) hash: u64,
    pub(crate) bytes: usize,
}

impl Hashed {
    /// Prepares a key of any length.
    #[must_use]
    pub const fn new(key: &[u8]) -> Hashed {
        if is_inline(key.len()) { Hashed::inline(key) } else { Hashed::other(key) }
    }

    /// The key's hash. Equal on every machine and in every file of this format version.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// A key of 8 to 48 bytes.
    #[inline(always)]
    pub(crate) const fn inline(key: &[u8]) -> Hashed {
        let windows = windows(key);
        Hashed { windows, hash: hash_windows(&windows, key.len()), bytes: key.len() }
    }

    /// A key below 8 or above 48 bytes.
    pub(crate) const fn other(key: &[u8]) -> Hashed {
        let bytes = key.len();
        if bytes < 8 {
            let mut padded = [0u8; 8];
            let mut i = 0;
            while i < bytes {
                padded[i] = key[i];
                i += 1;
            }
            let windows = [u64::from_le_bytes(padded); 6];
            return Hashed { windows, hash: hash_windows(&windows, bytes), bytes };
        }
        let windows = windows(key);
        let mut hash = hash_windows(&windows, bytes);
        if bytes > INLINE_BYTES {
            let (mut at, end) = (24, bytes - 24);
            while at + 8 <= end {
                hash = fold(hash ^ read8(key, at), FOLD[0]);
                at += 8;
            }
            if at < end {
                hash = fold(hash ^ read8(key, end - 8), FOLD[1]);
            }
        }
        Hashed { windows, hash, bytes }
    }
}

/// Whether the windows of a key of this many bytes can be taken without a branch.
#[inline(always)]
pub(crate) const fn is_inline(bytes: usize) -> bool {
    bytes.wrapping_sub(8) <= INLINE_BYTES - 8
}

/// Where the six windows of a key of at least 8 bytes start.
#[inline(always)]
pub(crate) const fn window_starts(bytes: usize) -> [usize; 6] {
    let last = bytes - 8;
    let near = if last < 8 { last } else { 8 };
    let far = if last < 16 { last } else { 16 };
    [0, near, far, last - far, last - near, last]
}

#[inline(always)]
const fn windows(key: &[u8]) -> [u64; 6] {
    let at = window_starts(key.len());
    [
        read8(key, at[0]),
        read8(key, at[1]),
        read8(key, at[2]),
        read8(key, at[3]),
        read8(key, at[4]),
        read8(key, at[5]),
    ]
}

#[inline(always)]
const fn read8(bytes: &[u8], at: usize) -> u64 {
    debug_assert!(at + 8 <= bytes.len());
    // SAFETY: I1: `at + 8 <= bytes.len()`, so the pointer stays inside the slice.
    let window = unsafe { bytes.as_ptr().add(at) };
    // SAFETY: I1, and `[u8; 8]` has alignment 1.
    u64::from_le_bytes(unsafe { *window.cast::<[u8; 8]>() })
}

#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let wide = a as u128 * b as u128;
    wide as u64 ^ (wide >> 64) as u64
}

#[inline(always)]
const fn hash_windows(w: &[u64; 6], bytes: usize) -> u64 {
    fold(w[0] ^ FOLD[0] ^ bytes as u64, w[1] ^ FOLD[1])
        ^ fold(w[2] ^ FOLD[2], w[3] ^ FOLD[3]).rotate_left(21)
        ^ fold(w[4] ^ FOLD[3], w[5] ^ FOLD[0]).rotate_left(42)
}

/// A flag key hashed once, also in a `const`.
///
/// ```
/// use vexil_format::Key;
/// const CHECKOUT: Key<'static> = Key::new("new-checkout");
/// assert_eq!(CHECKOUT.text(), "new-checkout");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    text: &'a str,
    hashed: Hashed,
}

impl<'a> Key<'a> {
    /// Hashes `text`.
    #[must_use]
    pub const fn new(text: &'a str) -> Key<'a> {
        Key { text, hashed: Hashed::new(text.as_bytes()) }
    }

    /// The key as text.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }
}

/// What a getter takes: a `&str`, or a [`Key`] that was hashed before.
pub trait FlagKey {
    /// The key as text.
    fn text(&self) -> &str;
    /// The prepared form, if the key is short enough for the branch-free path or was prepared before.
    fn prepared(&self) -> Option<Hashed>;
}

impl FlagKey for str {
    #[inline(always)]
    fn text(&self) -> &str {
        self
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        is_inline(self.len()).then(|| Hashed::inline(self.as_bytes()))
    }
}

impl FlagKey for String {
    #[inline(always)]
    fn text(&self) -> &str {
        self
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        self.as_str().prepared()
    }
}

impl FlagKey for Key<'_> {
    #[inline(always)]
    fn text(&self) -> &str {
        self.text
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        (self.hashed.bytes <= INLINE_BYTES).then_some(self.hashed)
    }
}

impl<K: FlagKey + ?Sized> FlagKey for &K {
    #[inline(always)]
    fn text(&self) -> &str {
        (**self).text()
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        (**self).prepared()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn windows_cover_every_byte_of_an_inline_key() {
        for bytes in 8..=INLINE_BYTES {
            let covered = window_starts(bytes).map(|at| at..at + 8);
            assert!((0..bytes).all(|i| covered.iter().any(|range| range.contains(&i))), "{bytes} bytes");
        }
    }

    #[test]
    fn hashes_are_those_of_docs_format_md() {
        let vectors: [(&str, u64); 5] = include!("key_vectors.in");
        for (text, hash) in vectors {
            assert_eq!(
                Hashed::new(text.as_bytes()).hash(),
                hash,
                "{text:?}: {:#x}",
                Hashed::new(text.as_bytes()).hash()
            );
        }
    }

    #[test]
    fn similar_keys_have_different_hashes() {
        let mut seen = HashMap::new();
        for i in 0..200_000 {
            for key in
                [format!("f{i}"), format!("service.checkout.flag-{i}"), format!("{}{i}", "x".repeat(60))]
            {
                let hash = Hashed::new(key.as_bytes()).hash();
                if let Some(other) = seen.insert(hash, key.clone()) {
                    panic!("{key:?} and {other:?} share {hash:#x}");
                }
            }
        }
    }

    #[test]
    fn a_key_padded_with_nul_is_another_key() {
        assert_ne!(Hashed::new(b"ab").hash(), Hashed::new(b"ab\0").hash());
        assert_ne!(Hashed::new(b"").hash(), Hashed::new(b"\0").hash());
    }

    proptest! {
        #[test]
        fn every_changed_byte_changes_the_hash(key in proptest::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index, bit in 0..8) {
            let mut other = key.clone();
            other[at.index(key.len())] ^= 1u8 << bit;
            prop_assert_ne!(Hashed::new(&key).hash(), Hashed::new(&other).hash());
        }
    }
}
