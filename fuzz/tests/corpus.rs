//! Each target over its corpus, then over changed copies of it for a while: `FLAGSTAFF_FUZZ_SECONDS` in all, 2 by default, 60 with `FLAGSTAFF_LONG`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use flagstaff_fuzz::{Run, TARGETS, mutate};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus for {target}");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn seconds() -> f64 {
    let long = std::env::var_os("FLAGSTAFF_LONG").is_some_and(|value| value != "0");
    let otherwise = if long { 60.0 } else { 2.0 };
    std::env::var("FLAGSTAFF_FUZZ_SECONDS").ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn feed(run: Run, input: &[u8], seed: u64) {
    if catch_unwind(AssertUnwindSafe(|| run(input))).is_err() {
        panic!("seed {seed}: this input fails: b\"{}\"", input.escape_ascii());
    }
}

fn fuzz(target: &str) {
    let given = std::env::var("FLAGSTAFF_SEED").ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed: u64 = given.unwrap_or(now.as_nanos() as u64);
    let (_, run) = TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let mut inputs = corpus(target);
    inputs.iter().for_each(|input| feed(run, input, seed));

    let mut random = Rng::with_seed(seed);
    let (begun, mut runs) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs_f64(seconds()) {
        let (first, second) = (random.usize(..inputs.len()), random.usize(..inputs.len()));
        let input = mutate::changed(&inputs[first], &inputs[second], &mut random);
        feed(run, &input, seed);
        runs += 1;
        // Changes add up, in some of them.
        if runs % 16 == 0 && inputs.len() < 500 {
            inputs.push(input);
        }
    }
    eprintln!("{target}: {runs} changed inputs in {:.1?}, seed {seed}", begun.elapsed());
}

#[test]
fn no_edited_file_crashes_a_reader_that_opens_it() {
    fuzz("file");
}

#[test]
fn no_edit_of_a_file_crashes_a_reader_that_reads_it() {
    fuzz("living");
}

#[test]
fn no_edit_of_another_thread_crashes_a_reader_in_the_middle_of_a_call() {
    fuzz("racing");
}

#[test]
fn every_stream_gives_what_the_rules_say_in_every_split() {
    fuzz("sse");
}

#[test]
fn every_payload_that_is_taken_becomes_a_whole_archive() {
    fuzz("payload");
}

#[test]
fn every_edit_of_a_payload_gives_the_archive_that_is_built_whole() {
    fuzz("edits");
}

#[test]
fn a_cache_is_imported_if_and_only_if_it_can_be_decoded() {
    fuzz("cache");
}

#[test]
fn every_target_has_a_corpus_and_a_test() {
    let tests = include_str!("corpus.rs");
    for (name, _) in TARGETS {
        assert!(tests.contains(&format!("fuzz(\"{name}\")")), "{name}");
    }
}
