//! Readers that lack something: descriptors, memory, pages.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a role that cannot play fails its test"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use flagstaff_format::Generation;
use flagstaff_reader::Reader;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::pages::reclaim;

/// Address space that is left when memory is scarce: enough for the small things that every program does, and not for a file.
const LITTLE: u64 = 2 << 20;

/// Reads with no descriptor left to open anything with, and answers what `open` says.
///
/// # Panics
/// If an answer is wrong.
pub fn without_descriptors(path: &Path) -> String {
    let before = Reader::open(path).unwrap();
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Nofile, none).unwrap();
    assert!(std::fs::File::open(path).is_err(), "there are descriptors left");
    let refused = Reader::open(path).unwrap_err().to_string();
    let after = Reader::attach(path);
    answers_defaults(&after);
    assert_eq!((before.get_i64("n"), before.snapshot().len()), (1, 1));
    assert_eq!(before.status().generation, before.generation());
    refused
}

/// Reads with no memory left to map a file or copy it, and answers what `open` says. The flag `filler` is longer than what is
/// left.
///
/// # Panics
/// If an answer is wrong.
pub fn without_memory(path: &Path) -> String {
    let (before, copied) = (Reader::open(path).unwrap(), Reader::open(path).unwrap());
    let copy = copied.snapshot();
    let handle = before.number_flag("n");
    // What a first call makes once, before there is no memory for it.
    let _ = (before.status(), Reader::attach("/nowhere").snapshot());
    let size = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = size.split(' ').next().unwrap().parse().unwrap();
    let limit = pages * rustix::param::page_size() as u64 + LITTLE;
    setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: Some(limit) }).unwrap();
    assert!(Vec::<u8>::new().try_reserve_exact(4 << 20).is_err(), "there is memory left");

    let refused = match Reader::open(path).unwrap_err() {
        error @ flagstaff_reader::OpenError::Io { .. } => {
            format!("{error}: {}", std::error::Error::source(&error).unwrap())
        }
        other => panic!("{other:?}"),
    };
    answers_defaults(&Reader::attach(path));
    for _ in 0..3 {
        assert_eq!((before.get_i64("n"), before.get_bool("on"), handle.get()), (1, true, 1.0));
        assert_eq!(before.read(|view| (view.get_i64("n"), view.get_string("name"))), (1, "x".to_owned()));
        assert_eq!(before.with_str("filler", |text| text.map(str::len)), None, "no memory for it");
        assert_eq!(before.snapshot().len(), 0, "no memory for it, and none was made before");
        assert!(std::sync::Arc::ptr_eq(&copied.snapshot(), &copy) && copy.get_str("filler").is_some());
        assert_eq!(before.status().generation, before.generation());
    }
    refused
}

fn answers_defaults(reader: &Reader) {
    assert_eq!((reader.get_i64_or("n", 7), reader.snapshot().len()), (7, 0));
    let _ = reader.status();
    assert_eq!(reader.wait_for_change(Generation(0), Duration::from_millis(20)), Generation(0));
}

/// Has its pages of the file taken away again and again. Answers how many bytes each time, and the slowest look after that.
///
/// # Panics
/// If an answer is wrong.
pub fn without_pages(path: &Path, rounds: u64) -> (usize, Duration) {
    let reader = Reader::open(path).unwrap();
    let (mut slowest, mut asked) = (Duration::ZERO, 0);
    for _ in 0..rounds {
        asked = reclaim(path);
        let begun = Instant::now();
        let seen = reader.read(|view| (view.get_i64("n"), view.get_bool("on"), view.get_string("name")));
        slowest = slowest.max(begun.elapsed());
        assert_eq!(seen, (1, true, "x".to_owned()));
        assert_eq!(reader.snapshot().get_str("filler").map(str::len), Some(4 << 20));
    }
    (asked, slowest)
}

/// Looks at one boolean, and takes no value of another flag into its own memory.
pub fn glances(path: &Path, ending: &AtomicBool, say: impl Fn(&str)) {
    let reader = Reader::open(path).unwrap();
    assert!(reader.get_bool("on"));
    say("ready");
    while !ending.load(Relaxed) {
        assert!(reader.get_bool("on") && !reader.get_bool("secret-value"));
        std::thread::sleep(Duration::from_millis(5));
    }
}
