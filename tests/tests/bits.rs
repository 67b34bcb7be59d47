//! Every single bit of a file flipped, and every prefix of it: a reader answers right or not at all.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

#[path = "../../format/tests/golden/cases.rs"]
mod cases;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use flagstaff_format::layout::{AREA_BYTES, FILE_BYTES, PAGE, word};
use flagstaff_format::{BootId, Header, Value, Writer, WriterOptions};
use flagstaff_reader::Reader;
use tempfile::TempDir;

const NAME: &str = "v1-small";

fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The golden file as a real one, and the numbers of its pages that hold anything.
fn golden(folder: &Path) -> (PathBuf, Vec<u64>) {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../format/tests/golden/v1-small.pages");
    let path = folder.join("flags.flagstaff");
    cases::expand(&fs::read(packed).unwrap(), &path);
    let file = File::open(&path).unwrap();
    let mut pages = Vec::new();
    let areas = [0, 1, 2, 3].map(|area| (PAGE + area * AREA_BYTES) / PAGE);
    for page in areas.iter().flat_map(|first| *first..*first + 8).chain([0]) {
        let mut bytes = [0; PAGE as usize];
        file.read_exact_at(&mut bytes, page * PAGE).unwrap();
        if bytes.iter().any(|byte| *byte != 0) {
            pages.push(page);
        }
    }
    assert!(pages.len() >= 3, "{pages:?}");
    (path, pages)
}

/// Makes it a file of this boot, so that it is read live.
fn adopt(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut page = [0; PAGE as usize];
    file.read_exact_at(&mut page, 0).unwrap();
    let word_at = |at: usize| u64::from_le_bytes(*page[at * 8..].first_chunk().unwrap());
    let mut header = Header::now([0; 32]);
    (header.created_at, header.boot) = (word_at(word::CREATED_AT), BootId::current());
    let bytes: Vec<u8> = header.words().iter().flat_map(|word| word.to_le_bytes()).collect();
    file.write_all_at(&bytes, 0).unwrap();
}

/// Whether every flag has its value. All or none: anything else is a wrong answer.
fn answers(reader: &Reader, flags: &[(String, Value<'static>)]) -> Result<bool, String> {
    let mut present = 0;
    for (key, value) in flags {
        match reader.get(key.as_str()) {
            None => {}
            Some(found) if cases::describe(&found) == cases::describe(value) => present += 1,
            Some(found) => return Err(format!("{key} is {found:?}")),
        }
    }
    let snapshot = reader.snapshot();
    if snapshot.len() != present || ![0, flags.len()].contains(&present) {
        return Err(format!("{present} of {} flags, {} in the snapshot", flags.len(), snapshot.len()));
    }
    Ok(present > 0)
}

fn flags() -> Vec<(String, Value<'static>)> {
    cases::flags(NAME).into_iter().map(|flag| (flag.key.into_owned(), flag.value)).collect()
}

fn flip_every_bit(is_live: bool) {
    let (folder, flags, begun) = (folder(), flags(), Instant::now());
    let (path, pages) = golden(folder.path());
    if is_live {
        adopt(&path);
    }
    let file = File::options().read(true).write(true).open(&path).unwrap();
    assert_eq!(answers(&Reader::open(&path).unwrap(), &flags), Ok(true));
    let (mut refused, mut right) = (0, 0);
    for page in pages {
        let mut bytes = [0; PAGE as usize];
        file.read_exact_at(&mut bytes, page * PAGE).unwrap();
        for bit in 0..PAGE as usize * 8 {
            let (at, byte) = (page * PAGE + bit as u64 / 8, bytes[bit / 8]);
            file.write_all_at(&[byte ^ 1 << (bit % 8)], at).unwrap();
            match Reader::open(&path) {
                Err(_) => refused += 1,
                Ok(reader) => match answers(&reader, &flags) {
                    Ok(true) => right += 1,
                    // The same flags stand in a slot and in a checkpoint.
                    Ok(false) => panic!("bit {} of byte {at}: no answer", bit % 8),
                    Err(what) => panic!("bit {} of byte {at}: {what}", bit % 8),
                },
            }
            file.write_all_at(&[byte], at).unwrap();
        }
    }
    let took = begun.elapsed();
    eprintln!("{refused} refused, {right} answered right, in {took:.1?}");
    // All of the header's fixed part, and nothing else.
    assert_eq!(refused, (word::CHECKSUM + 1) * 64);
}

#[test]
fn no_flipped_bit_of_a_file_of_another_boot_is_a_wrong_answer() {
    flip_every_bit(false);
}

#[test]
fn no_flipped_bit_of_a_live_file_is_a_wrong_answer_from_its_opening_on() {
    flip_every_bit(true);
}

/// From the whole file down. Between the pages that hold anything, lengths are tried by the MiB.
#[test]
fn every_prefix_of_a_file_is_refused_by_readers_and_made_whole_by_a_publisher() {
    let (folder, flags) = (folder(), flags());
    let (path, pages) = golden(folder.path());
    let file = File::options().write(true).open(&path).unwrap();
    let mut lengths: Vec<u64> = pages.iter().flat_map(|page| page * PAGE..(page + 1) * PAGE).collect();
    lengths.extend((0..FILE_BYTES).step_by(1 << 20).flat_map(|at| [at, at + 1]));
    lengths.push(FILE_BYTES - 1);
    lengths.sort_unstable();
    lengths.dedup();
    for length in lengths.iter().rev() {
        file.set_len(*length).unwrap();
        let error = Reader::open(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains("flags.flagstaff"), "{length} bytes: {error}");
    }
    let behind = (pages.iter().max().unwrap() + 1) * PAGE;
    for length in lengths.iter().step_by(97).chain([&behind]) {
        fs::remove_file(&path).unwrap();
        let _ = golden(folder.path());
        File::options().write(true).open(&path).unwrap().set_len(*length).unwrap();
        let opened = Writer::open(&path, &WriterOptions::default());
        let opened = opened.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        let reader = Reader::open(&path).unwrap();
        let is_there = answers(&reader, &flags).unwrap_or_else(|what| panic!("{length} bytes: {what}"));
        assert_eq!(is_there, opened.snapshot.is_some(), "{length} bytes");
        assert!(is_there || *length < behind, "{length} bytes hold everything");
        fs::read_dir(folder.path()).unwrap().for_each(|entry| {
            let beside = entry.unwrap().path();
            if beside != path {
                fs::remove_file(beside).unwrap();
            }
        });
    }
    eprintln!("{} lengths", lengths.len());
}
