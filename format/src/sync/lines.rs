//! The lines of a slot, as a publisher changes them: only those that differ are stored.
//!
//! A processor that has read a line keeps a copy of it until somebody stores into that line, be it the same bytes. So a line that is
//! left alone stays at hand in every reader, and a publish costs readers what changed and not all that there is.
//!
//! What is to stand there is compared with what *stands* there, all of it each time. A publisher that compared with what it remembers,
//! or believes of its predecessor, would leave in the slot what a publisher left there that died in the middle, what a disk refused
//! the last time, and bits that flipped.
//!
//! The model checker runs these very functions (`format/tests/protocol_model.rs`).

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::atomics::{Load, Word};

/// Words of a line: 64 bytes, what processors fetch and give up as one.
pub const WORDS: usize = 8;

/// Whether words that stand in a slot differ from those that are to stand there. Nobody else stores into the slot.
#[inline]
#[must_use]
pub fn differ<W: Load>(standing: &[W], new: &[[u8; 8]]) -> bool {
    // No branch for each word: the bits that differ are gathered.
    let gather = |bits, (standing, new): (&W, &[u8; 8])| bits | standing.load() ^ u64::from_le_bytes(*new);
    match (standing.first_chunk::<WORDS>(), new.first_chunk::<WORDS>()) {
        (Some(standing), Some(new)) => standing.iter().zip(new).fold(0, gather) != 0,
        _ => standing.iter().zip(new).fold(0, gather) != 0,
    }
}

/// Stores words into a slot. Readers may be looking: see the edges of [`crate::sync::protocol`].
#[inline]
pub fn overwrite<W: Word>(standing: &[W], new: &[[u8; 8]]) {
    for (standing, new) in standing.iter().zip(new) {
        standing.store(u64::from_le_bytes(*new), Relaxed);
    }
}
