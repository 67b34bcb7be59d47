//! Where everything is in the file. docs/format.md has the byte map; this is its only copy in code.
//!
//! Offsets of header fields are in 8-byte words from the start of the file, sizes of areas in bytes.

/// First word of the file: `FLAGS`, then bytes that a text-mode copy would damage.
pub const MAGIC: u64 = u64::from_le_bytes(*b"FLAGS\x00\x1a\n");

/// Version of the format that this code writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// Bytes of the header page.
pub const HEADER_BYTES: u64 = 4096;

/// Every area starts at a multiple of this and has a size that is one.
pub const PAGE: u64 = 4096;

/// Largest payload, in bytes, that a publisher accepts.
pub const MAX_PAYLOAD: usize = 5 * 1024 * 1024;

/// Bytes of one slot or checkpoint region: more than the largest archive that a payload of [`MAX_PAYLOAD`] bytes can
/// become (the tests of `Archive` have the argument), so that normal life never changes the file. Sparse on disk.
pub const AREA_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of the whole file.
pub const FILE_BYTES: u64 = HEADER_BYTES + 4 * AREA_BYTES;

/// Words of the frame in front of an archive.
pub const FRAME_WORDS: usize = 8;

/// Bytes of the frame in front of an archive.
pub const FRAME_BYTES: u64 = 64;

/// Number of overflow records at most: flags whose 64-bit hash equals that of another flag.
pub const MAX_OVERFLOW: usize = 8;

/// Entries of the change feed's ring, in the header page.
pub const FEED_ENTRIES: usize = 368;

/// Index words of a table with this many places.
#[inline(always)]
pub(crate) const fn buckets(places: usize) -> usize {
    places >> 1
}

/// Word offset of the overflow records in an archive with this many places.
pub(crate) const fn overflow_word(places: usize) -> usize {
    places * 8 + buckets(places)
}

/// Word offset of the text area.
pub(crate) const fn text_word(places: usize, overflow: usize) -> usize {
    overflow_word(places) + overflow * 8
}

/// Word offsets of the header's fields.
pub mod word {
    /// `MAGIC`.
    pub const MAGIC: usize = 0;
    /// Format version (low half) and header bytes (high half).
    pub const VERSION: usize = 1;
    /// Layout fingerprint.
    pub const FINGERPRINT: usize = 2;
    /// Bytes of a live slot.
    pub const SLOT_BYTES: usize = 3;
    /// Bytes of a checkpoint region.
    pub const CHECKPOINT_BYTES: usize = 4;
    /// Microseconds since 1970 when the file was made.
    pub const CREATED_AT: usize = 5;
    /// Identity of the source, 4 words.
    pub const IDENTITY: usize = 6;
    /// Boot id of the machine when the file was made, 2 words.
    pub const BOOT_ID: usize = 10;
    /// xxh3-64 of the words before.
    pub const CHECKSUM: usize = 12;
    /// Nanoseconds of the boot clock when the file was made. Not part of what the checksum covers; 0 is unknown.
    pub const MADE_AT: usize = 13;

    /// The generation word. Its cache line holds nothing that changes between publishes.
    pub const GENERATION: usize = 16;
    /// The 32-bit event word (low half), on which readers sleep.
    pub const EVENT: usize = 17;
    /// Record places (low half) and overflow records (high half) of slot 0 and slot 1, as in word 5 of their frames.
    pub const PLACES: [usize; 2] = [18, 19];
    /// Bytes really reserved in slot 0, slot 1, checkpoint 0, checkpoint 1.
    pub const RESERVED: [usize; 4] = [20, 21, 22, 23];

    /// Link state (top byte) and milliseconds of the boot clock since when it holds.
    pub const LINK: usize = 24;
    /// Nanoseconds of the boot clock at the last sign of life of the source.
    pub const LAST_CONTACT: usize = 25;
    /// Nanoseconds of the boot clock at which the publisher started; 0 after a clean stop.
    pub const PUBLISHER_START: usize = 26;
    /// Nanoseconds of the boot clock, refreshed by a living publisher about every second.
    pub const HEARTBEAT: usize = 27;
    /// The newest generation known to be on the disk.
    pub const DURABLE: usize = 28;
    /// What failed last (top byte), its detail (16 bits) and milliseconds of the boot clock at which it did.
    pub const LAST_FAILURE: usize = 29;
    /// Why the newest payload is not what readers see (as in `LAST_FAILURE`), and since when readers are behind; 0 if they see it.
    pub const BEHIND: usize = 30;
    /// Bytes that the last publish stored into its slot.
    pub const LAST_PUBLISH: usize = 31;
    /// Bytes that the last checkpoint wrote.
    pub const LAST_CHECKPOINT: usize = 32;
    /// The bell (low half), on which the publisher sleeps. Nobody changes it.
    pub const BELL: usize = 35;
    /// Heads of the change feed, of slot 0 and slot 1.
    pub const FEED_HEADS: [usize; 2] = [33, 34];
    /// The first of the `FEED_ENTRIES` words of the change feed's ring.
    pub const FEED: usize = 48;
    /// The publisher's counters, see [`crate::counters`].
    pub const COUNTERS: usize = 416;
}

/// The four areas of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// A live slot, 0 or 1.
    Slot(usize),
    /// A checkpoint region, 0 or 1.
    Checkpoint(usize),
}

impl Area {
    /// All areas in file order.
    pub const ALL: [Area; 4] = [Area::Slot(0), Area::Slot(1), Area::Checkpoint(0), Area::Checkpoint(1)];

    /// Position in file order.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Area::Slot(i) => i & 1,
            Area::Checkpoint(i) => 2 + (i & 1),
        }
    }

    /// Byte offset in the file.
    #[must_use]
    pub const fn offset(self) -> u64 {
        HEADER_BYTES + self.index() as u64 * AREA_BYTES
    }

    /// Offset in words.
    #[must_use]
    pub const fn word(self) -> usize {
        (self.offset() / 8) as usize
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Area::Slot(i) => write!(f, "slot {i}"),
            Area::Checkpoint(i) => write!(f, "checkpoint {i}"),
        }
    }
}

/// What must be equal between writer and reader beyond the version. Any change to a record, the hash, the index or the
/// archive changes this text and with it the fingerprint.
const DESCRIPTION: &str = "1; frame 8 words; records 64 bytes at 0: meta(kind 4 bits, key bytes 24 bits, \
text word 32 bits), value, six key windows; middle of a key as pairs of windows; index: filter 32 bits, searched \
32 bits, multiplier their xor, one word per 2 places; overflow behind it; hash folded 6 windows v2; rkyv 0.8 little-endian aligned 32-bit offsets: records, index, overflow, text, \
meta; xxh3-64 of the xxh3-64 of each block of 4096 bytes";

/// The layout fingerprint: FNV-1a of the description.
pub const FINGERPRINT: u64 = {
    let bytes = DESCRIPTION.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
};
/// Bytes really reserved in an area as its header word: pages, and their complement so that damage shows.
#[must_use]
pub(crate) fn encode_reserved(bytes: u64) -> u64 {
    let pages = (bytes / PAGE) as u32;
    u64::from(pages) | u64::from(!pages) << 32
}

/// The bytes in a header word made by [`encode_reserved`]; 0 if it is damaged.
pub(crate) fn decode_reserved(word: u64) -> u64 {
    let pages = word as u32;
    if pages == !((word >> 32) as u32) { (u64::from(pages) * PAGE).min(AREA_BYTES) } else { 0 }
}
