//! Files that are superseded, replaced, removed, cold or damaged.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use flagstaff_format::layout::{Area, word};
use flagstaff_format::protocol::MARK;
use flagstaff_format::{Value, open_view};
use flagstaff_reader::{Generation, PathState, PublisherState, Reader};
use stage::{Stage, flag, mv, publish, publish_number, until};

#[test]
fn readers_follow_superseded_files_at_their_next_read() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    for n in 2..40 {
        writer.supersede().unwrap();
        publish_number(&mut writer, n);
        match n % 4 {
            0 => assert_eq!(reader.get_u64("the-number"), n),
            1 => assert_eq!(reader.get_string("the-string"), n.to_string()),
            2 => assert_eq!(reader.snapshot().get_number("the-number"), n as f64),
            _ => assert_eq!(reader.read(|view| view.get_u64("the-number")), n),
        }
        assert_eq!(reader.generation(), writer.generation());
    }
}

#[test]
fn threads_read_on_while_file_after_file_is_superseded() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut last, mut generation) = (1, Generation(1));
                let handle = reader.string_flag("the-string");
                while !stop.load(Relaxed) {
                    let snapshot = reader.snapshot();
                    // In the order in which they are read.
                    for now in [
                        snapshot.get_number("the-number") as u64,
                        reader.get_u64("the-number"),
                        handle.get().parse().unwrap(),
                    ] {
                        assert!(now >= last, "{now} after {last}");
                        last = now;
                    }
                    assert!(reader.get_bool("always-true"));
                    let now = reader.generation();
                    assert!(now >= generation, "generation {now} after {generation}");
                    generation = now;
                }
            });
        }
        for n in 2..150 {
            writer.supersede().unwrap();
            publish_number(&mut writer, n);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(reader.get_u64("the-number"), 149);
}

#[test]
fn zeros_laid_over_the_memory_of_a_file_in_the_middle_of_reads_are_rejected() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 5);
    let view = open_view(&stage.path).unwrap();
    view.refresh_bounds();
    let key = "always-true";
    let hashed = flagstaff_format::Hashed::new(key.as_bytes());
    let seen = view.observe();
    assert!(view.attempt(seen, key, &hashed).unwrap().is_present());
    view.map().lay_zeros().unwrap();
    assert!(view.attempt(seen, key, &hashed).is_none());
    assert!(view.probe(&hashed).is_none() && !view.still_valid(seen));
    assert_eq!(view.observe().base(), 0);
}

#[test]
fn the_memory_of_a_file_that_was_left_is_given_back_and_answers_stay_right() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let maps = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let path = stage.path.to_str().unwrap();
        maps.lines().filter(|line| line.contains(path) && line.ends_with("(deleted)")).count()
    };
    writer.supersede().unwrap();
    publish_number(&mut writer, 2);
    assert_eq!((reader.get_u64("the-number"), maps()), (2, 1));
    until("the old file is given back", || {
        assert_eq!((reader.get_u64("the-number"), reader.generation()), (2, Generation(3)));
        maps() == 0
    });
    assert_eq!(reader.read(|view| view.get_u64("the-number")), 2);
}

#[test]
fn a_file_marked_by_a_publisher_that_died_before_the_rename_is_read_on() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let handle = reader.bool_flag("always-true");
    stage.scribble(word::GENERATION as u64 * 8, &(MARK | 2).to_le_bytes());
    drop(writer);
    for _ in 0..100 {
        assert!(reader.get_bool("always-true") && handle.get());
        assert_eq!((reader.get_string("the-string"), reader.generation()), ("1".into(), Generation(1)));
        assert_eq!(reader.snapshot().get_number("the-number"), 1.0);
        assert_eq!(Reader::open(&stage.path).unwrap().get_u64("the-number"), 1);
    }
    let mut writer = stage.writer();
    assert_eq!((reader.get_u64("the-number"), reader.generation()), (1, Generation(2)));
    publish_number(&mut writer, 2);
    assert!(reader.get_u64("the-number") == 2 && handle.get());
}

#[test]
fn a_removed_file_is_read_on_until_a_publisher_supersedes_it() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    std::fs::remove_file(&stage.path).unwrap();
    assert_eq!((reader.status().path, reader.get_u64("the-number")), (PathState::Missing, 1));
    publish_number(&mut writer, 2);
    assert_eq!(reader.get_u64("the-number"), 2);
    writer.supersede().unwrap();
    publish_number(&mut writer, 3);
    assert_eq!((reader.get_u64("the-number"), reader.status().path), (3, PathState::Same));
}

/// On a file system without hard links, or where somebody removes everything. Symptom: after the file was removed and the publisher started again, readers kept the old flags until the new file had
/// caught up with the old generation number. Cause: the number alone decided which file was newer. Fix: a file that was
/// made later, and has flags, is newer.
#[test]
fn a_file_that_was_made_anew_is_followed_as_soon_as_it_has_flags() {
    let (stage, mut writer) = Stage::with_writer();
    for n in 1..=5 {
        publish_number(&mut writer, n);
    }
    let reader = Reader::open(&stage.path).unwrap();
    drop(writer);
    stage.remove();
    let mut younger = stage.writer();
    assert_eq!((reader.status().path, reader.get_u64("the-number")), (PathState::Stuck, 5));
    publish_number(&mut younger, 101);
    assert_eq!((reader.status().path, reader.get_u64("the-number")), (PathState::Same, 101));
}

#[test]
fn a_copy_of_an_earlier_time_is_not_followed() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let copy = stage.dir.path().join("copy");
    std::fs::copy(&stage.path, &copy).unwrap();
    publish_number(&mut writer, 2);
    let reader = Reader::open(&stage.path).unwrap();
    mv(&copy, &stage.path);
    assert_eq!((reader.status().path, reader.generation()), (PathState::Stuck, Generation(2)));
    assert_eq!(reader.get_u64("the-number"), 2);
}

#[test]
fn a_replaced_file_is_noticed_by_status_and_by_waiting() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let other = Stage::new();
    let mut other_writer = other.writer();
    for n in 2..=4 {
        publish_number(&mut other_writer, n);
        publish_number(&mut other_writer, n);
        let arrived = stage.dir.path().join("arrived");
        std::fs::copy(&other.path, &arrived).unwrap();
        let before = reader.generation();
        mv(&arrived, &stage.path);
        if n == 3 {
            assert!(reader.wait_for_change(before, stage::DEADLINE) > before);
        } else {
            assert!(reader.status().generation > before);
        }
        assert_eq!(reader.get_u64("the-number"), n);
    }
}

#[test]
fn a_file_without_any_good_snapshot_does_not_take_the_place_of_a_good_one() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let bad = Stage::new();
    let mut bad_writer = bad.writer();
    for n in 50..60 {
        publish_number(&mut bad_writer, n);
    }
    bad.damage(Area::Slot(0));
    bad.damage(Area::Slot(1));
    let arrived = stage.dir.path().join("arrived");
    std::fs::copy(&bad.path, &arrived).unwrap();
    mv(&arrived, &stage.path);
    let status = reader.status();
    assert_eq!((status.path, status.generation), (PathState::Stuck, Generation(1)));
    assert!(reader.get_bool("always-true"));
}

#[test]
fn a_file_of_another_boot_is_served_cold_until_a_publisher_supersedes_it() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    publish_number(&mut writer, 2);
    flagstaff_format::status::set_started(writer.status_words());
    drop(writer);
    stage.age_by_a_boot();
    // The generation word of another boot counts for nothing.
    stage.scribble(word::GENERATION as u64 * 8, &90_u64.to_le_bytes());
    let reader = Reader::open(&stage.path).unwrap();
    let (handle, json) = (reader.number_flag("the-number"), reader.json_flag::<Vec<u64>>("the-json-value"));
    for _ in 0..3 {
        assert_eq!((reader.get_u64("the-number"), reader.get_string("the-string")), (2, "2".into()));
        assert_eq!((handle.get(), json.get().as_deref()), (2.0, Some(&vec![2])));
        assert_eq!((reader.generation(), reader.read(|view| view.get_u64("the-number"))), (Generation(2), 2));
        assert!(Arc::ptr_eq(&reader.snapshot(), &reader.snapshot()));
    }
    let status = reader.status();
    assert!(status.is_cold && status.is_stale());
    assert_eq!((status.generation, status.flags, status.path), (Generation(2), 5, PathState::Same));
    assert_eq!((status.publisher, status.publisher_uptime), (PublisherState::Stopped, None));
    assert_eq!((status.contact_age, status.link_age), (None, None));

    let mut writer = stage.writer();
    assert_eq!((reader.get_u64("the-number"), reader.generation()), (2, writer.generation()));
    assert!(reader.generation() > Generation(2) && !reader.status().is_cold);
    publish_number(&mut writer, 3);
    assert_eq!((reader.get_u64("the-number"), handle.get()), (3, 3.0));
}

#[test]
fn a_damaged_slot_is_answered_from_the_other_slot_and_settled_by_the_next_publish() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    publish_number(&mut writer, 2);
    stage.damage(Area::Slot(0));
    let reader = Reader::open(&stage.path).unwrap();
    let handle = reader.number_flag("the-number");
    assert_eq!((reader.get_u64("the-number"), handle.get(), reader.generation()), (1, 1.0, Generation(1)));
    assert!(reader.status().is_cold);
    publish_number(&mut writer, 3);
    assert_eq!((reader.get_u64("the-number"), handle.get(), reader.generation()), (3, 3.0, Generation(3)));
    assert!(!reader.status().is_cold);
}

#[test]
fn with_both_slots_damaged_the_checkpoint_answers() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    writer.checkpoints().unwrap().write(&writer.current().unwrap()).unwrap();
    publish_number(&mut writer, 2);
    stage.damage(Area::Slot(0));
    stage.damage(Area::Slot(1));
    let reader = Reader::open(&stage.path).unwrap();
    assert_eq!((reader.get_u64("the-number"), reader.generation()), (1, Generation(1)));
    assert_eq!(reader.status().durable, Generation(1));
}

#[test]
fn with_everything_damaged_defaults_are_answered_and_never_what_is_left_of_the_slots() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    publish_number(&mut writer, 2);
    // A record's value, so that the tables still look well.
    stage.damage(Area::Slot(0));
    stage.damage(Area::Slot(1));
    let reader = Reader::open(&stage.path).unwrap();
    for _ in 0..20 {
        for key in ["always-true", "the-parity"] {
            assert!(reader.get_bool_or(key, true) && !reader.get_bool_or(key, false));
        }
        assert_eq!((reader.get("the-number"), reader.get("the-string")), (None, None));
        assert_eq!((reader.generation(), reader.snapshot().len()), (Generation(0), 0));
    }
    assert!(reader.status().is_cold);
    publish_number(&mut writer, 3);
    assert_eq!((reader.get_u64("the-number"), reader.status().is_cold), (3, false));
}

#[test]
fn a_generation_word_that_lost_its_bits_is_answered_from_the_newest_good_area() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    publish_number(&mut writer, 2);
    drop(writer);
    // Also where it names the generation before, which still stands in its slot, whole.
    for word in [0, 1, 2, 6, 1 << 40, u64::MAX, u64::MAX >> 1, MARK] {
        stage.scribble(word::GENERATION as u64 * 8, &u64::to_le_bytes(word));
        let reader = Reader::open(&stage.path).unwrap();
        assert_eq!(reader.get_u64("the-number"), 2, "{word:#x}");
        assert_eq!(reader.generation(), Generation(2), "{word:#x}");
        let missing = (reader.bool_flag("missing"), reader.bool_flag_or("missing", true));
        assert_eq!((missing.0.get(), missing.1.get()), (false, true), "{word:#x}");
        assert!(reader.bool_flag("always-true").get(), "{word:#x}");
    }
}

#[test]
fn flipped_bits_anywhere_in_a_file_crash_no_reader() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    publish_number(&mut writer, 2);
    drop(writer);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&stage.path).unwrap();
    let live = Reader::open(&stage.path).unwrap();
    // Where it is checked at open: fixed header, generation and sizes, then frame and archive of the current slot.
    let header = (0..32 * 8).map(|at| at as u64);
    let slot = (0..1500).map(|at| Area::Slot(0).offset() + at);
    for (i, at) in header.chain(slot).enumerate() {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << (i % 8)], at).unwrap();
        // A live reader does not check again, but must survive; a new one returns a whole generation or refuses.
        let _ = (live.get_u64("the-number"), live.get("the-string"), live.get_bool("a"), live.snapshot());
        if let Ok(reader) = Reader::open(&stage.path) {
            let (n, text) = (reader.get_u64("the-number"), reader.get_string("the-string"));
            assert!(matches!((n, text.as_str()), (2, "2") | (1, "1")), "byte {at}: {n} and {text:?}");
            let _ = reader.status();
        }
        file.write_all_at(&byte, at).unwrap();
    }
    assert_eq!(live.get_u64("the-number"), 2);
}

#[test]
fn a_table_that_outgrows_the_reserved_bytes_is_followed() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let mut keys = 10;
    while keys < 655_000 {
        keys = (keys * 40).min(655_000);
        // `"kkkk":1,`: the most flags that 5 MiB of payload can hold.
        let flags: Vec<_> = (0..keys).map(|i| flag(&format!("{i:x}"), Value::I64(i as i64 + 1))).collect();
        let long = [flag("a-key-of-ordinary-length", Value::Bool(true))];
        let flags: Vec<_> = flags.into_iter().chain(long).collect();
        for _ in 0..2 {
            publish(&mut writer, &flags);
            assert!(reader.get_bool("a-key-of-ordinary-length"), "{keys} keys");
            for i in (0..keys).step_by(keys / 10) {
                assert_eq!(reader.get_i64(format!("{i:x}")), i as i64 + 1);
            }
            assert_eq!(reader.get_i64(format!("{keys:x}")), 0);
        }
        assert_eq!(reader.status().flags, keys as u64 + 1);
    }
    assert_eq!(reader.snapshot().len(), 655_001);
    publish_number(&mut writer, 2);
    assert_eq!(reader.get_u64("the-number"), 2);
}

/// Symptom: a reader that had moved to a file made later answered from a copy of the file before. Cause: when the current
/// slot was damaged, the copy and what else stands in the file were compared by generation, and a file made later begins
/// at 1. Fix: their stamps are compared, which count the moves.
#[test]
fn a_copy_of_the_file_before_does_not_stand_in_for_a_file_that_was_made_later() {
    let (stage, mut writer) = Stage::with_writer();
    for n in 1..=5 {
        publish_number(&mut writer, n);
    }
    let reader = Reader::open(&stage.path).unwrap();
    assert_eq!(reader.snapshot().generation(), Generation(5));
    stage.remove();
    drop(writer);
    let mut writer = stage.writer();
    publish_number(&mut writer, 101);
    until("the reader has moved", || {
        let _ = reader.wait_for_change(Generation(5), std::time::Duration::from_millis(20));
        reader.get_u64("the-number") == 101
    });
    publish_number(&mut writer, 102);
    assert_eq!(reader.get_u64("the-number"), 102);
    stage.damage(Area::Slot(0));
    let copy = reader.snapshot();
    assert_eq!((copy.get_number("the-number"), copy.generation()), (101.0, Generation(1)));
}

#[test]
fn a_newer_file_that_was_put_at_the_path_without_a_mark_is_followed_once_somebody_looks() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let handle = reader.number_flag("the-number");
    let (other, mut newer) = Stage::with_writer();
    for n in 5..8 {
        publish_number(&mut newer, n);
    }
    mv(&other.path, &stage.path);
    assert_eq!((reader.get_u64("the-number"), handle.get()), (1, 1.0), "nothing tells a read");
    reader.look_at_path();
    assert_eq!((reader.get_u64("the-number"), handle.get()), (7, 7.0));
    assert_eq!(reader.status().path, PathState::Same);
}
