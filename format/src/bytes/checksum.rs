//! The checksum of an archive: that of the checksums of its blocks. Whoever has changed a few blocks reads only those again.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Bytes of a block. The last one of an archive may be shorter.
pub(crate) const BLOCK: usize = 4096;

/// The checksum of an archive, as it stands in its frame: xxh3-64 of the xxh3-64 of each block, as little-endian words.
#[must_use]
pub fn checksum(archive: &[u8]) -> u64 {
    let mut sum = Checksum::default();
    archive.chunks(BLOCK).for_each(|block| sum.add(block));
    sum.finish()
}

/// The checksum of an archive that comes block by block.
#[derive(Default)]
pub(crate) struct Checksum(Xxh3Default);

impl Checksum {
    /// Adds the next block, which is whole unless it is the last one.
    pub(crate) fn add(&mut self, block: &[u8]) {
        self.0.update(&xxh3_64(block).to_le_bytes());
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// The checksums of an archive's blocks, kept beside it by a publisher that changes it in place.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockSums(Vec<u8>);

impl BlockSums {
    pub(crate) fn of(archive: &[u8]) -> BlockSums {
        BlockSums(archive.chunks(BLOCK).flat_map(|block| xxh3_64(block).to_le_bytes()).collect())
    }

    /// Sums up again the block in which byte `at` of the archive lies.
    pub(crate) fn renew(&mut self, archive: &[u8], at: usize) {
        let number = at / BLOCK;
        let block = archive.chunks(BLOCK).nth(number).unwrap_or_default();
        if let Some(sum) = self.0.as_chunks_mut::<8>().0.get_mut(number) {
            *sum = xxh3_64(block).to_le_bytes();
        }
    }

    pub(crate) fn checksum(&self) -> u64 {
        xxh3_64(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_the_checksum_agree_and_a_changed_byte_is_seen_by_its_block_alone() {
        for bytes in [0, 8, BLOCK - 8, BLOCK, BLOCK + 8, 5 * BLOCK, 5 * BLOCK + 128] {
            let mut archive: Vec<u8> = (0..bytes).map(|i| (i * 7 / 3) as u8).collect();
            let mut sums = BlockSums::of(&archive);
            assert_eq!(sums.checksum(), checksum(&archive), "{bytes}");
            for at in (0..bytes).step_by(1001) {
                let before = checksum(&archive);
                archive[at] ^= 0x10;
                assert_ne!(checksum(&archive), before, "{bytes}, {at}");
                sums.renew(&archive, at);
                assert_eq!(sums.checksum(), checksum(&archive), "{bytes}, {at}");
            }
        }
    }
}
