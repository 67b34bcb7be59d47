//! Flag keys as the table sees them: six windows of eight bytes, and a hash.
//!
//! A key of 8 to 48 bytes is covered by six overlapping 8-byte windows, three from each end, so that it can be compared
//! and hashed without a branch on its length. A shorter key is padded with zeros into one window, which is used six times; a
//! longer one has its middle (bytes 24 to `n - 24`) in the text area, as pairs of windows, compared out of line.
//!
//! The hash folds the windows pairwise with 64x64-bit multiplications. It is part of the file format and the same on every
//! machine: docs/format.md has the definition and test vectors.
//!
//! # Invariants
//! I1: [`read8`] is called with `at + 8 <= bytes.len()` only.

/// Negative 32-bit numbers, sign-extended: they fit an instruction as immediate operands, so none needs a register or a load. Their `0xff`
/// bytes never come up in UTF-8 text, so that no factor is zero for a window of text.
const FOLD: [u64; 6] = [
    0xffff_ffff_9e37_79b9,
    0xffff_ffff_b7e1_5163,
    0xffff_ffff_85eb_ca6b,
    0xffff_ffff_c2b2_ae35,
    0xffff_ffff_d1b5_4a33,
    0xffff_ffff_8ebc_6af1,
];

/// Folded into the hash of a key of less than 8 bytes.
const SHORT: u64 = 0x9e37_79b9_7f4a_7c15;

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
    /// Longest key, in bytes, whose windows cover it.
    pub const INLINE_BYTES: usize = INLINE_BYTES;

    /// Prepares a key of any length.
    #[must_use]
    pub const fn new(key: &[u8]) -> Hashed {
        if is_inline(key.len()) { Hashed::inline(key) } else { Hashed::long(key) }
    }

    /// The key's hash. Equal on every machine and in every file of this format version.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// A key of 8 to 48 bytes, or the part of a longer one that its windows give.
    #[inline(always)]
    pub(crate) const fn inline(key: &[u8]) -> Hashed {
        let windows = windows(key);
        Hashed { windows, hash: hash_windows(&windows, key.len()), bytes: key.len() }
    }

    /// A key of 49 to 64 bytes, whose middle is one pair of windows: without a branch. Also the pair.
    #[inline(always)]
    pub(crate) const fn one_pair(key: &[u8]) -> (Hashed, [u64; 2]) {
        let Hashed { windows, hash, bytes } = Hashed::inline(key);
        let [a, b] = [read8(key, bytes - 40), read8(key, bytes - 32)];
        (Hashed { windows, hash: fold(hash ^ a, b ^ FOLD[0]), bytes }, [a, b])
    }

    /// A key below 8 bytes: one window, padded, six times.
    const fn short(key: &[u8]) -> Hashed {
        let mut padded = [0u8; 8];
        let mut i = 0;
        while i < key.len() {
            padded[i] = key[i];
            i += 1;
        }
        let windows = [u64::from_le_bytes(padded); 6];
        // A window that is mostly zeros leaves the high bits of the products nearly alone.
        let hash = fold(hash_windows(&windows, key.len()), SHORT);
        Hashed { windows, hash, bytes: key.len() }
    }

    /// A key of over 48 bytes. (For a shorter one the result is that of [`Hashed::new`].)
    #[inline(always)]
    #[must_use]
    pub const fn long(key: &[u8]) -> Hashed {
        if key.len() < 8 {
            return Hashed::short(key);
        }
        let Hashed { windows, mut hash, bytes } = Hashed::inline(key);
        let mut i = 0;
        while i < middle_pairs(bytes) {
            let [a, b] = middle_pair(key, i);
            hash = fold(hash ^ a, b ^ FOLD[0]);
            i += 1;
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

/// How many pairs of windows cover bytes 24 to `n - 24` of a key of `n` bytes.
#[inline(always)]
pub(crate) const fn middle_pairs(bytes: usize) -> usize {
    bytes.saturating_sub(INLINE_BYTES).div_ceil(16)
}

/// Where a pair of windows of the middle starts. The last one ends with the middle, so it may overlap the one before it, or
/// the windows before the middle.
#[inline(always)]
pub(crate) const fn middle_start(bytes: usize, pair: usize) -> usize {
    let (at, last) = (24 + 16 * pair, bytes - 40);
    if at < last { at } else { last }
}

/// A pair of windows of the middle of a key of over 48 bytes.
#[inline(always)]
pub(crate) const fn middle_pair(key: &[u8], pair: usize) -> [u64; 2] {
    let at = middle_start(key.len(), pair);
    [read8(key, at), read8(key, at + 8)]
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
        ^ fold(w[2] ^ FOLD[2], w[3] ^ FOLD[3])
        ^ fold(w[4] ^ FOLD[4], w[5] ^ FOLD[5])
}

/// A flag key hashed once, also in a `const`.
///
/// ```
/// use flagstaff_format::Key;
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

/// What a getter takes as a key: a `&str`, a `String`, or a [`Key`] that was hashed before. Only this crate implements it.
pub trait FlagKey: PreparedKey {}

impl<K: PreparedKey + ?Sized> FlagKey for K {}

/// How a key is looked up. Not exported: it is no part of what users see of [`FlagKey`].
pub trait PreparedKey {
    /// The key as text.
    fn text(&self) -> &str;
    /// The prepared form, if the windows cover the whole key and cost no branch.
    fn prepared(&self) -> Option<Hashed>;
    /// The prepared form, if it was made before.
    fn remembered(&self) -> Option<&Hashed> {
        None
    }
}

impl PreparedKey for str {
    #[inline(always)]
    fn text(&self) -> &str {
        self
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        is_inline(self.len()).then(|| Hashed::inline(self.as_bytes()))
    }
}

impl PreparedKey for String {
    #[inline(always)]
    fn text(&self) -> &str {
        self
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        self.as_str().prepared()
    }
}

impl PreparedKey for Key<'_> {
    #[inline(always)]
    fn text(&self) -> &str {
        self.text
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        (self.hashed.bytes <= INLINE_BYTES).then_some(self.hashed)
    }

    #[inline(always)]
    fn remembered(&self) -> Option<&Hashed> {
        Some(&self.hashed)
    }
}

impl<K: PreparedKey + ?Sized> PreparedKey for &K {
    #[inline(always)]
    fn text(&self) -> &str {
        (**self).text()
    }

    #[inline(always)]
    fn prepared(&self) -> Option<Hashed> {
        (**self).prepared()
    }

    #[inline(always)]
    fn remembered(&self) -> Option<&Hashed> {
        (**self).remembered()
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
    fn pairs_of_windows_cover_every_byte_of_a_middle_and_never_leave_the_key() {
        for bytes in 0..300 {
            let covered: Vec<_> =
                (0..middle_pairs(bytes)).map(|i| middle_start(bytes, i)).map(|at| at..at + 16).collect();
            assert!(
                (24..bytes.saturating_sub(24)).all(|i| covered.iter().any(|range| range.contains(&i))),
                "{bytes}"
            );
            assert!(covered.iter().all(|range| range.end <= bytes.saturating_sub(24)), "{bytes}");
        }
    }

    #[test]
    fn the_short_way_for_one_pair_is_the_long_way() {
        let text: Vec<u8> = (1..=64).collect();
        for bytes in 49..=64 {
            let (hashed, pair) = Hashed::one_pair(&text[..bytes]);
            assert_eq!(
                (hashed, pair),
                (Hashed::long(&text[..bytes]), middle_pair(&text[..bytes], 0)),
                "{bytes}"
            );
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

    /// Buckets are chosen by the high bits, filter bits by the lowest five.
    #[test]
    fn names_that_people_give_fill_buckets_and_filters_evenly() {
        type Name = fn(usize) -> String;
        let families: [(&str, Name); 8] = [
            ("letter and number", |i| format!("f{i}")),
            ("number", |i| i.to_string()),
            ("padded number", |i| format!("{i:08}")),
            ("number first", |i| format!("{i}-enabled")),
            ("number last", |i| format!("service.checkout.flag-{i}")),
            ("number in the middle", |i| format!("service.{i:05}.enabled")),
            ("hexadecimal", |i| format!("{:016x}", i * 0x9e37)),
            ("long", |i| format!("a-rather-long-prefix-of-a-service.{i}.and-a-suffix-that-is-long")),
        ];
        for (family, name) in families {
            let (keys, buckets) = (32_768, 4096);
            let (mut high, mut low) = (vec![0.0; buckets], vec![0.0; 32]);
            for i in 0..keys {
                let hash = Hashed::new(name(i).as_bytes()).hash();
                high[(hash >> 52) as usize] += 1.0;
                low[(hash & 31) as usize] += 1.0;
            }
            // Chance makes 1.0 of it, give or take 0.02; at 2.0 the fullest bucket would have one key more.
            let even = keys as f64 / buckets as f64;
            let spread: f64 = high.iter().map(|count| (count - even) * (count - even) / even).sum();
            assert!(spread / (buckets as f64) < 1.6, "{family}: {}", spread / buckets as f64);
            let fullest = low.into_iter().fold(0.0, f64::max) * 32.0 / keys as f64;
            assert!(fullest < 1.25, "{family}: a filter bit stands for {fullest} times its share");
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
