//! Snapshots whose every flag follows from one number.

use flagstaff_format::{Archive, Facts, Flag, Generation, Value};
use flagstaff_reader::Snapshot;

/// Flags that stay as they are in most publishes: their lines are not stored again.
const SELDOM: u64 = 12;

fn seldom(n: u64) -> u64 {
    if n.is_multiple_of(4) { n } else { 0 }
}

/// Content number `n`, with a text of `filler` bytes.
pub(crate) fn archive(n: u64, filler: usize) -> Archive {
    let mut flags =
        vec![flag("n".to_owned(), Value::I64(n as i64)), flag("bytes".to_owned(), Value::I64(filler as i64))];
    flags.push(flag("text".to_owned(), Value::String(text(n, filler).into())));
    flags.extend((0..40).map(|i| flag(format!("flag-number-{i}"), Value::I64((n * 40 + i) as i64))));
    flags
        .extend((0..SELDOM).map(|i| flag(format!("changes-seldom-{i}"), Value::I64((seldom(n) + i) as i64))));
    Archive::build(&flags, Generation(1), Facts::default()).unwrap()
}

/// The number of a snapshot that is whole; 0 of one without flags.
pub(crate) fn number(snapshot: &Snapshot) -> Result<u64, String> {
    if snapshot.is_empty() {
        return Ok(0);
    }
    let n = snapshot.get_number("n") as u64;
    let filler = snapshot.get_number("bytes") as usize;
    let good = snapshot.len() == 43 + SELDOM as usize
        && (0..SELDOM)
            .all(|i| snapshot.get_number(format!("changes-seldom-{i}").as_str()) == (seldom(n) + i) as f64)
        && snapshot.get_str("text") == Some(text(n, filler).as_str())
        && (0..40).all(|i| snapshot.get_number(format!("flag-number-{i}").as_str()) == (n * 40 + i) as f64);
    if good { Ok(n) } else { Err(format!("a mix that says {n}")) }
}

/// As [`number`], of an archive.
pub(crate) fn number_of(archive: &Archive) -> Result<u64, String> {
    archive.verify().map_err(|damage| format!("the archive is not whole: {damage}"))?;
    archive.find("n").u64().ok_or_else(|| "an archive without a number".to_owned())
}

fn flag(key: String, value: Value<'static>) -> Flag<'static> {
    Flag { key: key.into(), value }
}

fn text(n: u64, filler: usize) -> String {
    let mut text = String::with_capacity(filler + 32);
    let mut i = n;
    while text.len() < filler {
        i = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) ^ n;
        text.push_str(&format!("{i:016x}"));
    }
    text
}
