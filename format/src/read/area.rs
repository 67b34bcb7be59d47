//! Reading whole areas: the frame, its archive, and which of the four is the newest that is good.

use rkyv::util::AlignedVec;

use crate::archive::checked::Archive;
use crate::bytes::checksum::Checksum;
use crate::bytes::frame::{Damage, Frame};
use crate::bytes::generation::{Generation, MAX_GENERATION};
use crate::bytes::header::reserved;
use crate::bytes::layout::{Area, FRAME_BYTES, FRAME_WORDS, word};
use crate::sync::map::{BLOCK, Mapping};
use crate::sync::protocol::{Observed, Sound, observe, still_valid_or_superseded};

/// From this many words on, mapping all pages at once is quicker than a fault for every 16 of them.
const POPULATE_FROM: usize = 64 * 1024;

/// How often a reader starts again when a publisher overtakes it, before it returns [`Damage::Overtaken`].
const FOLLOW: usize = 64;

/// Reads the frame of an area.
///
/// # Errors
/// [`Damage`], also if the archive would go past the bytes that are really there.
pub fn frame(map: &Mapping, area: Area) -> Result<Frame, Damage> {
    let reserved = reserved(map, area);
    if reserved == 0 {
        return Err(Damage::Empty);
    }
    let frame = Frame::parse(&std::array::from_fn(|i| map.load(area.word() + i)))?;
    if FRAME_BYTES + frame.archive_bytes > reserved {
        let expected = format!("up to {} reserved", reserved - FRAME_BYTES);
        return Err(Damage::Implausible {
            what: "an archive of bytes",
            found: frame.archive_bytes,
            expected,
        });
    }
    Ok(frame)
}

/// Compares an area's archive with its checksum, without a copy.
///
/// # Errors
/// [`Damage`], naming what is wrong.
pub(crate) fn check(map: &Mapping, area: Area) -> Result<Frame, Damage> {
    let frame = frame(map, area)?;
    let (at, words) = (area.word() + FRAME_WORDS, frame.archive_bytes as usize / 8);
    if words >= POPULATE_FROM {
        map.populate(at, words);
    }
    let found = digest(map, at, words);
    wipe_stack();
    if found == frame.checksum {
        Ok(frame)
    } else {
        Err(Damage::Checksum { expected: frame.checksum, found })
    }
}

#[inline(never)]
fn digest(map: &Mapping, at: usize, words: usize) -> u64 {
    let mut sum = Checksum::default();
    map.copy(at, words, |block| sum.add(block));
    sum.finish()
}

/// Overwrites what the call before left on the stack. The mapping is left out of core files; values that were only hashed must
/// not be found on the stack either.
#[inline(never)]
fn wipe_stack() {
    // A block, the hash, and their frames, more than twice over.
    let mut stack = [0_u8; 4 * BLOCK];
    std::hint::black_box(&mut stack);
}

/// As [`check`], of a slot that readers look things up in.
fn check_live(map: &Mapping, area: Area) -> Result<Frame, Damage> {
    let frame = check(map, area)?;
    let found = map.load(word::PLACES[area.index() & 1]);
    if found == frame.table_word() {
        return Ok(frame);
    }
    Err(Damage::Implausible {
        what: "record places of the header",
        found,
        expected: frame.table_word().to_string(),
    })
}

/// Copies an area's archive and checks it.
///
/// # Errors
/// [`Damage`], naming what is wrong.
pub fn copy(map: &Mapping, area: Area) -> Result<Archive, Damage> {
    let frame = frame(map, area)?;
    let words = frame.archive_bytes as usize / 8;
    let mut bytes = AlignedVec::with_capacity(words * 8);
    map.copy(area.word() + FRAME_WORDS, words, |block| bytes.extend_from_slice(block));
    Archive::check(frame, bytes)
}

/// Reads the current slot with `read` until no publish has overtaken it, and returns that. `None` if nothing has been
/// published. `generation` is that of what was read.
fn current<T>(
    map: &Mapping,
    read: impl Fn(Area) -> Result<T, Damage>,
    generation: impl Fn(&T) -> u64,
) -> Result<Option<T>, Damage> {
    let g = map.generation();
    for _ in 0..FOLLOW {
        let seen = observe::<Sound, _>(g);
        if seen.base() == 0 {
            return Ok(None);
        }
        let found = read(Area::Slot(seen.slot()));
        if !still_valid_or_superseded::<Sound, _>(g, seen) {
            std::thread::yield_now();
            continue;
        }
        let found = found?;
        let (found_generation, expected) = (generation(&found), seen.generation().0);
        if found_generation != expected {
            let expected = expected.to_string();
            return Err(Damage::Implausible { what: "generation", found: found_generation, expected });
        }
        if is_ahead(map, seen) {
            if observe::<Sound, _>(g) != seen {
                std::thread::yield_now();
                continue;
            }
            let expected = "none newer in the file".to_owned();
            return Err(Damage::Implausible { what: "generation", found: found_generation, expected });
        }
        return Ok(Some(found));
    }
    Err(Damage::Overtaken)
}

/// Checks the current generation in place, and that look-ups on it start from the right number of places.
///
/// # Errors
/// [`Damage`] of its slot.
pub fn check_current(map: &Mapping) -> Result<Option<Frame>, Damage> {
    current(map, |area| check_live(map, area), |frame| frame.generation.0)
}

/// Copies the current generation and checks it.
///
/// # Errors
/// [`Damage`] of its slot.
pub fn copy_current(map: &Mapping) -> Result<Option<Archive>, Damage> {
    current(map, |area| copy(map, area), |archive| archive.generation().0)
}

/// Looks at the current generation in place, with its frame.
pub(crate) fn current_generation<T>(
    map: &Mapping,
    read: impl Fn(Area, &Frame) -> Result<T, Damage>,
) -> Result<Option<T>, Damage> {
    let read = |area| {
        let frame = frame(map, area)?;
        Ok((read(area, &frame)?, frame.generation.0))
    };
    Ok(current(map, read, |(_, generation)| *generation)?.map(|(found, _)| found))
}

/// The newest good archive of all four areas, whatever the generation word says: the rule after a reboot or damage.
#[must_use]
pub fn newest(map: &Mapping) -> Option<(Area, Archive)> {
    let mut frames: Vec<_> =
        Area::ALL.into_iter().filter_map(|area| Some((area, frame(map, area).ok()?))).collect();
    frames.sort_by_key(|(_, frame)| std::cmp::Reverse(frame.generation));
    frames.into_iter().find_map(|(area, _)| Some((area, copy(map, area).ok()?)))
}

/// Whether anything names a newer generation than the word, which was observed as `seen`: then the word is damaged. The slot of an
/// interrupted publish, which an odd word shows, may be ahead. If the file is in use, the word must be looked at again.
#[must_use]
pub(crate) fn is_ahead(map: &Mapping, seen: Observed) -> bool {
    let (word, in_slots) =
        (seen.generation(), if seen.is_odd() { seen.generation().next() } else { seen.generation() });
    let durable = map.load(word::DURABLE);
    let newer = |area| {
        let most = if matches!(area, Area::Slot(_)) { in_slots } else { word };
        frame(map, area).is_ok_and(|frame| frame.generation > most)
    };
    (durable > word.0 && durable < MAX_GENERATION / 2) || Area::ALL.into_iter().any(newer)
}

/// The highest generation that anything in a file names, in a good archive or not, as far as it can be true: the next one that is
/// published must be above it.
#[must_use]
pub(crate) fn generation_floor(map: &Mapping) -> Generation {
    let plausible = |generation| if generation < MAX_GENERATION / 2 { generation } else { 0 };
    let seen = observe::<Sound, _>(map.generation()).generation();
    let words = [seen.0, map.load(word::DURABLE)].map(plausible);
    let frames = Area::ALL.into_iter().filter_map(|area| Some(frame(map, area).ok()?.generation.0));
    Generation(frames.chain(words).max().unwrap_or(0))
}
