use std::collections::BTreeSet;

use fastrand::Rng;

use super::*;
use crate::archive::checked::Archive;
use crate::archive::shape::Facts;
use crate::bytes::generation::Generation;
use crate::bytes::value::{Flag, Value};

fn build(keys: &BTreeSet<u32>, hint: Option<Hint>) -> (Archive, Vec<u32>) {
    let name = |key: &u32| format!("service.area-{}.flag-{key}", key % 17);
    let flags: Vec<_> =
        keys.iter().map(|key| Flag { key: name(key).into(), value: Value::I64(i64::from(*key)) }).collect();
    let (archive, places) = Archive::build_of(&flags[..], hint, Generation(1), Facts::default()).unwrap();
    archive.verify().unwrap();
    assert_eq!(archive.len(), keys.len());
    for (key, place) in keys.iter().zip(places.as_ref().unwrap()) {
        assert_eq!(archive.find(&name(key)).i64(), Some(i64::from(*key)));
        assert_eq!(archive.key_at(*place), Some(name(key)));
    }
    for absent in keys.iter().map(|key| key + 1_000_000) {
        assert!(!archive.find(&name(&absent)).is_present());
    }
    (archive, places.unwrap())
}

/// How many of the keys that stay have another place.
fn moved(before: &(BTreeSet<u32>, Vec<u32>), after: &(BTreeSet<u32>, Vec<u32>)) -> usize {
    let of = |(keys, places): &(BTreeSet<u32>, Vec<u32>)| -> std::collections::BTreeMap<u32, u32> {
        keys.iter().copied().zip(places.iter().copied()).collect()
    };
    let (before, after) = (of(before), of(after));
    before.iter().filter(|(key, place)| after.get(key).is_some_and(|now| now != *place)).count()
}

#[test]
fn the_same_keys_get_the_same_table_whatever_life_it_comes_from() {
    let mut random = Rng::with_seed(7);
    let mut keys: BTreeSet<u32> = (0..500).collect();
    let mut archive = build(&keys, None).0;
    for _ in 0..50 {
        keys.remove(&random.u32(..600));
        keys.insert(random.u32(..600));
        let (next, places) = build(&keys, Some(Hint::of(&archive)));
        archive = next;
        let again = build(&keys, Some(Hint::of(&archive)));
        assert!(again.0.bytes() == archive.bytes() && again.1 == places);
    }
}

/// A key that comes moves those of its bucket, about two, and now and then those of a bucket that gives way; one that goes moves none.
#[test]
fn keys_that_come_and_go_one_by_one_move_few_others_over_random_lives() {
    let given = std::env::var("FLAGSTAFF_SEED").ok();
    let seed = given.map_or(20_261_127, |seed| seed.parse().unwrap());
    eprintln!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for count in [20, 300, 3000] {
        let mut keys: BTreeSet<u32> = (0..count).map(|_| random.u32(..)).map(|key| key % 1_000_000).collect();
        let (mut archive, places) = build(&keys, None);
        let mut before = (keys.clone(), places);
        let (mut all, turns, mut anew) = (0, 200, 0);
        for _ in 0..turns {
            if random.bool() {
                keys.insert(random.u32(..1_000_000));
            } else if let Some(key) = keys.iter().nth(random.usize(..keys.len().max(1))).copied() {
                keys.remove(&key);
            }
            let (next, places) = build(&keys, Some(Hint::of(&archive)));
            let after = (keys.clone(), places);
            // Out of bounds: a table of another size.
            if next.frame().places == archive.frame().places {
                all += moved(&before, &after);
            } else {
                anew += 1;
            }
            (archive, before) = (next, after);
        }
        eprintln!("{count}: {all} moved in {turns} turns, {anew} of them another size");
        assert!(all < turns * 6, "{count} keys: {all} records moved in {turns} turns");
        assert!(anew <= if count < 100 { 60 } else { 2 }, "{count} keys: {anew} tables of another size");
    }
}

#[test]
fn many_keys_at_once_and_other_sizes_get_whole_tables_from_any_hint() {
    let mut random = Rng::with_seed(3);
    let mut hint = None;
    for count in [0, 1, 5, 1000, 1060, 1200, 1000, 500, 3, 0, 100, 100, 100] {
        let keys: BTreeSet<u32> = (0..count).map(|_| random.u32(..1_000_000)).collect();
        let (archive, _) = build(&keys, hint);
        assert!(archive.frame().places <= max_places(keys.len()));
        hint = Some(Hint::of(&archive));
    }
}

/// Hints come from files.
#[test]
fn a_hint_of_nonsense_is_harmless() {
    let mut random = Rng::with_seed(5);
    let keys: BTreeSet<u32> = (0..300).collect();
    let places = build(&keys, None).0.frame().places;
    for word in [0, u64::MAX, 1, 0xffff_ffff, 0x1_0000_0000] {
        build(&keys, Some(Hint { places, index: vec![word; places / 2] }));
    }
    for _ in 0..20 {
        build(&keys, Some(Hint { places, index: (0..places / 2).map(|_| random.u64(..)).collect() }));
    }
}
