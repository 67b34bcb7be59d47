//! The protocol at full speed on a real file: one publisher, two readers with mappings of their own.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test code; the counts are the result")]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_format::{Archive, Facts, Flag, Generation, Hashed, Value, Writer, WriterOptions, open_view};

const FLAGS: usize = 40;

/// Of other bits than its number, so that words of two generations never agree by chance.
fn mixed(generation: u64) -> u64 {
    generation.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn keys() -> Vec<String> {
    (0..FLAGS).map(|i| format!("service.checkout.flag-{i:04}")).collect()
}

/// Every flag carries its generation: numbers in the record, texts in the text area.
fn table(keys: &[String], generation: u64) -> Archive {
    let text = format!("{generation:020}").repeat(3);
    let flags: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(i, key)| Flag {
            key: key.into(),
            value: if i % 2 == 0 {
                Value::U64(mixed(generation) | 1 << 63)
            } else {
                Value::String(text.as_str().into())
            },
        })
        .collect();
    Archive::build(&flags, Generation(generation), Facts::default()).unwrap()
}

#[derive(Debug, Default)]
struct Counts {
    probes: u64,
    attempts: u64,
    texts: u64,
    lost: u64,
}

#[test]
fn no_read_beside_a_publisher_at_full_speed_is_torn() {
    read_beside_a_publisher(&tempfile::tempdir().unwrap());
}

/// Where lines are stored through a mapping, if that is a tmpfs.
#[test]
fn no_read_beside_a_publisher_at_full_speed_in_memory_is_torn() {
    read_beside_a_publisher(&tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap());
}

fn read_beside_a_publisher(directory: &tempfile::TempDir) {
    let path = directory.path().join("stress.flagstaff");
    let keys = keys();
    let mut writer = Writer::open(&path, &WriterOptions::default()).unwrap().writer;
    writer.publish(&mut table(&keys, 1)).unwrap();
    let stop = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(1);

    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (path, keys, stop) = (&path, &keys, &stop);
                scope.spawn(move || {
                    let view = open_view(path).unwrap();
                    assert!(view.refresh_bounds());
                    let hashed: Vec<_> = keys.iter().map(|key| Hashed::new(key.as_bytes())).collect();
                    let (mut counts, mut last) = (Counts::default(), 0);
                    let (mut stack, mut heap) = ([0; 512], Vec::new());
                    while !stop.load(Relaxed) {
                        // Alone: a probe does not say its generation, so it is framed by two observations.
                        let before = view.observe().generation().0;
                        let probe = view.probe(&hashed[0]);
                        let after = view.observe().generation().0;
                        assert!(before >= last, "backwards");
                        last = before;
                        if let Some(found) = probe {
                            let found = found.u64().unwrap();
                            assert!(
                                (before..=after).any(|g| found == mixed(g) | 1 << 63),
                                "torn probe between {before} and {after}"
                            );
                            counts.probes += 1;
                        }

                        // All flags of one observed generation.
                        let seen = view.observe();
                        let generation = seen.generation().0;
                        for (i, (key, hashed)) in keys.iter().zip(&hashed).enumerate() {
                            let Some(found) = view.attempt(seen, key, hashed) else {
                                counts.lost += 1;
                                break;
                            };
                            counts.attempts += 1;
                            if i % 2 == 0 {
                                assert_eq!(found.u64(), Some(mixed(generation) | 1 << 63), "torn");
                                continue;
                            }
                            let at = found.text().unwrap();
                            assert_eq!(at.bytes, 60);
                            let Some(text) = view.copy_text(seen, at, &mut stack, &mut heap) else {
                                counts.lost += 1;
                                break;
                            };
                            counts.texts += 1;
                            let expected = format!("{generation:020}").repeat(3);
                            assert_eq!(text, expected.as_bytes(), "torn text");
                        }
                    }
                    counts
                })
            })
            .collect();
        let mut published = 1;
        while Instant::now() < deadline {
            published += 1;
            assert_eq!(writer.publish(&mut table(&keys, published)).unwrap().0, published);
        }
        stop.store(true, Relaxed);
        for reader in readers {
            let counts = reader.join().unwrap();
            println!("{published} publishes, {counts:?}");
            assert!(counts.probes > 0 && counts.attempts > 0 && counts.texts > 0, "{counts:?}");
        }
        assert!(published > 100);
    });
}
