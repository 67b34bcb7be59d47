//! Readers beside a writer that publishes as fast as it can: never torn, never a default, never backwards.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_format::{Archive, Facts, Flag, Generation, Value, Writer};
use flagstaff_reader::Reader;
use stage::{Stage, flag};

const FLAGS: usize = 200;

/// For how long each kind of reading runs beside the writer.
const RUN: Duration = Duration::from_millis(1000);

fn key(i: usize) -> String {
    match i % 4 {
        0 => format!("n{i}"),
        1 => format!("service.checkout.flag-number-{i}"),
        2 => format!("{i}-{}", "a-rather-long-key-that-does-not-fit-in-a-record".repeat(2)),
        _ => format!("some-flag-{i}"),
    }
}

/// 200 flags that all carry `n`: as number, string, JSON and, by its parity, boolean.
fn flags(n: u64) -> Vec<Flag<'static>> {
    (0..FLAGS)
        .map(|i| {
            let value = match i % 5 {
                0 | 1 => Value::U64(n),
                2 => Value::String(format!("{n}-{}", "x".repeat((n % 90) as usize)).into()),
                3 => Value::Json(format!("{{\"n\":{n}}}").into()),
                _ => Value::Bool(n % 2 == 1),
            };
            flag(&key(i), value)
        })
        .collect()
}

fn number_in(text: &str) -> u64 {
    text.split('-').next().unwrap().parse().unwrap()
}

fn number_of(value: Value<'_>) -> Option<u64> {
    match value {
        Value::I64(n) => Some(n as u64),
        Value::U64(n) => Some(n),
        Value::String(text) => Some(number_in(&text)),
        Value::Json(text) => Some(text[5..text.len() - 1].parse().unwrap()),
        Value::Bool(_) => None,
        other => panic!("{other:?} was never published"),
    }
}

/// Publishes tables of `n = generation` until it is told to stop; returns how many.
fn flood(writer: &mut Writer, stop: &AtomicBool) -> u64 {
    let mut archives: Vec<Archive> = Vec::new();
    let mut published = 0;
    while !stop.load(Relaxed) {
        let next = writer.generation().0 + 1;
        if archives.is_empty() {
            archives = (next..next + 64)
                .map(|n| Archive::build(flags(n).as_slice(), Generation(n), Facts::default()).unwrap())
                .collect();
            archives.reverse();
        }
        let mut archive = archives.pop().unwrap();
        assert_eq!(writer.publish(&mut archive).unwrap(), Generation(next));
        published += 1;
    }
    published
}

/// Runs `read` in two threads beside the flood. It gets a reader, the number seen before and returns the one seen now.
fn beside_a_flood(what: &str, read: impl Fn(&Reader, u64) -> u64 + Sync) {
    let (stage, mut writer) = Stage::with_writer();
    writer
        .publish(&mut Archive::build(flags(1).as_slice(), Generation(1), Facts::default()).unwrap())
        .unwrap();
    let reader = Reader::open(&stage.path).unwrap();
    let stop = AtomicBool::new(false);
    let (published, reads) = thread::scope(|scope| {
        let publisher = scope.spawn(|| flood(&mut writer, &stop));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (reader, read) = (reader.clone(), &read);
                scope.spawn(move || {
                    let (start, mut last, mut reads) = (Instant::now(), 1, 0_u64);
                    while start.elapsed() < RUN {
                        let now = read(&reader, last);
                        assert!(now >= last, "{what}: {now} after {last}");
                        last = now;
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        let reads: Vec<_> = readers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        stop.store(true, Relaxed);
        let published = publisher.join().unwrap();
        (published, reads.into_iter().map(|r| r.unwrap()).sum::<u64>())
    });
    println!("{what}: {reads} reads beside {published} publishes");
    assert!(reads > 10 && published > 100, "{what}: {reads} reads, {published} publishes");
}

#[test]
fn single_reads_are_of_the_newest_generation() {
    beside_a_flood("single reads", |reader, last| {
        let mut last = last;
        for i in 0..FLAGS {
            let key = key(i);
            let now = match i % 5 {
                0 => reader.get_u64(&key),
                1 => reader.get_number(&key) as u64,
                2 => reader.with_str(&key, |text| number_in(text.unwrap())),
                3 => reader.get_json::<serde_json::Value>(&key).unwrap()["n"].as_u64().unwrap(),
                _ => {
                    // A boolean has no default that it could show here but another value than its neighbours.
                    assert!(matches!(reader.get(&key), Some(Value::Bool(_))));
                    continue;
                }
            };
            assert!(now >= last, "{key}: {now} after {last}");
            last = now;
        }
        last
    });
}

#[test]
fn values_of_any_type_are_whole() {
    beside_a_flood("get", |reader, mut last| {
        for i in 0..FLAGS {
            let value = reader.get(key(i)).unwrap();
            if let Some(now) = number_of(value) {
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        }
        last
    });
}

#[test]
fn many_flags_of_one_read_are_of_one_generation() {
    beside_a_flood("read", |reader, _| reader.read(all_of_one));
}

#[test]
fn booleans_that_are_asked_for_together_are_of_one_generation() {
    // All booleans carry the parity of the generation. With a long key among them they are read in another way.
    let keys: Vec<String> = (0..FLAGS).filter(|i| i % 5 == 4).map(key).collect();
    let short: Vec<_> = keys.iter().filter(|key| (8..=48).contains(&key.len())).cloned().collect();
    let (Some(keys), Some(short)) = (keys.first_chunk::<16>(), short.first_chunk::<16>()) else { panic!() };
    beside_a_flood("get_bools", |reader, _| {
        for keys in [keys, short] {
            let found = reader.get_bools(keys.each_ref());
            assert!(found.iter().all(|is_on| *is_on == found[0]), "{found:?}");
            let found = reader.get_bools_of(keys);
            assert!(found.iter().all(|is_on| *is_on == found[0]), "{found:?}");
        }
        reader.generation().0
    });
}

#[test]
fn a_slow_read_that_is_overtaken_again_and_again_is_of_one_generation() {
    beside_a_flood("slow read", |reader, _| {
        reader.read(|view| {
            let first = view.get_u64(key(0));
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
            let n = all_of_one(view);
            assert!(n == first || n == u64::MAX, "{first} and then {n}");
            n
        })
    });
}

/// The one number that all flags of a view carry; `u64::MAX` if the read was overtaken and returns defaults from then on,
/// which is never what `read` returns.
fn all_of_one(view: &flagstaff_reader::FlagView<'_>) -> u64 {
    let mut n = None;
    for i in 0..FLAGS {
        let key = key(i);
        let now = match i % 5 {
            0 | 1 => Some(view.get_u64_or(&key, u64::MAX)),
            2 => Some(number_in(&view.get_string_or(&key, "18446744073709551615"))),
            3 => Some(
                view.get_json_text(&key)
                    .map_or(u64::MAX, |text| number_of(Value::Json(text.into())).unwrap()),
            ),
            _ => match (view.get_bool_or(&key, true), view.get_bool_or(&key, false)) {
                (true, false) => Some(u64::MAX),
                (odd, _) => {
                    assert!(n.is_none_or(|n| odd == (n % 2 == 1)), "{key} is {odd} of {n:?}");
                    None
                }
            },
        };
        match (now, n) {
            (Some(u64::MAX), _) => return u64::MAX,
            (Some(now), Some(before)) => assert_eq!(now, before, "{key}"),
            (Some(now), None) => n = Some(now),
            (None, _) => {}
        }
    }
    n.unwrap()
}

#[test]
fn snapshots_are_of_one_generation_and_say_which() {
    beside_a_flood("snapshot", |reader, _| {
        let snapshot = reader.snapshot();
        let n = snapshot.generation().0;
        assert_eq!(snapshot.len(), FLAGS);
        for (key, value) in snapshot.iter() {
            assert_eq!(number_of(value).unwrap_or(n), n, "{key}");
        }
        for i in (4..FLAGS).step_by(5) {
            assert_eq!(snapshot.get_bool(key(i)), n % 2 == 1);
        }
        n
    });
}

#[test]
fn handles_that_threads_share_are_whole_and_never_go_back() {
    let made = std::sync::OnceLock::new();
    beside_a_flood("handles", |reader, mut last| {
        let (number, string, json, bool) = made.get_or_init(|| {
            (
                reader.number_flag_or(&key(1), -1.0),
                reader.string_flag_or(&key(2), "0"),
                reader.json_flag::<serde_json::Value>(&key(3)),
                (reader.bool_flag_or(&key(4), true), reader.bool_flag_or(&key(4), false)),
            )
        });
        for _ in 0..50 {
            for now in [
                number.get() as u64,
                number_in(&string.get()),
                json.get().unwrap()["n"].as_u64().unwrap(),
                reader.get_u64(key(0)),
            ] {
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
            let before = reader.generation();
            let (a, b) = (bool.0.get(), bool.1.get());
            if reader.generation() == before {
                assert_eq!((a, b), (before.0 % 2 == 1, before.0 % 2 == 1), "generation {before}");
            }
        }
        last
    });
}

#[test]
fn waiting_and_status_see_generations_that_only_grow() {
    beside_a_flood("wait", |reader, last| {
        let status = reader.status();
        assert!(status.generation.0 >= last && status.flags == FLAGS as u64, "{status:?}");
        reader.wait_for_change(status.generation, Duration::from_secs(5)).0
    });
}
