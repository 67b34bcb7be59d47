//! Golden files: every reader opens the files of every released version, and the builder makes the same bytes again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "golden/by_the_book.rs"]
mod by_the_book;
#[path = "golden/cases.rs"]
mod cases;

use std::path::{Path, PathBuf};

use flagstaff_format::layout::Area;
use flagstaff_format::{Archive, Hashed, Hit, Key, Opening, View, Writer, WriterOptions};
use flagstaff_format::{check_current, copy_current, frame_of, open_view};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The golden file as a real one, and what is to be found in it.
fn expanded(name: &str, directory: &Path) -> (PathBuf, u64, Vec<[String; 3]>) {
    let path = directory.join(format!("{name}.flagstaff"));
    cases::expand(&std::fs::read(golden(&format!("{name}.pages"))).unwrap(), &path);
    let list = std::fs::read_to_string(golden(&format!("{name}.txt"))).unwrap();
    let mut lines = list.split_terminator('\n');
    let generation = lines.next().unwrap().parse().unwrap();
    let flags = lines.map(|line| {
        let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
        fields.try_into().unwrap()
    });
    (path, generation, flags.collect())
}

fn found_in(view: &View, key: &str) -> Hit {
    let hashed = Hashed::new(key.as_bytes());
    let found = view.attempt(view.observe(), key, &hashed).unwrap();
    let probe = if key.len() > 48 { view.probe_long(key.as_bytes(), &hashed) } else { view.probe(&hashed) };
    assert!(probe.is_none_or(|probe| probe == found), "{key:?}");
    found
}

fn described(archive: &Archive, found: Hit) -> [String; 2] {
    let (kind, value) = cases::describe(&archive.value_of(found).unwrap());
    [kind.to_owned(), value]
}

#[test]
fn every_golden_file_opens_and_answers_every_flag() {
    let directory = tempfile::tempdir().unwrap();
    for name in cases::NAMES {
        let (path, generation, flags) = expanded(name, directory.path());
        let view = open_view(&path).unwrap();
        assert!(view.refresh_bounds());
        assert_eq!(view.observe().generation().0, generation, "{name}");
        assert_eq!(view.observe().is_superseded(), name == "v1-marked");
        assert_eq!(view.header().unwrap().created_at, cases::TIME);
        let frame = check_current(view.map()).unwrap();
        assert_eq!(frame.map(|frame| frame.generation.0), (generation > 0).then_some(generation));
        let Some(archive) = copy_current(view.map()).unwrap() else {
            assert!(flags.is_empty());
            continue;
        };
        archive.verify().unwrap();
        assert_eq!(archive.len(), flags.len());
        assert_eq!(archive.facts().published_at, cases::TIME + generation);
        for [kind, key, value] in &flags {
            let expected = [kind.clone(), value.clone()];
            assert_eq!(described(&archive, archive.find(key)), expected, "{name}: {key:?}");
            assert_eq!(described(&archive, found_in(&view, key)), expected, "{name}: {key:?}");
        }
        assert!(!found_in(&view, "no-such-flag").is_present());
    }
}

#[test]
fn a_decoder_written_from_the_document_alone_reads_every_golden_file() {
    let directory = tempfile::tempdir().unwrap();
    for name in cases::NAMES {
        let (path, generation, flags) = expanded(name, directory.path());
        let file = by_the_book::Snapshot::open(&path);
        assert_eq!(file.generation(), generation, "{name}");
        for [kind, key, value] in &flags {
            let found = file.get(key.as_bytes());
            assert_eq!(found, Some((kind.as_str(), value.clone())), "{name}: {key:?}");
        }
        assert_eq!(file.get(b"no-such-flag"), None);
    }
}

#[test]
fn the_builder_still_makes_the_bytes_of_the_golden_files() {
    let directory = tempfile::tempdir().unwrap();
    for name in cases::NAMES {
        let (golden, _, _) = expanded(name, directory.path());
        let made = directory.path().join(format!("made-{name}.flagstaff"));
        cases::make(name, &made);
        assert_eq!(cases::list(name), std::fs::read_to_string(self::golden(&format!("{name}.txt"))).unwrap());
        let (golden, made_view) = (open_view(&golden).unwrap(), open_view(&made).unwrap());
        for area in Area::ALL {
            let frames = [&golden, &made_view].map(|view| frame_of(view.map(), area));
            assert_eq!(frames[0], frames[1], "{name}: {area}");
            let Ok(frame) = &frames[0] else { continue };
            for word in area.word()..area.word() + 8 + frame.archive_bytes as usize / 8 {
                let words = [&golden, &made_view].map(|view| view.map().load(word));
                assert_eq!(words[0], words[1], "{name}: {area}, word {}", word - area.word());
            }
        }
    }
}

#[test]
fn a_publisher_goes_on_above_the_generation_of_every_golden_file() {
    let directory = tempfile::tempdir().unwrap();
    for name in cases::NAMES {
        let (path, generation, flags) = expanded(name, directory.path());
        // Their boot is never this one.
        let mut opened = Writer::open(&path, &WriterOptions::default()).unwrap();
        assert!(matches!(opened.found, Opening::Superseded(_)), "{name}");
        assert_eq!(opened.snapshot.as_ref().map_or(0, Archive::len), flags.len(), "{name}");
        let next = opened.writer.publish(&mut cases::archive(name, 1)).unwrap();
        assert!(next.0 > generation, "{name}");
    }
}

/// The numbers of the document are those of the code.
#[test]
fn the_document_has_the_test_vectors_the_constants_and_every_header_word() {
    use flagstaff_format::layout::{AREA_BYTES, FILE_BYTES, FINGERPRINT, MAGIC, word};
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md");
    let document = std::fs::read_to_string(path).unwrap();
    assert!(document.is_ascii());
    let vectors: [(&str, u64); 5] = include!("../src/bytes/key_vectors.in");
    for (key, hash) in vectors {
        assert!(document.contains(&format!("| `{key:?}` | `{hash:#018x}` |")), "{key:?}");
        assert_eq!(by_the_book::hash(key.as_bytes()), hash, "{key:?}");
    }
    for number in [MAGIC, FINGERPRINT] {
        assert!(document.contains(&format!("{number:#018x}")), "{number:#018x}");
    }
    for number in [AREA_BYTES, FILE_BYTES] {
        assert!(document.contains(&number.to_string()), "{number}");
    }
    let rows = [
        (word::MAGIC, "magic"),
        (word::VERSION, "version"),
        (word::FINGERPRINT, "fingerprint"),
        (word::SLOT_BYTES, "slot bytes"),
        (word::CHECKPOINT_BYTES, "checkpoint bytes"),
        (word::CREATED_AT, "created at"),
        (word::IDENTITY, "identity"),
        (word::BOOT_ID, "boot id"),
        (word::CHECKSUM, "header checksum"),
        (word::GENERATION, "generation word"),
        (word::EVENT, "event word"),
        (word::PLACES[0], "places"),
        (word::RESERVED[0], "reserved"),
        (word::LINK, "link"),
        (word::LAST_CONTACT, "last contact"),
        (word::PUBLISHER_START, "publisher start"),
        (word::HEARTBEAT, "heartbeat"),
        (word::DURABLE, "durable"),
        (word::LAST_FAILURE, "last failure"),
        (word::BEHIND, "behind"),
        (word::FEED_HEADS[0], "feed heads"),
        (word::FEED, "feed ring"),
    ];
    for (at, name) in rows {
        let has = document.lines().any(|line| {
            line.starts_with(&format!("| {at} |")) && line.contains(&format!("| {name} |"))
                || line.starts_with(&format!("| {at}-")) && line.contains(&format!("| {name} |"))
        });
        assert!(has, "no row for word {at}, {name}");
    }
}

#[test]
fn the_hash_of_the_document_is_the_hash_of_the_code_for_keys_of_every_length() {
    for length in 0..200 {
        let key: String = (0..length).map(|i| char::from(b'!' + ((i * 7 + length) % 90) as u8)).collect();
        assert_eq!(by_the_book::hash(key.as_bytes()), Hashed::new(key.as_bytes()).hash(), "{length} bytes");
        assert_eq!(Key::new(&key).text(), key);
    }
}
