//! The golden files: what is in them, how they are made, and how they are stored.
//!
//! A snapshot file has 256 MiB, nearly all of it a hole. A golden file stores the pages that are not zero:
//!
//! ```text
//! flagstaff golden 1\n
//! then for each page: page number (8 bytes, little-endian), 4096 bytes
//! ```
//!
//! Beside it stands `<name>.txt`: the first line is the current generation, each further line a flag as
//! `kind <tab> key <tab> value`, in the order in which they were published. No key or value has a tab or a line feed.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "test code, also built into an example")]

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use flagstaff_format::layout::{Area, FILE_BYTES, word};
use flagstaff_format::protocol::MARK;
use flagstaff_format::{Archive, BootId, Facts, Flag, Generation, Header, Value, Writer, WriterOptions};

pub const TITLE: &[u8] = b"flagstaff golden 1\n";
pub const PAGE: u64 = 4096;
pub const NAMES: [&str; 5] = ["v1-empty", "v1-small", "v1-thousand", "v1-mid-publish", "v1-marked"];
/// 2026-01-02 03:04:05 UTC in microseconds.
pub const TIME: u64 = 1_767_323_045_000_000;

const IDENTITY: [u8; 32] = *b"identity of a source, 32 bytes!!";

pub fn flags(name: &str) -> Vec<Flag<'static>> {
    let flag = |key: &str, value| Flag { key: key.to_owned().into(), value };
    let text = |text: &str| Value::String(text.to_owned().into());
    match name {
        "v1-empty" => Vec::new(),
        "v1-thousand" => (0..1000)
            .map(|i| {
                let value = match i % 4 {
                    0 => Value::Bool(i % 8 == 0),
                    1 => Value::I64(i64::from(i) * 1_000_003 - 500_000_000),
                    2 => text(&format!("variant-{}", i % 7)),
                    _ => Value::F64(f64::from(i) / 16.0),
                };
                flag(&format!("service-{}.feature.flag-{i:04}", i % 13), value)
            })
            .collect(),
        _ => vec![
            flag("", Value::Bool(true)),
            flag("a", Value::Bool(false)),
            flag("seven77", Value::Null),
            flag("eight888", Value::I64(i64::MIN)),
            flag("new-checkout", Value::Bool(true)),
            flag("largest", Value::U64(u64::MAX)),
            flag("ratio", Value::F64(-0.125)),
            flag("negative-zero", Value::F64(-0.0)),
            flag("huge", Value::HugeNumber("1e999".into())),
            flag("empty-text", text("")),
            flag("text-of-eight", text("12345678")),
            flag("text", text("a text that takes more than one word")),
            flag("unicode-text", text("gr\u{fc}n \u{1f7e2}")),
            flag("object", Value::Json("{\"limits\":[1,2.5,null],\"on\":true}".into())),
            flag("array", Value::Json("[]".into())),
            flag("schl\u{fc}ssel.\u{65e5}\u{672c}.\u{1f511}", Value::I64(-1)),
            flag("exactly-forty-eight-bytes-long-and-so-inline-key", Value::I64(48)),
            flag("exactly-forty-nine-bytes-long-and-so-with-a-midst", Value::I64(49)),
            // Three keys of one 64-bit hash: two of them are overflow records.
            flag("equal-hash-000000010707.3K{d9ck)equal-hash-000000010707.", Value::I64(1)),
            flag("equal-hash-000000011832.Fv)t$jb-equal-hash-000000011832.", Value::I64(2)),
            flag("equal-hash-000000016126.Y_o]1ZCLequal-hash-000000016126.", Value::I64(3)),
            flag(&"very.long.key.of.two.hundred.and.sixty.bytes/".repeat(6)[..260], text("found")),
        ],
    }
}

pub fn generation(name: &str) -> u64 {
    match name {
        "v1-empty" => 0,
        "v1-small" | "v1-thousand" => 1,
        _ => 2,
    }
}

pub fn archive(name: &str, generation: u64) -> Archive {
    let mut facts = Facts::default();
    facts.published_at = TIME + generation;
    facts.identity = IDENTITY;
    facts.payload_bytes = 1000;
    facts.payload_digest = [1, 2];
    let flags = flags(name);
    Archive::build(&flags, Generation(generation), facts).unwrap()
}

/// Makes the file with the current writer, and then sets what differs from run to run: time and boot id.
pub fn make(name: &str, path: &Path) {
    let mut writer = Writer::open(path, &WriterOptions::default().identity(IDENTITY)).unwrap().writer;
    for number in 1..=generation(name) {
        let mut archive = archive(name, number);
        writer.publish(&mut archive).unwrap();
        if name == "v1-small" {
            writer.checkpoints().unwrap().write(&archive).unwrap();
        }
    }
    drop(writer);
    std::fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut header = Header::now(IDENTITY);
    header.created_at = TIME;
    header.made_at = 0;
    header.boot = BootId([0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef]);
    for (at, word) in header.words().into_iter().enumerate() {
        file.write_all_at(&word.to_le_bytes(), at as u64 * 8).unwrap();
    }
    let set_generation =
        |value: u64| file.write_all_at(&value.to_le_bytes(), word::GENERATION as u64 * 8).unwrap();
    match name {
        "v1-marked" => set_generation(4 | MARK),
        "v1-mid-publish" => {
            // A publisher died in its third publish: odd word, and half of the other slot written over.
            set_generation(5);
            let next = archive(name, 3);
            file.write_all_at(&next.bytes()[..700], Area::Slot(1).offset() + 64).unwrap();
        }
        _ => {}
    }
}

/// Stores the pages that are not zero.
pub fn pack(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut packed = TITLE.to_vec();
    let areas = Area::ALL.map(|area| area.offset() / PAGE);
    // What these small cases write lies in the first pages of each area.
    for start in std::iter::once(0).chain(areas) {
        for number in start..start + if start == 0 { 1 } else { 64 } {
            let mut page = [0; PAGE as usize];
            file.read_exact_at(&mut page, number * PAGE).unwrap();
            if page.iter().any(|byte| *byte != 0) {
                packed.extend_from_slice(&number.to_le_bytes());
                packed.extend_from_slice(&page);
            }
        }
    }
    packed
}

/// Makes the sparse file again.
pub fn expand(packed: &[u8], path: &Path) {
    let pages = packed.strip_prefix(TITLE).unwrap();
    let file = OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    file.set_len(FILE_BYTES).unwrap();
    let (pages, rest) = pages.as_chunks::<{ 8 + PAGE as usize }>();
    assert!(rest.is_empty());
    for page in pages {
        let (number, bytes) = page.split_first_chunk().unwrap();
        file.write_all_at(bytes, u64::from_le_bytes(*number) * PAGE).unwrap();
    }
}

/// The list that stands beside a golden file.
pub fn list(name: &str) -> String {
    let mut list = format!("{}\n", generation(name));
    for flag in flags(name) {
        let (kind, value) = describe(&flag.value);
        list += &format!("{kind}\t{}\t{value}\n", flag.key);
    }
    list
}

pub fn describe(value: &Value<'_>) -> (&'static str, String) {
    match value {
        Value::Null => ("null", String::new()),
        Value::Bool(value) => ("bool", value.to_string()),
        Value::I64(value) => ("i64", value.to_string()),
        Value::U64(value) => ("u64", value.to_string()),
        Value::F64(value) => ("f64", format!("{:#018x}", value.to_bits())),
        Value::HugeNumber(text) => ("huge", text.to_string()),
        Value::String(text) => ("string", text.to_string()),
        Value::Json(text) => ("json", text.to_string()),
        _ => ("unknown", String::new()),
    }
}
