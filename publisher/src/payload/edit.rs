//! What a payload changes in the one before it, where that is nothing but values.
//!
//! The two are compared in bulk. At a difference the value in which it lies is read by the rules of every payload, and the
//! comparison goes on behind it. Everything outside of values is then equal: the keys, their order, the syntax. Whatever else it is,
//! or more than a small part of the payload, is left to the decoder ([`super::members`]), which says what it thinks of it.

use serde::Deserialize as _;
use serde_json::value::RawValue;

use super::Value;
use super::compact::check_depth;
use super::decode::{Members, check_size, value};
use super::limits::Limits;

/// Up to this part of a payload's bytes, and of its members, is read anew; decoding it whole is as quick beyond. Small payloads may
/// have [`MIN_BYTES`] and [`MIN_MEMBERS`] in any case.
const SHARE: usize = 8;
const MIN_BYTES: usize = 256;
const MIN_MEMBERS: usize = 4;

/// After so many differences it is asked how many members were the same.
const DENSE: usize = 64;

/// Bytes that are compared at a time.
const BLOCK: usize = 1024;

/// Where the values of a payload stand, and where their records are in the table: 12 bytes for each flag.
#[derive(Debug)]
pub(crate) struct Positions(Vec<Position>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    start: u32,
    end: u32,
    place: u32,
}

/// Other values for some flags.
#[derive(Debug, Default)]
pub(crate) struct Edit<'a> {
    /// The places of the flags, and their new values.
    pub(crate) changes: Vec<(u32, Value<'a>)>,
    moves: Vec<Move>,
}

/// Where the value of a member stands now.
#[derive(Debug)]
struct Move {
    member: usize,
    start: u32,
    end: u32,
}

impl Edit<'_> {
    /// All bytes before this one are as they were.
    pub(crate) fn first_byte(&self) -> usize {
        self.moves.first().map_or(usize::MAX, |first| first.start as usize)
    }
}

impl Positions {
    /// `places`: those of the members in the table, in their order.
    pub(crate) fn of(members: &Members<'_>, places: &[u32]) -> Positions {
        let spans = members.value_spans().zip(places);
        Positions(spans.map(|((start, end), place)| Position { start, end, place: *place }).collect())
    }

    /// What `new` changes in `old`, whose positions these are. `None` if that is more than values, or much.
    pub(crate) fn edit<'a>(&self, old: &str, new: &'a str, limits: &Limits) -> Option<Edit<'a>> {
        check_size(new.len(), limits).ok()?;
        let mut bytes = (new.len() / SHARE).max(MIN_BYTES);
        let members = (self.0.len() / SHARE).max(MIN_MEMBERS);
        let mut edit = Edit::default();
        // Both up to where they are known to be the same, but for the values in the edit.
        let (mut old_at, mut new_at, mut next) = (0, 0, 0);
        loop {
            let same = common(old.as_bytes().get(old_at..)?, new.as_bytes().get(new_at..)?);
            let differs = old_at + same;
            if differs == old.len() {
                return (new_at + same == new.len()).then_some(edit);
            }
            // A value that only became longer differs at its end.
            let rest = self.0.get(next..)?;
            let member = next + rest.partition_point(|position| (position.end as usize) < differs);
            let Position { start, end, place } = *self.0.get(member)?;
            // Where most of many members differ, all of them will be too many.
            let is_dense = edit.moves.len() >= DENSE && edit.moves.len() * 2 > member;
            if differs < start as usize || edit.moves.len() == members || is_dense {
                return None;
            }
            let start = new_at + (start as usize - old_at);
            let token = token_at(new, start, bytes)?;
            if token.starts_with(['{', '[']) {
                check_depth(token).ok()?;
            }
            bytes -= token.len();
            let new_end = start + token.len();
            edit.changes.push((place, value(token)));
            edit.moves.push(Move { member, start: start as u32, end: u32::try_from(new_end).ok()? });
            (old_at, new_at, next) = (end as usize, new_end, member + 1);
        }
    }

    /// Makes these the positions of the payload with the edit.
    pub(crate) fn follow(&mut self, edit: &Edit<'_>) {
        let (mut shift, mut next) = (0_u32, 0);
        let shifted = |positions: &mut [Position], shift: u32| {
            if shift != 0 {
                for position in positions {
                    position.start = position.start.wrapping_add(shift);
                    position.end = position.end.wrapping_add(shift);
                }
            }
        };
        for Move { member, start, end } in &edit.moves {
            shifted(&mut self.0[next..*member], shift);
            let position = &mut self.0[*member];
            shift = end.wrapping_sub(position.end);
            (position.start, position.end) = (*start, *end);
            next = member + 1;
        }
        shifted(&mut self.0[next..], shift);
    }
}

/// How many bytes at the start are equal.
fn common(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK)).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[blocks * BLOCK..], &b[blocks * BLOCK..]);
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[words * 8..], &b[words * 8..]);
    blocks * BLOCK + words * 8 + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The JSON value that begins at a byte and has at most `most` bytes. A number that goes on behind them is cut off; what follows it
/// then differs from what followed before.
fn token_at(payload: &str, start: usize, most: usize) -> Option<&str> {
    let end = (start + most).min(payload.len());
    let end = (start..=end).rev().find(|end| payload.is_char_boundary(*end))?;
    let text = payload.get(start..end)?;
    let mut parser = serde_json::Deserializer::from_str(text);
    let token = <&RawValue>::deserialize(&mut parser).ok()?.get();
    // Not behind white space.
    std::ptr::eq(token.as_ptr(), text.as_ptr()).then_some(token)
}
