//! What differs between a payload and the one before it, where only values do.
//!
//! Both are compared byte by byte, which is many times quicker than parsing. Where they differ, the member is looked at in which that is, and the
//! comparison goes on behind it. Everything else that differs (a key, the order, white space, what is no JSON) is left to the parser, which
//! is the one that refuses.

use std::borrow::Cow;

use flagstaff_format::Value;

use super::decode::{Member, checked_value};
use super::limits::Limits;

/// One in so many members may differ. With more, a parse is not much slower.
const MOST: usize = 8;

/// Bytes that are compared at a time.
const STRIDE: usize = 256;

/// Members that have another value than in the payload before.
#[derive(Debug)]
pub(crate) struct Edits<'a> {
    /// Their numbers, rising, with the new value.
    list: Vec<(usize, Value<'a>)>,
    /// Where each of these values stands.
    places: Vec<(u32, u32)>,
}

impl<'a> Edits<'a> {
    /// Finds them. `members` are those of `old`, which is valid. `None`: more differs than some values, or `new` is not valid.
    pub(crate) fn between(old: &str, members: &[Member], new: &'a str, limits: &Limits) -> Option<Edits<'a>> {
        if new.len() > limits.payload_bytes() || u32::try_from(new.len()).is_err() {
            return None;
        }
        let (before, now) = (old.as_bytes(), new.as_bytes());
        let mut found = Edits { list: Vec::new(), places: Vec::new() };
        // Behind what was compared so far.
        let (mut from, mut to) = (0, 0);
        loop {
            let differs = from + common(&before[from..], &now[to..]);
            if differs == before.len() {
                return (to + differs - from == now.len()).then_some(found);
            }
            // The first member that ends here or later: a number may have become longer.
            let number = members.partition_point(|member| (member.end as usize) < differs);
            let member = members.get(number)?;
            let (start, end) = (member.value as usize, member.end as usize);
            if differs < start || start < from || found.list.len() > members.len() / MOST {
                return None;
            }
            let new_start = to + start - from;
            let new_end = new_start + token(now.get(new_start..)?)?;
            found.list.push((number, checked_value(new.get(new_start..new_end)?)?));
            found.places.push((new_start as u32, new_end as u32));
            (from, to) = (end, new_end);
        }
    }

    /// The keys and the new values. `members` are those of `old`.
    pub(crate) fn flags<'k>(
        &'k self,
        old: &'k str,
        members: &'k [Member],
    ) -> impl Iterator<Item = (Cow<'k, str>, Value<'a>)> {
        self.list.iter().map(|(number, value)| (members[*number].key(old), value.clone()))
    }

    /// Makes the members of the old payload those of the new one.
    pub(crate) fn apply_to(&self, members: &mut [Member]) {
        let mut edits = self.list.iter().zip(&self.places).peekable();
        // Wraps where the new payload is shorter; each sum is a position again.
        let mut shift = 0_u32;
        let first = self.list.first().map_or(members.len(), |(number, _)| *number);
        for (number, member) in members.iter_mut().enumerate().skip(first) {
            member.key = member.key.wrapping_add(shift);
            if let Some((_, (start, end))) = edits.next_if(|((edited, _), _)| *edited == number) {
                shift = end.wrapping_sub(member.end);
                (member.value, member.end) = (*start, *end);
            } else {
                member.value = member.value.wrapping_add(shift);
                member.end = member.end.wrapping_add(shift);
            }
        }
    }
}

/// How many bytes two texts have in common at their beginnings.
fn common(a: &[u8], b: &[u8]) -> usize {
    let strides = a.chunks_exact(STRIDE).zip(b.chunks_exact(STRIDE));
    let same = strides.take_while(|(a, b)| a == b).count() * STRIDE;
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// The length of the JSON value that a text begins with, if it is one. It is checked afterwards.
fn token(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;
