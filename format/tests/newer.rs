//! What a newer version may write without another format version or fingerprint is read right: new kinds of flags, new words and codes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "golden/by_the_book.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod by_the_book;
#[path = "golden/cases.rs"]
mod cases;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flagstaff_format::layout::{Area, FRAME_BYTES, word};
use flagstaff_format::{
    FailureKind, LinkState, Opening, Writer, WriterOptions, check_current, copy_current, open_view,
};
use xxhash_rust::xxh3::xxh3_64;

/// The kinds that version 1 does not use.
const NEW_KINDS: std::ops::RangeInclusive<u64> = 10..=15;

fn golden(directory: &Path) -> PathBuf {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1-small.pages");
    let path = directory.join("flags.flagstaff");
    cases::expand(&std::fs::read(packed).unwrap(), &path);
    path
}

fn writable(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

fn sum(words: &[u64]) -> u64 {
    xxh3_64(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
}

/// Gives the boolean flags of the current slot another kind, as a newer publisher would write it: with checksums that fit.
fn set_kind_of_booleans(path: &Path, kind: u64) -> usize {
    let file = writable(path);
    let start = Area::Slot(1).offset();
    let words = |offset: u64, count: u64| -> Vec<u64> {
        let mut bytes = vec![0; count as usize * 8];
        file.read_exact_at(&mut bytes, offset).unwrap();
        bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
    };
    let mut frame = words(start, 8);
    let mut archive = words(start + FRAME_BYTES, frame[2] / 8);
    let places = frame[5] as u32 as usize;
    let mut changed = 0;
    for record in archive[..places * 8].as_chunks_mut::<8>().0 {
        if [2, 3].contains(&(record[0] & 15)) {
            record[0] = record[0] & !15 | kind;
            changed += 1;
        }
    }
    let sums: Vec<u64> = archive.chunks(512).map(sum).collect();
    frame[3] = sum(&sums);
    frame[7] = sum(&frame[..7]);
    for (offset, words) in [(start, &frame), (start + FRAME_BYTES, &archive)] {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        file.write_all_at(&bytes, offset).unwrap();
    }
    changed
}

#[test]
fn a_flag_of_a_kind_that_is_not_known_is_missing_and_all_others_are_read() {
    for kind in NEW_KINDS {
        let directory = tempfile::tempdir().unwrap();
        let path = golden(directory.path());
        assert_eq!(set_kind_of_booleans(&path, kind), 3);
        let view = open_view(&path).unwrap();
        assert_eq!(check_current(view.map()).unwrap().unwrap().generation.0, 1, "its checksums fit");
        let archive = copy_current(view.map()).unwrap().unwrap();
        let by_the_book = by_the_book::Snapshot::open(&path);
        for flag in cases::flags("v1-small") {
            let (expected_kind, expected) = cases::describe(&flag.value);
            let found = archive.value_of(archive.find(&flag.key));
            let booked = by_the_book.get(flag.key.as_bytes());
            if expected_kind == "bool" {
                assert!(
                    found.is_none() && booked.is_none(),
                    "kind {kind}, {}: {found:?} {booked:?}",
                    flag.key
                );
            } else {
                assert_eq!(
                    cases::describe(&found.unwrap()),
                    (expected_kind, expected.clone()),
                    "{}",
                    flag.key
                );
                assert_eq!(booked, Some((expected_kind, expected)), "{}", flag.key);
            }
        }
        drop(view);
        // A publisher of this version goes on from it.
        let opened = Writer::open(&path, &WriterOptions::default()).unwrap();
        assert!(matches!(opened.found, Opening::Superseded(_)), "kind {kind}: {:?}", opened.found);
    }
}

#[test]
fn words_and_codes_that_are_not_known_change_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = golden(directory.path());
    let file = writable(&path);
    let set = |at: usize, value: u64| file.write_all_at(&value.to_le_bytes(), at as u64 * 8).unwrap();
    // Those that version 1 leaves at zero.
    for at in [14, 15].into_iter().chain(35..48).chain([423, 471, 487]).chain(503..512) {
        set(at, u64::MAX / 3);
    }
    set(word::LINK, 77 << 56);
    set(word::LAST_FAILURE, 200 << 56 | 1);
    set(word::BEHIND, 201 << 56 | 1);
    let view = open_view(&path).unwrap();
    let status = flagstaff_format::status::read(view.map());
    assert_eq!(status.link, LinkState::Idle);
    assert_eq!(status.last_failure.unwrap().kind, FailureKind::Other);
    assert_eq!(status.behind.unwrap().kind, FailureKind::Other);
    let archive = copy_current(view.map()).unwrap().unwrap();
    for flag in cases::flags("v1-small") {
        let found = archive.value_of(archive.find(&flag.key)).unwrap();
        assert_eq!(cases::describe(&found), cases::describe(&flag.value), "{}", flag.key);
    }
}
