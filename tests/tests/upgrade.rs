//! docs/upgrade.md: what the command says of files of other versions, made from golden files or byte by byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "../../format/tests/golden/cases.rs"]
mod cases;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flagstaff_format::layout::{HEADER_BYTES, VERSION, word};
use flagstaff_reader::{PathState, Reader};
use flagstaff_tests::place::{Place, answer, flagstaff};
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::DEADLINE;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn page() -> String {
    fs::read_to_string(root().join("docs/upgrade.md")).unwrap()
}

/// The page has what a program says, with `..` where it differs from file to file.
#[track_caller]
fn page_has(said: &str) {
    assert!(page().contains(said), "docs/upgrade.md has no {said:?}");
}

/// A file with the flag `n` that a newer version has made its own.
fn newer(version: u64) -> Place {
    let place = Place::new();
    place.publish(r#"{"n":1}"#);
    make_newer(&place, version);
    place
}

fn make_newer(place: &Place, version: u64) {
    place.set_word(word::VERSION, version | HEADER_BYTES << 32);
    // A whole header of another format: were only the number different, it would be taken for damage.
    place.set_word(word::CHECKSUM, 2);
}

#[test]
fn the_page_has_the_version_and_the_format_of_this_program() {
    let mut version = flagstaff();
    version.arg("--version");
    let said = answer(version).stdout;
    page_has(&format!("`{said}`"));
    let short = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    page_has(&format!("| {short} | {VERSION} | "));
}

#[test]
fn the_command_reads_every_golden_file_of_every_version_that_the_page_names() {
    let golden = root().join("format/tests/golden");
    let names = fs::read_dir(&golden).unwrap().map(|entry| entry.unwrap().path());
    let packed: Vec<_> = names.filter(|path| path.extension().is_some_and(|end| end == "pages")).collect();
    assert!(packed.len() >= cases::NAMES.len());
    let page = page();
    let row = page.lines().find(|line| line.starts_with("| 0.1 |")).unwrap();
    let formats: Vec<&str> = row.rsplit('|').nth(1).unwrap().split(',').map(str::trim).collect();
    for packed in packed {
        let name = packed.file_stem().unwrap().to_str().unwrap();
        let version = name.strip_prefix('v').and_then(|name| name.split('-').next()).unwrap();
        assert!(formats.contains(&version), "the page does not say that format {version} is read");
        let place = Place::new();
        cases::expand(&fs::read(&packed).unwrap(), &place.file());
        let list = fs::read_to_string(packed.with_extension("txt")).unwrap();
        let flags: Vec<&str> = list.lines().skip(1).collect();
        let status = place.status();
        assert_eq!(
            (&status["format"], &status["flags"]),
            (&version.parse().unwrap(), &flags.len().into()),
            "{name}"
        );
        let dumped = place.answer("dump", [""; 0]);
        if flags.is_empty() {
            continue;
        }
        // A number that no double holds.
        let dumped: Value = serde_json::from_str(&dumped.stdout.replace("1e999", "0")).unwrap();
        assert_eq!(dumped.as_object().unwrap().len(), flags.len(), "{name}");
        for fields in flags.iter().map(|line| line.split('\t').collect::<Vec<_>>()) {
            if let [kind @ ("bool" | "string" | "i64"), key, value] = fields[..] {
                let found = &dumped[key];
                let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                assert_eq!(found, value, "{name}, {kind} {key:?}");
            }
        }
    }
}

#[test]
fn words_and_codes_of_a_newer_version_are_shown_as_the_page_says_and_outlive_a_publisher() {
    let place = Place::new();
    place.publish(r#"{"n":1}"#);
    place.set_word(511, 12345);
    place.set_word(word::LINK, 77 << 56);
    place.set_word(word::LAST_FAILURE, 200 << 56 | 1);
    place.set_word(word::BEHIND, 201 << 56 | 1);
    let status = place.status();
    assert_eq!(
        (&status["link"], &status["last_error"]["kind"]),
        (&"idle".into(), &"other".into()),
        "{status}"
    );
    assert_eq!(status["behind"]["kind"], "other");
    let people = place.answer("status", [""; 0]).stdout;
    assert!(people.contains("another error"), "{people}");
    for said in ["kind `other`", "\"another error\"", "| `idle` |"] {
        page_has(said);
    }
    assert_eq!(place.get("n"), "1");
    place.publish(r#"{"n":2}"#);
    assert_eq!((place.get("n"), place.word(511)), ("2".to_owned(), 12345));
}

#[test]
fn a_newer_format_is_refused_by_everything_with_what_to_do_and_left_as_it_is() {
    let place = newer(2);
    let said = "has format 2, this program reads format 1; upgrade this program";
    page_has(said);
    let is_now = || fs::metadata(place.file()).map(|file| (file.ino(), file.modified().unwrap())).unwrap();
    let before = is_now();
    fs::write(place.join("flags.json"), r#"{"n":2}"#).unwrap();
    let source = place.join("flags.json");
    let source = source.to_str().unwrap();
    let commands: [(&str, &[&str]); 7] = [
        ("get", &["n"]),
        ("dump", &[]),
        ("status", &[]),
        ("verify", &[]),
        ("publish", &[source]),
        ("run", &["--no-wait", "--source", source]),
        ("override", &["n", "3", "--for", "1m", "--reason", "x"]),
    ];
    for (command, arguments) in commands {
        let answer = place.answer(command, arguments);
        assert_eq!(answer.code, 1, "{command}: {answer:?}");
        assert!(answer.stderr.contains(said), "{command}: {answer:?}");
    }
    assert_eq!(is_now(), before, "the file was changed");
    let older = newer(0).answer("status", [""; 0]);
    assert!(older.stderr.contains("publish again with a current publisher"), "{older:?}");
    page_has("\"publish again with a current publisher\"");
}

#[test]
fn a_reader_that_runs_keeps_its_flags_when_a_newer_format_takes_the_place_of_its_file() {
    let place = Place::new();
    place.publish(r#"{"n":1}"#);
    let reader = Reader::open(place.file()).unwrap();
    // As a publisher does it: a new file under the same name.
    fs::rename(newer(2).file(), place.file()).unwrap();
    assert_eq!((reader.status().path, reader.get_i64("n")), (PathState::Stuck, 1));
    page_has("its status says `path_stuck`");
}

#[test]
fn a_file_of_another_fingerprint_is_an_error_to_readers_and_superseded_by_a_publisher() {
    let place = Place::new();
    place.publish(r#"{"n":1}"#);
    let reader = Reader::open(place.file()).unwrap();
    place.set_word(word::FINGERPRINT, 7);
    let bytes: Vec<u8> = (0..word::CHECKSUM).flat_map(|at| place.word(at).to_le_bytes()).collect();
    place.set_word(word::CHECKSUM, xxhash_rust::xxh3::xxh3_64(&bytes));
    let answer = place.answer("get", ["n"]);
    let said = "damaged header: layout 0x0000000000000007, expected 0x";
    assert!(answer.stderr.contains(said), "{answer:?}");
    assert!(answer.stderr.contains("; a publisher repairs it, or remove the file"), "{answer:?}");
    page_has("\"damaged header: layout .., expected ..; a publisher repairs it, or remove the file\"");
    assert_eq!(reader.get_i64("n"), 1, "who runs keeps its flags");
    let inode = fs::metadata(place.file()).unwrap().ino();
    fs::write(place.join("flags.json"), r#"{"n":2}"#).unwrap();
    let mut run = place.flagstaff("run");
    run.arg("--source").arg(place.join("flags.json"));
    let publisher = Process::start(run);
    place.wait_for_n(2);
    assert_ne!(fs::metadata(place.file()).unwrap().ino(), inode);
    flagstaff_tests::wait::wait_until("the reader follows", DEADLINE, || reader.get_i64("n") == 2);
    drop(publisher);
}
