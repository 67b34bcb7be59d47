//! The flags of a snapshot as sorted lines of JSON: written, and compared with those of another one as they are read, so that a large set takes
//! little memory more than its text.

use std::cmp::Ordering;
use std::io::{self, BufRead, Write};
use std::ops::Range;

use flagstaff_format::Archive;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::entry::HistoryEntry;
use crate::json::{json_of, json_text};
use crate::outcome::Changes;

/// Members of a JSON object, `"key":value`, in the order of these texts.
#[derive(Debug)]
pub(crate) struct Members {
    text: String,
    order: Vec<Range<u32>>,
}

impl Members {
    pub(crate) fn of(archive: &Archive) -> Members {
        let mut text = String::with_capacity(archive.bytes().len() / 2);
        let mut order = Vec::with_capacity(archive.len());
        for (key, value) in archive.iter() {
            let start = text.len() as u32;
            text.push_str(&json_text(&key));
            text.push(':');
            text.push_str(&json_of(&value));
            order.push(start..text.len() as u32);
        }
        let part = |range: &Range<u32>| &text[range.start as usize..range.end as usize];
        order.sort_unstable_by(|a, b| part(a).cmp(part(b)));
        Members { text, order }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|range| &self.text[range.start as usize..range.end as usize])
    }

    /// As bytes of a file: the facts, then these.
    pub(crate) fn pack(&self, entry: &HistoryEntry) -> io::Result<Vec<u8>> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        writeln!(packed, "{}", serde_json::to_string(entry)?)?;
        let mut before = "{\n";
        for member in self.iter() {
            packed.write_all(before.as_bytes())?;
            packed.write_all(member.as_bytes())?;
            before = ",\n";
        }
        packed.write_all(if self.order.is_empty() { b"{\n}\n" } else { b"\n}\n" })?;
        packed.finish()
    }

    /// What is other than in an entry that was packed before.
    ///
    /// # Errors
    /// If that cannot be read to its end.
    pub(crate) fn changes_since(&self, before: impl BufRead) -> io::Result<Changes> {
        let mut changes = Changes::default();
        // Behind the facts and the brace.
        let mut old = before.lines().skip(2);
        let mut next_old = || match old.next() {
            None => Ok(None),
            Some(line) => {
                line.map(|line| Some(line.trim_end_matches(',').to_owned()).filter(|line| line != "}"))
            }
        };
        let (mut was, mut members) = (next_old()?, self.iter().peekable());
        loop {
            let order = match (&was, members.peek()) {
                (None, None) => return Ok(changes),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(was), Some(is)) => key_of(was).cmp(key_of(is)),
            };
            let is = if order == Ordering::Less { None } else { members.next() };
            match (order, &was, is) {
                (Ordering::Less, Some(was), _) => changes.removed.push(plain(was)),
                (Ordering::Greater, _, Some(is)) => changes.added.push(plain(is)),
                (_, Some(was), Some(is)) if was != is => changes.changed.push(plain(is)),
                _ => {}
            }
            if order != Ordering::Greater {
                was = next_old()?;
            }
        }
    }
}

/// The key of a member, as it stands there, with its quotes.
fn key_of(member: &str) -> &str {
    let mut is_escaped = false;
    let end = member.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(member, |end| &member[..end + 2])
}

fn plain(member: &str) -> String {
    serde_json::from_str(key_of(member)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::BufReader;

    use flagstaff_format::{Facts, Generation};
    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;
    use crate::history::entry::{Cause, Recorded};
    use crate::outcome::Keys;
    use crate::payload::{Limits, decode};

    fn members(flags: &BTreeMap<String, i32>) -> Members {
        let json = serde_json::to_string(flags).unwrap();
        let flags = decode(&json, &Limits::default()).unwrap();
        Members::of(&Archive::build(flags, Generation(1), Facts::default()).unwrap())
    }

    fn packed(members: &Members) -> Vec<u8> {
        let (cause, changes) = (Cause::new("published", "a test"), Changes::default());
        let entry = HistoryEntry {
            number: 1,
            published_at: 1,
            generation: 1,
            flags: 0,
            publishes: 1,
            cause,
            changes,
        };
        members.pack(&entry).unwrap()
    }

    fn keys(changes: &Keys) -> Vec<String> {
        let mut keys = changes.listed.clone();
        keys.sort();
        keys
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..ProptestConfig::default() })]

        /// Keys of the characters at which an order of texts and one of keys differ.
        #[test]
        fn what_differs_is_told_as_a_comparison_of_maps_tells_it(
            old in prop::collection::btree_map("[a!\\\\\" ]{1,3}", 0..3, 0..9),
            new in prop::collection::btree_map("[a!\\\\\" ]{1,3}", 0..3, 0..9),
        ) {
            let now = members(&new);
            let before = packed(&members(&old));
            let recorded = Recorded::unpack(&*before).unwrap();
            prop_assert_eq!(&serde_json::from_str::<BTreeMap<String, i32>>(&recorded.flags).unwrap(), &old);
            let changes = now.changes_since(BufReader::new(GzDecoder::new(&*before))).unwrap();
            let of = |is_meant: &dyn Fn(&String) -> bool| -> Vec<String> {
                let all: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
                all.into_iter().filter(|key| is_meant(key)).collect()
            };
            prop_assert_eq!(keys(&changes.added), of(&|key| !old.contains_key(key)));
            prop_assert_eq!(keys(&changes.removed), of(&|key| !new.contains_key(key)));
            let both = |key: &String| Some((old.get(key)?, new.get(key)?));
            prop_assert_eq!(keys(&changes.changed), of(&|key| both(key).is_some_and(|(old, new)| old != new)));
        }
    }
}
