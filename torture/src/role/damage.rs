//! A reader of a file that it damages, bit by bit and by its length.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_format::layout::{Area, FILE_BYTES, HEADER_BYTES, PAGE};
use flagstaff_reader::{Reader, Snapshot, Value};

use super::stdio::{Outcome, argument, is_ending, say};
use crate::calls::every_call;

/// The keys of the file; one is longer than the fast path takes.
pub(crate) const KEYS: [&str; 5] = [
    "on",
    "number",
    "text",
    "json",
    "a-key-that-is-longer-than-sixty-four-bytes-and-so-is-compared-by-another-loop",
];

/// Bytes of each area that are damaged and copied: all that these flags take.
const AREA_PART: u64 = 2 * PAGE;

/// The payload with number `n`, from 1 on.
pub(crate) fn payload(n: i64) -> String {
    let [on, number, text, json, long] = KEYS;
    format!(
        "{{\"{on}\":true,\"{number}\":{n},\"{text}\":\"text {n}\",\"{json}\":{{\"n\":[{n}]}},\"{long}\":{n}}}"
    )
}

/// Whether all flags have one number from 1 to `most` (true), or there are none (false). Anything else is wrong.
fn judge(snapshot: &Snapshot, get: impl Fn(&str) -> Option<String>, most: i64) -> Result<bool, String> {
    let values = KEYS.map(get);
    if values.iter().all(Option::is_none) && snapshot.is_empty() {
        return Ok(false);
    }
    let is_right = |n: i64| {
        let right = [
            "true".to_owned(),
            n.to_string(),
            format!("text {n}"),
            format!("{{\"n\":[{n}]}}"),
            n.to_string(),
        ];
        values.iter().zip(&right).all(|(value, right)| value.as_ref() == Some(right))
    };
    if (1..=most).any(is_right) && snapshot.len() == KEYS.len() {
        return Ok(true);
    }
    Err(format!("wrong values: {values:?}, and {} flags in a copy", snapshot.len()))
}

fn text(value: Value<'_>) -> String {
    match value {
        Value::Bool(on) => on.to_string(),
        Value::I64(n) => n.to_string(),
        Value::String(text) | Value::Json(text) => text.into_owned(),
        other => format!("{other:?}"),
    }
}

/// `<seed> <highest number in the file> <milliseconds>`. What it does next is written to `<file>.note` first, so that it is known after
/// a crash.
pub(super) fn damage(path: &Path, arguments: &[String]) -> Outcome {
    let (seed, most, time): (u64, i64, u64) =
        (argument(arguments, 0)?, argument(arguments, 1)?, argument(arguments, 2)?);
    let mut random = fastrand::Rng::with_seed(seed);
    let (begun, time) = (Instant::now(), Duration::from_millis(time));
    let file = File::options().read(true).write(true).open(path)?;
    let note = File::create(path.with_extension("note"))?;
    if !opened(path, most)? {
        return Err("the file that is to be damaged has no flags".into());
    }
    let mut done = [0_u64; 4];
    while begun.elapsed() < time && !is_ending() {
        let part = random.u64(..=4);
        let start = if part == 0 { 0 } else { Area::ALL[part as usize - 1].offset() };
        let at = start + random.u64(..if part == 0 { HEADER_BYTES / 16 } else { AREA_PART });
        let bit = random.u8(..8);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at)?;
        let is_living = random.bool();
        let how = if is_living { "while it is read" } else { "before it is opened" };
        note.write_all_at(format!("bit {bit} of byte {at} flipped {how:<30}\n").as_bytes(), 0)?;
        let flipped = [byte[0] ^ 1 << bit];
        if is_living {
            let reader = Reader::open(path)?;
            file.write_all_at(&flipped, at)?;
            every_call(&reader, &KEYS);
            done[0] += 1;
        } else {
            file.write_all_at(&flipped, at)?;
            let has_flags = opened(path, most).map_err(|what| format!("bit {bit} of byte {at}: {what}"))?;
            done[if has_flags { 1 } else { 2 }] += 1;
        }
        file.write_all_at(&byte, at)?;
        if random.u8(..32) == 0 {
            let length = random.u64(..FILE_BYTES);
            note.write_all_at(format!("a copy of {length} bytes{:<30}\n", "").as_bytes(), 0)?;
            shortened(path, length)?;
            done[3] += 1;
        }
    }
    if !opened(path, most)? {
        return Err("the repaired file has no flags".into());
    }
    let [living, right, refused, lengths] = done;
    say(&format!("done {living} {right} {refused} {lengths}"));
    Ok(())
}

/// Opens the file and makes every call. Whether it has flags.
fn opened(path: &Path, most: i64) -> Result<bool, String> {
    every_call(&Reader::attach(path), &KEYS);
    let Ok(reader) = Reader::open(path) else { return Ok(false) };
    every_call(&reader, &KEYS);
    judge(&reader.snapshot(), |key| reader.get(key).map(text), most)
}

/// A copy with another length must be refused.
fn shortened(path: &Path, length: u64) -> Outcome {
    let copy = path.with_extension("short");
    let from = File::open(path)?;
    let to = File::options().read(true).write(true).create(true).truncate(true).open(&copy)?;
    let parts = [(0, HEADER_BYTES)].into_iter().chain(Area::ALL.map(|area| (area.offset(), AREA_PART)));
    for (at, bytes) in parts {
        let mut part = vec![0; bytes as usize];
        from.read_exact_at(&mut part, at)?;
        to.write_all_at(&part, at)?;
    }
    to.set_len(length)?;
    let opened = Reader::open(&copy).map(drop);
    every_call(&Reader::attach(&copy), &KEYS);
    fs::remove_file(&copy)?;
    match opened {
        Err(_) => Ok(()),
        Ok(()) => Err(format!("a copy of {length} bytes, cut off, was opened").into()),
    }
}

#[cfg(test)]
mod tests {
    use flagstaff_publisher::{Publisher, PublisherOptions};

    use super::*;

    #[test]
    fn a_flag_of_another_number_or_a_missing_one_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.flagstaff");
        assert_eq!(opened(&path, 3), Ok(false));
        let mut publisher = Publisher::open(&path, &PublisherOptions::default()).unwrap();
        let mut publish = |payload: &str| drop(publisher.publish(payload).unwrap());
        publish(&payload(3));
        assert_eq!(opened(&path, 3), Ok(true));
        assert!(opened(&path, 2).is_err(), "a number that nobody published");
        publish(&payload(3).replace("\"number\":3", "\"number\":2"));
        assert!(opened(&path, 3).is_err(), "a mix");
        publish(&payload(3).replace("\"on\":true,", ""));
        assert!(opened(&path, 3).is_err(), "a flag is missing");
        publish(&payload(3).replace("\"on\":true,", "\"on\":true,\"more\":1,"));
        assert!(opened(&path, 3).is_err(), "a flag more");
    }
}
