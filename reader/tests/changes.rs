//! What a reader is told of changes, and copies that are made of what changed only.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod stage;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use flagstaff_format::layout::word;
use flagstaff_format::{Flag, Value};
use flagstaff_reader::{ChangedKeys, Generation, Reader, Snapshot};
use stage::{DEADLINE, Stage, bools, flag, mv, publish};

type Flags = BTreeMap<String, Value<'static>>;

fn list(flags: &Flags) -> Vec<Flag<'static>> {
    flags.iter().map(|(key, value)| flag(key, value.clone())).collect()
}

fn random_value(random: &mut Rng) -> Value<'static> {
    let length = if random.u32(..40) == 0 { random.usize(..3000) } else { random.usize(..20) };
    let text = || "x".repeat(length);
    match random.u32(..9) {
        0 => Value::Null,
        1 | 2 => Value::Bool(random.bool()),
        3 => Value::I64(random.i64(-3..3)),
        4 => Value::U64(u64::MAX - random.u64(..3)),
        5 => Value::F64(f64::from(random.i32(-3..3)) + 0.5),
        6 => Value::HugeNumber(format!("1e{}", random.u32(400..403)).into()),
        7 => Value::String(text().into()),
        _ => Value::Json(format!("[\"{}\"]", text()).into()),
    }
}

fn key(i: usize) -> String {
    format!("flag-{i}-{}", "y".repeat(i * 7 % 90))
}

/// What differs, by a comparison that knows nothing of the product.
fn truly_changed(before: &Flags, now: &Flags) -> Vec<String> {
    let mut keys: Vec<String> = now
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, _)| key.clone())
        .collect();
    keys.extend(before.keys().filter(|key| !now.contains_key(*key)).cloned());
    keys.sort();
    keys
}

fn holds(snapshot: &Snapshot, expected: &Flags, what: &str) {
    assert_eq!(snapshot.len(), expected.len(), "{what}");
    let all: Flags = snapshot.iter().map(|(key, value)| (key, value.into_owned())).collect();
    assert_eq!(&all, expected, "{what}");
    let counts = snapshot.type_counts();
    let of = |is: fn(&Value<'_>) -> bool| expected.values().filter(|value| is(value)).count() as u64;
    assert_eq!(
        [counts.nulls, counts.bools, counts.strings, counts.jsons],
        [
            of(|value| matches!(value, Value::Null)),
            of(|value| matches!(value, Value::Bool(_))),
            of(|value| matches!(value, Value::String(_))),
            of(|value| matches!(value, Value::Json(_)))
        ],
        "{what}"
    );
    assert_eq!(
        counts.bools + counts.nulls + counts.strings + counts.jsons + counts.numbers,
        all.len() as u64
    );
    for (key, value) in expected {
        assert_eq!(snapshot.get(key.as_str()).as_ref(), Some(value), "{what}: {key}");
        let text = if let Value::String(text) = value { Some(&**text) } else { None };
        assert_eq!(snapshot.get_str(key.as_str()), text, "{what}: {key}");
    }
    assert!(snapshot.get("no-such-flag").is_none(), "{what}");
}

fn long() -> bool {
    std::env::var("FLAGSTAFF_LONG").is_ok_and(|text| text == "1")
}

/// Knows the flags by what it is told alone.
struct Follower {
    reader: Reader,
    seen: Generation,
    known: HashMap<String, Option<Value<'static>>>,
    told: usize,
}

impl Follower {
    fn follow(&mut self, keys: usize) {
        let ChangedKeys { generation, keys: changed, .. } = self.reader.changes_since(self.seen);
        self.told += usize::from(changed.is_some());
        for key in changed.unwrap_or_else(|| (0..keys).map(key).collect()) {
            self.known.insert(key.clone(), self.reader.get(key.as_str()));
        }
        self.seen = generation;
    }
}

/// One reader over publishes of every kind, publishers that come and go, files that are superseded and restored. Copies of all ages are
/// compared with each other.
#[test]
fn copies_their_differences_and_what_the_feed_tells_are_true_over_random_lives() {
    const KEYS: usize = 150;
    let mut told = 0;
    for seed in 0..if long() { 100 } else { 3 } {
        let mut random = Rng::with_seed(seed);
        let (stage, mut writer) = Stage::with_writer();
        let reader = Reader::open(&stage.path).unwrap();
        let mut follower =
            Follower { reader: reader.clone(), seen: Generation::NONE, known: HashMap::new(), told: 0 };
        let mut now: Flags = (0..KEYS).map(|i| (key(i), random_value(&mut random))).collect();
        let mut kept: VecDeque<(Arc<Snapshot>, Flags)> = VecDeque::new();
        for step in 0..150 {
            for _ in 0..random.u32(1..4) {
                match random.u32(..60) {
                    0 => drop(now.remove(&key(random.usize(..KEYS)))),
                    1 => drop(now.insert(key(random.usize(..KEYS)), random_value(&mut random))),
                    2 => now.values_mut().for_each(|value| *value = random_value(&mut random)),
                    _ => {}
                }
                for _ in 0..random.u32(..4) {
                    if let Some(value) = now.get_mut(&key(random.usize(..KEYS))) {
                        *value = random_value(&mut random);
                    }
                }
                match random.u32(..60) {
                    0 => writer.supersede().unwrap(),
                    1 => {
                        drop(writer);
                        writer = stage.writer();
                    }
                    2 => {
                        // A copy of the present state is put in the place of the file, behind everybody's back.
                        drop(writer);
                        let copy = stage.dir.path().join("copy");
                        std::fs::copy(&stage.path, &copy).unwrap();
                        mv(&copy, &stage.path);
                        writer = stage.writer();
                    }
                    _ => {}
                }
                publish(&mut writer, &list(&now));
            }
            let what = format!("seed {seed}, step {step}");
            follower.follow(KEYS);
            for i in 0..KEYS {
                let known = follower.known.get(&key(i)).and_then(Option::as_ref);
                assert_eq!(known, now.get(&key(i)), "{what}: {} by the feed", key(i));
            }
            if random.bool() {
                let snapshot = reader.snapshot();
                holds(&snapshot, &now, &what);
                for (old, flags) in &kept {
                    assert_eq!(snapshot.changed_keys(old), truly_changed(flags, &now), "{what}");
                    assert_eq!(old.changed_keys(&snapshot), truly_changed(flags, &now), "{what}, backwards");
                }
                kept.push_front((snapshot, now.clone()));
                kept.truncate(5);
            }
        }
        for (old, flags) in &kept {
            holds(old, flags, "an old copy");
        }
        told += follower.told;
    }
    assert!(told > 150, "told {told} times");
}

#[test]
fn a_change_is_told_with_its_key_and_a_change_there_and_back_as_one_that_may_have_been() {
    let (stage, mut writer) = Stage::with_writer();
    publish(&mut writer, &bools(&[("one", false), ("two", false)]));
    let reader = Reader::open(&stage.path).unwrap();
    let seen = reader.generation();
    assert_eq!(reader.changes_since(seen).keys, Some(vec![]));
    assert_eq!(reader.changes_since(Generation(99)).keys, None, "a generation that is still to come");
    assert_eq!(reader.changes_since(Generation::NONE).keys, None);
    publish(&mut writer, &bools(&[("one", true), ("two", false)]));
    assert_eq!(reader.changes_since(seen).keys, Some(vec!["one".to_owned()]));
    publish(&mut writer, &bools(&[("one", false), ("two", false)]));
    let changed = reader.changes_since(seen);
    assert_eq!((changed.generation, changed.keys), (Generation(3), Some(vec!["one".to_owned()])));
}

#[test]
fn waiting_ends_with_the_keys_of_a_publish_or_with_none_after_its_time() {
    let (stage, mut writer) = Stage::with_writer();
    publish(&mut writer, &bools(&[("one", false)]));
    let reader = Reader::open(&stage.path).unwrap();
    let seen = reader.generation();
    let nothing = reader.wait_for_changes(seen, Duration::ZERO);
    assert_eq!((nothing.generation, nothing.keys), (seen, Some(vec![])));
    let waiting = std::thread::spawn(move || reader.wait_for_changes(seen, DEADLINE));
    publish(&mut writer, &bools(&[("one", true)]));
    let changed = waiting.join().unwrap();
    assert_eq!((changed.generation, changed.keys), (Generation(2), Some(vec!["one".to_owned()])));
}

/// Where nothing of the old file can be found, generations begin again: a number that was seen there means nothing in the new file.
#[test]
fn a_generation_of_a_file_before_is_not_taken_for_one_of_this_file() {
    let (stage, mut writer) = Stage::with_writer();
    for on in [false, true, false] {
        publish(&mut writer, &bools(&[("one", on), ("two", true)]));
    }
    let reader = Reader::open(&stage.path).unwrap();
    let (seen, before) = (reader.generation(), reader.snapshot());
    assert_eq!(seen, Generation(3));
    drop(writer);
    stage.remove();
    let mut writer = stage.writer();
    for on in [false, true, true, true, true] {
        publish(&mut writer, &bools(&[("one", on), ("two", false)]));
    }
    reader.look_at_path();
    let changed = reader.changes_since(seen);
    assert_eq!((changed.generation, changed.keys), (Generation(5), None));
    assert_eq!(reader.snapshot().changed_keys(&before), ["one", "two"]);
    publish(&mut writer, &bools(&[("one", false), ("two", false)]));
    assert_eq!(reader.changes_since(changed.generation).keys, Some(vec!["one".to_owned()]));
}

#[test]
fn a_reader_that_moved_to_another_file_is_told_to_compare_once_and_then_what_changes_there() {
    let (stage, mut writer) = Stage::with_writer();
    publish(&mut writer, &bools(&[("one", false)]));
    let reader = Reader::open(&stage.path).unwrap();
    let seen = reader.generation();
    writer.supersede().unwrap();
    let moved = reader.changes_since(seen);
    assert_eq!((moved.generation, moved.keys), (Generation(2), None));
    publish(&mut writer, &bools(&[("one", true)]));
    let changed = reader.changes_since(moved.generation);
    assert_eq!((changed.generation, changed.keys), (Generation(3), Some(vec!["one".to_owned()])));
}

/// As after a reboot: the flags come from a copy, of whose changes nobody tells.
#[test]
fn a_file_that_is_not_read_live_tells_nothing_but_that_nothing_changed() {
    let (stage, mut writer) = Stage::with_writer();
    publish(&mut writer, &bools(&[("one", false)]));
    publish(&mut writer, &bools(&[("one", true)]));
    drop(writer);
    stage.age_by_a_boot();
    let reader = Reader::open(&stage.path).unwrap();
    let seen = reader.generation();
    assert_eq!(seen, Generation(2));
    assert_eq!(reader.changes_since(seen).keys, Some(vec![]));
    assert_eq!(reader.changes_since(Generation(1)).keys, None);
    let nothing = Reader::attach(stage.dir.path().join("nothing"));
    assert_eq!(nothing.changes_since(Generation(1)).keys, None);
}

/// The next copy shares what did not change, until too much has.
#[test]
fn a_copy_follows_thousands_of_small_changes_and_each_old_one_stays_as_it_was() {
    let (stage, mut writer) = Stage::with_writer();
    let mut now: Flags = (0..800).map(|i| (key(i), Value::I64(0))).collect();
    publish(&mut writer, &list(&now));
    let reader = Reader::open(&stage.path).unwrap();
    let (first, flags) = (reader.snapshot(), now.clone());
    let mut last = (first.clone(), now.clone());
    for i in 0..1500_i64 {
        now.insert(key(i as usize * 7 % 800), Value::I64(i));
        publish(&mut writer, &list(&now));
        let copy = reader.snapshot();
        assert_eq!(copy.changed_keys(&last.0), truly_changed(&last.1, &now), "change {i}");
        last = (copy, now.clone());
    }
    holds(&last.0, &now, "the last copy");
    holds(&first, &flags, "the first copy");
    assert_eq!(last.0.changed_keys(&first), truly_changed(&flags, &now));
}

/// Whoever is not told compares; nobody is told something else.
#[test]
fn a_flipped_bit_of_the_feed_never_hides_a_change() {
    let (stage, mut writer) = Stage::with_writer();
    for on in [false, true, false] {
        publish(&mut writer, &bools(&[("one", false), ("two", on), ("three", !on)]));
    }
    let reader = Reader::open(&stage.path).unwrap();
    let seen = Generation(1);
    publish(&mut writer, &bools(&[("one", true), ("two", false), ("three", true)]));
    let map = flagstaff_format::open_view(&stage.path).unwrap();
    let changed = || reader.changes_since(seen).keys;
    let all = ["one", "three", "two"].map(str::to_owned).to_vec();
    assert_eq!(changed(), Some(all.clone()));
    let mut unnoticed = 0;
    for at in word::FEED_HEADS.into_iter().chain(word::FEED..word::FEED + 8) {
        for bit in 0..64 {
            let value = map.map().load(at);
            stage.set_word(at, value ^ 1 << bit);
            let told = changed();
            assert!(told.is_none() || told == Some(all.clone()), "bit {bit} of word {at}: {told:?}");
            unnoticed += usize::from(told.is_some());
            stage.set_word(at, value);
        }
    }
    // Those of the other head, and of entries that nobody needs.
    assert!(unnoticed < 4 * 64, "{unnoticed}");
}
