//! The 64 bytes in front of every archive: its size, its generation and its checksum.
//!
//! The frame is written together with its archive. Its checksum covers the archive's, so frame and archive of different
//! publishes cannot pass as one, whatever a power loss kept of each.

use xxhash_rust::xxh3::xxh3_64;

use crate::bytes::generation::{Generation, MAX_GENERATION};
use crate::bytes::layout::{AREA_BYTES, FRAME_BYTES, FRAME_WORDS, MAX_OVERFLOW, text_word};

const FRAME_MAGIC: u64 = u64::from_le_bytes(*b"FSSNAP\x00\x01");

/// The content of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// Number of the publish.
    pub generation: Generation,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// The [`checksum`](crate::checksum) of the archive.
    pub checksum: u64,
    /// When the payload was published first, in microseconds since 1970.
    pub published_at: u64,
    /// Record places.
    pub places: usize,
    /// Overflow records.
    pub overflow: usize,
    /// Flags.
    pub flags: u64,
}

/// Why a frame or the archive behind it is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Never written.
    #[error("empty")]
    Empty,
    /// The frame is not one, or its checksum does not match.
    #[error("frame is damaged")]
    Frame,
    /// The frame is whole but cannot be true.
    #[error("frame names {what} {found}, expected {expected}")]
    Implausible {
        /// Which field.
        what: &'static str,
        /// Its value.
        found: u64,
        /// What it should be.
        expected: String,
    },
    /// The archive's checksum does not match.
    #[error("archive has checksum {found:#018x}, its frame says {expected:#018x}")]
    Checksum {
        /// Checksum in the frame.
        expected: u64,
        /// Checksum of the bytes.
        found: u64,
    },
    /// The archive is not a valid one.
    #[error("archive is not valid: {0}")]
    Archive(String),
    /// A record cannot be true.
    #[error("record {place} {problem}")]
    Record {
        /// Its place in the table.
        place: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// It changed while it was being read.
    #[error("overwritten while it was read")]
    Overtaken,
}

impl Frame {
    /// The frame's words.
    #[must_use]
    pub fn words(&self) -> [u64; FRAME_WORDS] {
        let mut words = [
            FRAME_MAGIC,
            self.generation.0,
            self.archive_bytes,
            self.checksum,
            self.published_at,
            self.table_word(),
            self.flags,
            0,
        ];
        words[7] = sum(&words);
        words
    }

    /// Record places and overflow records in one word, as it stands here and in the header.
    #[must_use]
    pub fn table_word(&self) -> u64 {
        self.places as u64 | (self.overflow as u64) << 32
    }

    /// Reads a frame and checks that it can be true.
    ///
    /// # Errors
    /// [`Damage`], if it cannot.
    pub fn parse(words: &[u64; FRAME_WORDS]) -> Result<Frame, Damage> {
        if words.iter().all(|word| *word == 0) {
            return Err(Damage::Empty);
        }
        if words[0] != FRAME_MAGIC || words[7] != sum(words) {
            return Err(Damage::Frame);
        }
        let frame = Frame {
            generation: Generation(words[1]),
            archive_bytes: words[2],
            checksum: words[3],
            published_at: words[4],
            places: (words[5] & 0xffff_ffff) as usize,
            overflow: (words[5] >> 32) as usize,
            flags: words[6],
        };
        let largest = AREA_BYTES - FRAME_BYTES;
        let implausible = |what, found, expected| Err(Damage::Implausible { what, found, expected });
        if frame.archive_bytes > largest || !frame.archive_bytes.is_multiple_of(8) {
            return implausible(
                "an archive of bytes",
                frame.archive_bytes,
                format!("a multiple of 8 up to {largest}"),
            );
        }
        if frame.generation.0 == 0 || frame.generation.0 >= MAX_GENERATION {
            return implausible("generation", words[1], format!("1 to {}", MAX_GENERATION - 1));
        }
        if frame.places < 4 || text_word(frame.places, frame.overflow) as u64 * 8 > frame.archive_bytes {
            return implausible(
                "record places",
                words[5] & 0xffff_ffff,
                "4 and more, inside the archive".to_owned(),
            );
        }
        if frame.overflow > MAX_OVERFLOW {
            return implausible("overflow records", words[5] >> 32, format!("up to {MAX_OVERFLOW}"));
        }
        Ok(frame)
    }
}

fn sum(words: &[u64; FRAME_WORDS]) -> u64 {
    let mut bytes = [0; 56];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        generation: Generation(7),
        archive_bytes: 4096,
        checksum: 1,
        published_at: 2,
        places: 4,
        overflow: 0,
        flags: 3,
    };

    #[test]
    fn a_frame_comes_back_as_it_was_written() {
        assert_eq!(Frame::parse(&FRAME.words()), Ok(FRAME));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        for bit in 0..512 {
            let mut words = FRAME.words();
            words[bit / 64] ^= 1 << (bit % 64);
            assert_eq!(Frame::parse(&words), Err(Damage::Frame), "bit {bit}");
        }
    }

    #[test]
    fn a_whole_frame_that_cannot_be_true_is_refused() {
        for bad in [
            Frame { generation: Generation(0), ..FRAME },
            Frame { generation: Generation(1 << 60), ..FRAME },
            Frame { archive_bytes: 1 << 40, ..FRAME },
            Frame { archive_bytes: 4097, ..FRAME },
            Frame { places: 3, ..FRAME },
            Frame { places: 1 << 30, ..FRAME },
            Frame { overflow: 9, ..FRAME },
        ] {
            assert!(matches!(Frame::parse(&bad.words()), Err(Damage::Implausible { .. })), "{bad:?}");
        }
    }

    #[test]
    fn zeros_are_empty_and_not_damaged() {
        assert_eq!(Frame::parse(&[0; 8]), Err(Damage::Empty));
    }
}
