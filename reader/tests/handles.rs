//! Handles remember a value for as long as its generation is current.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use flagstaff_format::Writer;
use flagstaff_reader::{BoolFlag, NumberFlag, Reader};
use stage::{Stage, bools, publish, publish_number};

#[test]
fn handles_follow_generations_superseded_files_and_replaced_files() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let number = reader.number_flag("the-number");
    let parity = reader.bool_flag("the-parity");
    let string = reader.string_flag("the-string");
    let json = reader.json_flag::<Vec<u64>>("the-json-value");
    let all = |n: u64| {
        assert_eq!((number.get(), parity.get()), (n as f64, n % 2 == 1));
        assert_eq!((&*string.get(), json.get().as_deref()), (n.to_string().as_str(), Some(&vec![n])));
    };
    all(1);
    for n in 2..50 {
        publish_number(&mut writer, n);
        all(n);
        all(n);
    }
    writer.supersede().unwrap();
    all(49);
    publish_number(&mut writer, 50);
    all(50);

    // Replaced by hand: another file of a later generation, and nobody marks the one before.
    let other = Stage::new();
    let mut other_writer = other.writer();
    for n in 100..200 {
        publish_number(&mut other_writer, n);
    }
    let arrived = stage.dir.path().join("arrived");
    std::fs::copy(&other.path, &arrived).unwrap();
    stage::mv(&arrived, &stage.path);
    let _ = reader.status();
    all(199);
}

#[test]
fn a_handle_on_a_flag_that_is_missing_or_of_another_type_answers_its_default() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    for key in ["", "missing", "missing-with-a-key-of-more-than-48-bytes-that-goes-on", "the-json-value"] {
        for _ in 0..2 {
            assert!(reader.bool_flag_or(key, true).get() && !reader.bool_flag(key).get());
            assert_eq!((reader.number_flag_or(key, 2.5).get(), reader.number_flag(key).get()), (2.5, 0.0));
            assert_eq!(&*reader.string_flag_or(key, "d").get(), "d");
            assert_eq!(reader.json_flag::<bool>(key).get(), None);
        }
    }
    // It appears, changes its type and goes again.
    let flag = reader.bool_flag("comes-and-goes");
    assert!(!flag.get());
    publish(&mut writer, &bools(&[("comes-and-goes", true)]));
    assert!(flag.get());
    publish_number(&mut writer, 1);
    assert!(!flag.get());
}

#[test]
fn string_and_json_handles_share_one_value_within_a_generation() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let (string, json) = (reader.string_flag("the-string"), reader.json_flag::<Vec<u64>>("the-json-value"));
    let (first, parsed) = (string.get(), json.get().unwrap());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    assert!(Arc::ptr_eq(&first, &string.get()));
                    assert!(Arc::ptr_eq(&parsed, &json.get().unwrap()));
                }
            });
        }
    });
    assert!(Arc::ptr_eq(&reader.snapshot(), &reader.snapshot()));
    publish_number(&mut writer, 1);
    assert!(!Arc::ptr_eq(&first, &string.get()) && !Arc::ptr_eq(&parsed, &json.get().unwrap()));
}

#[test]
fn clones_of_handles_answer_alike_and_go_on_without_the_reader_and_the_first_handle() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let flags = (
        reader.bool_flag("the-parity"),
        reader.number_flag("the-number"),
        reader.string_flag("the-string"),
        reader.json_flag::<Vec<u64>>("the-json-value"),
    );
    assert!(flags.0.get() && flags.1.get() == 1.0 && &*flags.2.get() == "1" && flags.3.get().is_some());
    let (parity, number, string, json) = flags.clone();
    drop((flags, reader));
    for n in 2..5 {
        publish_number(&mut writer, n);
        assert_eq!(
            (parity.get(), number.get(), &*string.get()),
            (n % 2 == 1, n as f64, n.to_string().as_str())
        );
        assert_eq!(json.get().as_deref(), Some(&vec![n]));
    }
}

#[test]
fn handles_live_in_statics_and_are_read_by_many_threads() {
    static STAGE: LazyLock<(Stage, Mutex<Writer>)> = LazyLock::new(|| {
        let (stage, mut writer) = Stage::with_writer();
        publish_number(&mut writer, 1);
        (stage, Mutex::new(writer))
    });
    static READER: LazyLock<Reader> = LazyLock::new(|| Reader::open(&STAGE.0.path).unwrap());
    static PARITY: LazyLock<BoolFlag> = LazyLock::new(|| READER.bool_flag("the-parity"));
    static NUMBER: LazyLock<NumberFlag> = LazyLock::new(|| READER.number_flag("the-number"));
    let read = || (PARITY.get(), NUMBER.get());
    let threads = [(); 4].map(|()| thread::spawn(read));
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == (true, 1.0)));
    publish_number(&mut STAGE.1.lock().unwrap(), 2);
    assert_eq!(thread::spawn(read).join().unwrap(), (false, 2.0));
}

#[test]
fn two_threads_that_refresh_at_once_remember_no_value_under_another_generation() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let (number, parity) = (reader.number_flag("the-number"), reader.bool_flag("the-parity"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let before = reader.generation().0;
                    let (n, odd) = (number.get() as u64, parity.get());
                    let after = reader.generation().0;
                    assert!((before..=after).contains(&n), "{n} between {before} and {after}");
                    assert!(before != after || odd == (n % 2 == 1), "{odd} at {n}");
                }
            });
        }
        for n in 2..20_000 {
            publish_number(&mut writer, n);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!((number.get(), parity.get()), (19_999.0, true));
}
