//! The checksum of an archive: that of the checksums of its blocks, so that a publisher that changes one flag hashes one block, and a
//! few bytes for each of the others.

use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Bytes of a block. The last one of an archive is shorter.
pub(crate) const BLOCK: usize = 4096;

/// The checksums of the blocks of an archive, to be changed block by block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockSums(Vec<u64>);

impl BlockSums {
    pub(crate) fn of(bytes: &[u8]) -> BlockSums {
        BlockSums(bytes.chunks(BLOCK).map(xxh3_64).collect())
    }

    /// Hashes again the blocks that hold these bytes of an archive which is as long as before.
    pub(crate) fn renew_range(&mut self, bytes: &[u8], changed: Range<usize>) {
        let blocks = changed.start / BLOCK..changed.end.div_ceil(BLOCK);
        let sums = self.0.get_mut(blocks.clone()).unwrap_or_default();
        for (sum, block) in sums.iter_mut().zip(bytes.chunks(BLOCK).skip(blocks.start)) {
            *sum = xxh3_64(block);
        }
    }

    /// The checksum of the archive.
    pub(crate) fn checksum(&self) -> u64 {
        let mut hash = Xxh3Default::new();
        self.0.iter().for_each(|sum| hash.update(&sum.to_le_bytes()));
        hash.digest()
    }
}

/// The checksum of an archive that comes block by block.
#[derive(Default)]
pub(crate) struct Checksum(Xxh3Default);

impl Checksum {
    /// Takes the next block.
    pub(crate) fn add(&mut self, block: &[u8]) {
        self.0.update(&xxh3_64(block).to_le_bytes());
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// The checksum of an archive.
#[must_use]
pub fn checksum(archive: &[u8]) -> u64 {
    let mut sum = Checksum::default();
    archive.chunks(BLOCK).for_each(|block| sum.add(block));
    sum.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn block_by_block_it_is_the_same_and_every_changed_byte_changes_it(
            length in 0..20_000_usize, seed in any::<u8>(), at in any::<prop::sample::Index>(),
        ) {
            let mut bytes: Vec<u8> = (0..length).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
            let mut sums = BlockSums::of(&bytes);
            let before = checksum(&bytes);
            prop_assert_eq!(sums.checksum(), before);
            if length > 0 {
                let at = at.index(length);
                bytes[at] ^= 1;
                sums.renew_range(&bytes, at..at + 1);
                prop_assert_eq!(&sums, &BlockSums::of(&bytes));
                prop_assert_eq!(sums.checksum(), checksum(&bytes));
                prop_assert_ne!(sums.checksum(), before);
            }
        }
    }
}
