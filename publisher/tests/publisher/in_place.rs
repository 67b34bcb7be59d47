//! Payloads that change a few values: what the file holds is what they say, whatever happens to the file in between.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use flagstaff_format::layout::word;
use flagstaff_format::{FileOp, Hooks, Observer, copy_current, open_view};
use flagstaff_publisher::{Outcome, PublishError, Publisher, PublisherOptions};

use crate::place::{DEADLINE, Place, wait_until};

/// A disk that is full at times, and one whose syncs fail at others.
#[derive(Debug, Default)]
struct Disk {
    is_full: AtomicBool,
    fails: AtomicBool,
}

impl Observer for Disk {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        match step {
            FileOp::Sync { .. } if self.fails.load(Relaxed) => Err(io::Error::other("no sync")),
            FileOp::Sync { .. } => Ok(()),
            _ if self.is_full.load(Relaxed) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

fn payload(values: &BTreeMap<String, u64>) -> String {
    let members: Vec<_> = values
        .iter()
        .map(|(key, n)| match n % 3 {
            0 => format!("\"{key}\":{n}"),
            1 => format!("\"{key}\":\"text {n}\""),
            _ => format!("\"{key}\":[{n}]"),
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Compares the file, as somebody finds it who opens it now, with the payload.
#[track_caller]
fn holds(place: &Place, payload: &str) {
    let archive = copy_current(open_view(&place.path).unwrap().map()).unwrap().unwrap();
    archive.verify().unwrap();
    assert_eq!(archive.facts().payload_bytes, payload.len() as u64);
    let flags = flagstaff_publisher::payload::decode(payload, &Default::default()).unwrap();
    assert_eq!(archive.len(), flags.len());
    for flag in flags {
        assert_eq!(archive.value_of(archive.find(&flag.key)), Some(flag.value), "{}", flag.key);
    }
}

#[test]
fn the_file_holds_each_payload_whatever_happens_to_file_disk_and_publisher_between_small_changes() {
    let given = std::env::var("FLAGSTAFF_SEED").ok();
    let seed = given.map_or(20_261_127, |seed| seed.parse().unwrap());
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let options = PublisherOptions::default()
        .checkpoint_every(Duration::from_millis(3))
        .watch(Hooks::new(disk.clone()));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    let mut values: BTreeMap<String, u64> = (0..300).map(|i| (format!("flag-{i}"), i)).collect();
    publisher.publish(&payload(&values)).unwrap();
    for _ in 0..400 {
        for _ in 0..random.usize(1..4) {
            let key = format!("flag-{}", random.usize(..300));
            // Mostly of the same kind.
            values.entry(key).and_modify(|n| *n += 3).or_insert(1);
        }
        match random.u8(..24) {
            0 => drop(values.remove(&format!("flag-{}", random.usize(..300)))),
            1 => drop(publisher.publish("{\"not\": json").unwrap_err()),
            2 => drop(publisher.publish(&payload(&values).replace("text", "te\tt"))),
            3 => {
                // It waits, and is tried again; what comes next is published in its place.
                disk.is_full.store(true, Relaxed);
                let refused = publisher.publish(&payload(&values));
                assert!(matches!(refused, Err(PublishError::File(_))), "{refused:?}");
                if random.bool() {
                    values.entry("flag-1".to_owned()).and_modify(|n| *n += 3).or_insert(1);
                    publisher.publish(&payload(&values)).unwrap_err();
                }
                disk.is_full.store(false, Relaxed);
                values.entry("flag-2".to_owned()).and_modify(|n| *n += 3).or_insert(1);
            }
            4 => disk.fails.store(true, Relaxed),
            5 => disk.fails.store(false, Relaxed),
            6 => {
                // Somebody damages the header: readers are led to a new file by the next publish.
                disk.fails.store(false, Relaxed);
                place.set_word(word::PLACES[0], random.u64(..));
            }
            7 if random.bool() => {
                disk.fails.store(false, Relaxed);
                drop(publisher);
                publisher = Publisher::open(&place.path, &options).unwrap();
            }
            8 if random.u8(..3) == 0 => {
                disk.fails.store(false, Relaxed);
                fs::remove_file(&place.path).unwrap();
                wait_until("it is made anew", DEADLINE, || place.path.exists());
            }
            _ => {}
        }
        let payload = payload(&values);
        publisher.publish(&payload).unwrap();
        holds(&place, &payload);
    }
    disk.fails.store(false, Relaxed);
    publisher.close().unwrap();
    holds(&place, &payload(&values));
}

/// Symptom that this guards against: the disk never gets a checkpoint while publishes follow each other closely, because each takes the
/// archive back to change it.
#[test]
fn checkpoints_reach_the_disk_while_one_change_follows_the_other_without_a_pause() {
    let place = Place::new();
    let options = PublisherOptions::default().checkpoint_every(Duration::from_millis(1));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    let reader = place.reader();
    let mut n = 0;
    let mut durable = Vec::new();
    wait_until("twenty checkpoints", DEADLINE, || {
        for _ in 0..50 {
            n += 1;
            publisher.publish(&format!("{{\"a\":1,\"n\":{n}}}")).unwrap();
        }
        durable.push(reader.status().durable);
        durable.dedup();
        durable.len() > 20
    });
    publisher.close().unwrap();
    assert_eq!((reader.status().durable, reader.get_i64("n")), (reader.generation(), n));
}

#[test]
fn the_outcome_of_a_small_change_names_the_flags_with_another_value_and_no_other() {
    let place = Place::new();
    let mut publisher = place.publisher();
    publisher.publish(r#"{"a":1.0,"b":"x","c":[1],"d":true}"#).unwrap();
    for (payload, changed) in [
        (r#"{"a":1.00,"b":"x","c":[1],"d":true}"#, &[][..]),
        (r#"{"a":1.00,"b":"\u0078","c":[ 1 ],"d":true}"#, &[]),
        (r#"{"a":2,"b":"y","c":[1],"d":true}"#, &["a", "b"]),
        (r#"{"a":2,"b":"y","c":"[1]","d":false}"#, &["c", "d"]),
    ] {
        let Outcome::Published { changes, .. } = publisher.publish(payload).unwrap() else {
            panic!("{payload}");
        };
        let mut listed = changes.changed.listed.clone();
        listed.sort();
        assert_eq!(
            (listed.as_slice(), changes.changed.count),
            (&changed.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()[..], changed.len())
        );
        assert_eq!(changes.added.count + changes.removed.count, 0);
        holds(&place, payload);
    }
}
