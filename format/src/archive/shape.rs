//! The archive's shape: an rkyv archive in which the places of all parts follow from two numbers of the frame.

use std::mem::offset_of;

use rkyv::rancor;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use crate::archive::placed::Placed;
use crate::archive::table::Table;
use crate::bytes::frame::{Damage, Frame};
use crate::bytes::layout::{buckets, overflow_word, text_word};
use crate::bytes::record::{RECORD_WORDS, Record};

/// Facts about the payload of an archive.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[rkyv(attr(allow(missing_docs)))]
#[non_exhaustive]
pub struct Facts {
    /// When the payload was published first, in microseconds since 1970.
    pub published_at: u64,
    /// Identity of the source, as in the header.
    pub identity: [u8; 32],
    /// Bytes of the payload.
    pub payload_bytes: u64,
    /// xxh3-128 of the payload: an equal one is not published again.
    pub payload_digest: [u64; 2],
}

/// The archived type. Field order is byte order.
#[derive(Archive, Serialize)]
#[rkyv(attr(allow(missing_docs)))]
struct Layout {
    records: Placed<Record>,
    index: Placed<u64>,
    overflow: Placed<u64>,
    text: Placed<u64>,
    flags: u64,
    facts: Facts,
}

/// Bytes of the archive's root.
pub(crate) const ROOT_BYTES: usize = size_of::<ArchivedLayout>();

/// Puts the root behind the parts.
pub(crate) fn finish(table: Table, facts: Facts) -> Result<AlignedVec<64>, rancor::Error> {
    let Table { bytes, places, doubles, flags, .. } = table;
    let (index, overflow, text) = (places * RECORD_WORDS, overflow_word(places), text_word(places, doubles));
    let layout = Layout {
        records: Placed::new(0, places),
        index: Placed::new(index, overflow - index),
        // As words: rkyv pads an alignment of 64 bytes only at the start.
        overflow: Placed::new(overflow, text - overflow),
        text: Placed::new(text, bytes.len() / 8 - text),
        flags: flags as u64,
        facts,
    };
    rkyv::api::high::to_bytes_in(&layout, bytes)
}

/// Writes other facts over those of an archive, and returns where they begin.
pub(crate) fn put_facts(bytes: &mut [u8], facts: &Facts) -> usize {
    let start = bytes.len().saturating_sub(ROOT_BYTES) + offset_of!(ArchivedLayout, facts);
    let digest = facts.payload_digest.map(u64::to_le_bytes);
    for (at, value) in [
        (offset_of!(ArchivedFacts, published_at), &facts.published_at.to_le_bytes()[..]),
        (offset_of!(ArchivedFacts, identity), &facts.identity),
        (offset_of!(ArchivedFacts, payload_bytes), &facts.payload_bytes.to_le_bytes()),
        (offset_of!(ArchivedFacts, payload_digest), digest.as_flattened()),
    ] {
        if let Some(to) = bytes.get_mut(start + at..start + at + value.len()) {
            to.copy_from_slice(value);
        }
    }
    start
}

/// rkyv's own check, and that the parts are where the frame's numbers say. Constant time: plain words need no check.
pub(crate) fn check(frame: &Frame, bytes: &AlignedVec<64>) -> Result<Facts, Damage> {
    let archived =
        rkyv::access::<ArchivedLayout, rancor::Error>(bytes).map_err(|e| Damage::Archive(e.to_string()))?;
    let at = |part: *const u8| (part as usize).wrapping_sub(bytes.as_ptr() as usize) / 8;
    let places = archived.records.len();
    let shape = [
        ("flags", archived.flags.to_native(), frame.flags),
        ("record places", places as u64, frame.places as u64),
        ("records at word", at(archived.records.as_ptr().cast()) as u64, 0),
        ("index words", archived.index.len() as u64, buckets(places) as u64),
        ("index at word", at(archived.index.as_ptr().cast()) as u64, places as u64 * 8),
        ("overflow words", archived.overflow.len() as u64, (frame.overflow * RECORD_WORDS) as u64),
    ];
    for (what, found, expected) in shape {
        if found != expected {
            return Err(Damage::Implausible { what, found, expected: expected.to_string() });
        }
    }
    let parts = [
        (
            "overflow at word",
            archived.overflow.is_empty(),
            at(archived.overflow.as_ptr().cast()),
            overflow_word(places),
        ),
        (
            "text at word",
            archived.text.is_empty(),
            at(archived.text.as_ptr().cast()),
            text_word(places, frame.overflow),
        ),
    ];
    for (what, is_empty, found, expected) in parts {
        if !is_empty && found != expected {
            return Err(Damage::Implausible { what, found: found as u64, expected: expected.to_string() });
        }
    }
    let facts = &archived.facts;
    Ok(Facts {
        published_at: facts.published_at.to_native(),
        identity: facts.identity,
        payload_bytes: facts.payload_bytes.to_native(),
        payload_digest: facts.payload_digest.map(|word| word.to_native()),
    })
}
