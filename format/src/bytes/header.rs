//! The header's fixed part: written once when a file is made, checked by whoever opens it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

use crate::bytes::error::OpenError;
use crate::bytes::layout::{
    AREA_BYTES, Area, FINGERPRINT, HEADER_BYTES, MAGIC, VERSION, decode_reserved, word,
};
use crate::sync::boot::{self, BootId};
use crate::sync::map::Mapping;

/// The fixed part of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// When the file was made, in microseconds since 1970.
    pub created_at: u64,
    /// SHA-256 of base URL and API key; zeros if the file has no such source.
    pub identity: [u8; 32],
    /// The boot in which it was made.
    pub boot: BootId,
    /// When in that boot it was made, in nanoseconds of its clock; 0 if that is unknown.
    pub made_at: u64,
}

/// Words of the fixed part: those that the checksum covers, the checksum, and [`word::MADE_AT`].
const WORDS: usize = word::MADE_AT + 1;

impl Header {
    /// A header for a file made now, in this boot.
    #[must_use]
    pub fn now(identity: [u8; 32]) -> Header {
        let made_at = boot::now().as_nanos() as u64;
        Header { created_at: unix_micros(), identity, boot: BootId::current(), made_at }
    }

    /// Whether this file was made later than another one. Within one boot the boot clock decides, which never goes back. A file of
    /// this boot is later than one of another boot. Between two other boots only the wall clock is left, which may have been set.
    #[must_use]
    pub fn is_later_than(&self, other: &Header) -> bool {
        let current = BootId::current();
        if self.boot == other.boot && self.made_at != 0 && other.made_at != 0 {
            return self.made_at > other.made_at;
        }
        match (self.boot == current, other.boot == current) {
            (true, false) if other.boot != BootId::default() => true,
            (false, true) if self.boot != BootId::default() => false,
            _ => self.created_at > other.created_at,
        }
    }

    /// The words of the fixed part.
    #[must_use]
    pub fn words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        words[word::MAGIC] = MAGIC;
        words[word::VERSION] = u64::from(VERSION) | HEADER_BYTES << 32;
        words[word::FINGERPRINT] = FINGERPRINT;
        words[word::SLOT_BYTES] = AREA_BYTES;
        words[word::CHECKPOINT_BYTES] = AREA_BYTES;
        words[word::CREATED_AT] = self.created_at;
        for (word, bytes) in words[word::IDENTITY..].iter_mut().zip(self.identity.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        words[word::BOOT_ID..word::CHECKSUM].copy_from_slice(&self.boot.0);
        words[word::CHECKSUM] = sum(&words);
        words[word::MADE_AT] = self.made_at;
        words
    }

    /// Reads and checks the header of a mapped file.
    ///
    /// # Errors
    /// [`OpenError::NotASnapshot`], [`OpenError::Version`] or [`OpenError::Header`].
    pub fn read(map: &Mapping, path: &Path) -> Result<Header, OpenError> {
        let words: [u64; WORDS] = std::array::from_fn(|i| map.load(i));
        let path = path.to_owned();
        if words[word::MAGIC] != MAGIC {
            let problem = format!("it starts with {:#018x}, expected {MAGIC:#018x}", words[word::MAGIC]);
            return Err(OpenError::NotASnapshot { path, problem });
        }
        let version = words[word::VERSION] as u32;
        // The checksum tells another format from this one with a damaged version.
        let mut ours = words;
        ours[word::VERSION] = u64::from(VERSION) | HEADER_BYTES << 32;
        if version != VERSION && words[word::CHECKSUM] != sum(&ours) {
            let advice = if version > VERSION {
                "upgrade this program"
            } else {
                "publish again with a current publisher"
            };
            return Err(OpenError::Version { path, found: version, advice });
        }
        let header = |problem| Err(OpenError::Header { path: path.clone(), problem });
        if words[word::CHECKSUM] != sum(&words) {
            return header(format!(
                "checksum {:#018x}, expected {:#018x}",
                words[word::CHECKSUM],
                sum(&words)
            ));
        }
        if words[word::FINGERPRINT] != FINGERPRINT {
            return header(format!(
                "layout {:#018x}, expected {FINGERPRINT:#018x}",
                words[word::FINGERPRINT]
            ));
        }
        for (what, at) in [("slots", word::SLOT_BYTES), ("checkpoint regions", word::CHECKPOINT_BYTES)] {
            if words[at] != AREA_BYTES {
                return header(format!("{what} of {} bytes, expected {AREA_BYTES}", words[at]));
            }
        }
        let mut identity = [0; 32];
        for (bytes, word) in identity.as_chunks_mut::<8>().0.iter_mut().zip(&words[word::IDENTITY..]) {
            *bytes = word.to_le_bytes();
        }
        let boot = BootId([words[word::BOOT_ID], words[word::BOOT_ID + 1]]);
        Ok(Header { created_at: words[word::CREATED_AT], identity, boot, made_at: words[word::MADE_AT] })
    }
}

fn sum(words: &[u64; WORDS]) -> u64 {
    let bytes: Vec<u8> = words[..word::CHECKSUM].iter().flat_map(|word| word.to_le_bytes()).collect();
    xxh3_64(&bytes)
}

/// Bytes of an area that may be touched: those reserved, if the mapping has them.
#[must_use]
pub(crate) fn reserved(map: &Mapping, area: Area) -> u64 {
    let bytes = decode_reserved(map.load(word::RESERVED[area.index()]));
    if area.offset() + bytes > map.words() as u64 * 8 { 0 } else { bytes }
}

/// Now, in microseconds since 1970.
#[must_use]
pub fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn of_two_files_the_later_one_is_told_without_the_wall_clock_where_that_is_possible() {
        let now = Header::now([0; 32]);
        let made = |created_at, boot, made_at| Header { created_at, boot, made_at, ..now };
        let (here, one, other) = (BootId::current(), BootId([1, 1]), BootId([2, 2]));
        for (first, second) in [
            // The wall clock was set back between them.
            (made(900, here, 10), made(100, here, 11)),
            (made(900, one, 10), made(100, one, 11)),
            // This boot is the last one.
            (made(900, one, 11), made(100, here, 10)),
            (made(900, one, 0), made(100, here, 0)),
            // Nothing else tells.
            (made(100, one, 11), made(900, other, 10)),
            (made(100, here, 0), made(900, here, 10)),
            (made(100, BootId::default(), 11), made(900, here, 10)),
        ] {
            assert!(second.is_later_than(&first) && !first.is_later_than(&second), "{first:?} {second:?}");
        }
        assert!(!now.is_later_than(&now));
    }

    /// Symptom: a wrong size of checkpoints was reported as "slots of 67108864 bytes, expected 67108864". Cause: both sizes had the
    /// message of the slots. Fix: the message names the one that is wrong.
    #[test]
    fn a_wrong_size_of_slots_or_checkpoints_is_named_with_what_was_found() {
        for (at, what) in [(word::SLOT_BYTES, "slots"), (word::CHECKPOINT_BYTES, "checkpoint regions")] {
            let mut words = Header::now([0; 32]).words();
            words[at] = 4096;
            words[word::CHECKSUM] = sum(&words);
            let file = tempfile::tempfile().unwrap();
            file.set_len(HEADER_BYTES).unwrap();
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            file.write_all_at(&bytes, 0).unwrap();
            let map = Mapping::read_only(&file, HEADER_BYTES).unwrap();
            let message = Header::read(&map, Path::new("f")).unwrap_err().to_string();
            assert!(message.contains(&format!("{what} of 4096 bytes, expected 67108864")), "{message}");
        }
    }
}
