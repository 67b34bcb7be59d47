//! A publisher that lives long, and payloads that differ in anything: whichever way it takes, the file holds the flags of the last one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{fmt, io};

use flagstaff_format::{Archive, FileOp, Flag, Generation, Hooks, Mapping, Observer, copy_current};
use flagstaff_publisher::payload::{Limits, decode};
use flagstaff_publisher::{Outcome, Publisher, PublisherOptions};
use proptest::prelude::*;

use crate::place::Place;

/// The current snapshot in the file has the flags of `payload`, each where a look-up finds it. (That it has the bytes of one that was built whole
/// is tested without a file, in `kept_tests.rs`.)
fn assert_built_of(place: &Place, payload: &str) {
    let file = std::fs::File::open(&place.path).unwrap();
    let map = Mapping::read_only(&file, flagstaff_format::layout::FILE_BYTES).unwrap();
    let found = copy_current(&map).unwrap().unwrap();
    let flags: Vec<Flag<'_>> = decode(payload, &Limits::default()).unwrap();
    let built = Archive::build(&flags, found.generation(), *found.facts()).unwrap();
    assert_eq!(found.facts().payload_bytes, payload.len() as u64);
    let sorted = |archive: &Archive| {
        archive.iter().map(|(key, value)| (key, format!("{value:?}"))).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(sorted(&found), sorted(&built), "{payload}");
    assert_eq!(found.len(), built.len());
    found.verify().unwrap();
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<bool>().prop_map(|on| on.to_string()),
        2 => any::<i32>().prop_map(|number| number.to_string()),
        1 => Just("null".to_owned()),
        1 => (-1e9..1e9).prop_map(|number: f64| number.to_string()),
        1 => "[0-9]{30}".prop_map(|digits| format!("1{digits}e400")),
        2 => "[a-z\u{e4}\\\\\"]{0,24}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => "[a-z]{0,16}".prop_map(|text| format!("{{\"a\": [\"{text}\", 1]}}")),
    ]
}

/// What becomes of the payload before.
#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, String),
    Add(String, String),
    Remove(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Space,
    Garbage(prop::sample::Index, char),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        12 => (any::<prop::sample::Index>(), value()).prop_map(|(at, value)| Edit::Set(at, value)),
        1 => ("[a-z]{1,60}", value()).prop_map(|(key, value)| Edit::Add(key, value)),
        1 => any::<prop::sample::Index>().prop_map(Edit::Remove),
        1 => any::<[prop::sample::Index; 2]>().prop_map(|[a, b]| Edit::Swap(a, b)),
        1 => Just(Edit::Space),
        2 => (any::<prop::sample::Index>(), any::<char>()).prop_map(|(at, of)| Edit::Garbage(at, of)),
    ]
}

fn text(flags: &[(String, String)], space: &str) -> String {
    let members: Vec<_> = flags.iter().map(|(key, value)| format!("\"{key}\":{space}{value}")).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn after_every_payload_of_a_long_life_the_file_holds_its_flags(
        first in proptest::collection::vec(("[a-z]{1,60}", value()), 20..60),
        edits in proptest::collection::vec(proptest::collection::vec(edit(), 1..4), 1..30),
    ) {
        let place = Place::new();
        let mut publisher = place.publisher();
        let (mut flags, mut space) = (first, "");
        publisher.publish(&text(&flags, space)).unwrap();
        for edits in edits {
            let mut garbage = None;
            for edit in edits {
                let at = |at: prop::sample::Index, flags: &[_]| at.index(flags.len().max(1));
                match edit {
                    Edit::Set(i, value) if !flags.is_empty() => { let i = at(i, &flags); flags[i].1 = value; }
                    Edit::Add(key, value) => flags.push((key, value)),
                    Edit::Remove(i) if flags.len() > 5 => { let i = at(i, &flags); flags.remove(i); }
                    Edit::Swap(a, b) if !flags.is_empty() => { let (a, b) = (at(a, &flags), at(b, &flags)); flags.swap(a, b); }
                    Edit::Space => space = if space.is_empty() { " " } else { "" },
                    Edit::Garbage(i, character) => garbage = Some((i, character)),
                    _ => {}
                }
            }
            let good = text(&flags, space);
            let mut payload = good.clone();
            if let Some((at, character)) = garbage {
                let places: Vec<_> = payload.char_indices().map(|(at, _)| at).collect();
                payload.insert(places[at.index(places.len())], character);
            }
            // What is refused changes nothing, and what comes after it is compared with what was published last.
            match publisher.publish(&payload) {
                Ok(_) => assert_built_of(&place, &payload),
                Err(_) => {
                    prop_assert!(decode(&payload, &Limits::default()).is_err(), "refused: {payload}");
                    publisher.publish(&good).unwrap();
                    assert_built_of(&place, &good);
                }
            }
        }
        publisher.close().unwrap();
    }
}

/// Refuses one operation on a file.
struct Refusal(AtomicUsize);

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusal")
    }
}

impl Observer for Refusal {
    fn before(&self, op: &FileOp<'_>) -> io::Result<()> {
        let is_write = matches!(op, FileOp::Write { .. } | FileOp::Store { .. });
        if is_write && self.0.load(Relaxed) > 0 && self.0.fetch_sub(1, Relaxed) == 1 {
            return Err(io::Error::from_raw_os_error(28));
        }
        Ok(())
    }
}

#[test]
fn a_patch_that_the_file_does_not_take_leaves_nothing_behind_that_the_next_one_builds_on() {
    let payload = |a: u64, b: u64| {
        let others: Vec<_> = (0..60).map(|i| format!("\"other-{i}\":{i}")).collect();
        format!("{{\"a\":{a},\"b\":{b},{}}}", others.join(","))
    };
    // The n-th write of the second publish fails.
    for n in 1..8 {
        let place = Place::new();
        let refusal = Arc::new(Refusal(AtomicUsize::new(0)));
        let options = PublisherOptions::default().watch(Hooks::new(refusal.clone()));
        let mut publisher = Publisher::open(&place.path, &options).unwrap();
        publisher.publish(&payload(1, 1)).unwrap();
        publisher.publish(&payload(1, 2)).unwrap();
        refusal.0.store(n, Relaxed);
        let second = publisher.publish(&payload(2, 2));
        refusal.0.store(0, Relaxed);
        let reader = place.reader();
        assert!([(1, 2), (2, 2)].contains(&(reader.get_u64("a"), reader.get_u64("b"))), "{n}: {second:?}");
        // Another payload, which has the one value of now and the other one of before.
        let outcome = publisher.publish(&payload(1, 3)).unwrap();
        assert!(matches!(outcome, Outcome::Published { .. }), "{n}: {outcome:?}");
        assert_eq!((reader.get_u64("a"), reader.get_u64("b")), (1, 3), "{n}: {second:?}");
        assert_built_of(&place, &payload(1, 3));
        publisher.publish(&payload(4, 3)).unwrap();
        assert_built_of(&place, &payload(4, 3));
        assert!(publisher.generation() > Generation(3));
    }
}
