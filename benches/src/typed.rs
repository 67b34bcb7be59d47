//! One thread: getters of every type beside a map of values.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;

use flagstaff_reader::Reader;
use serde::Deserialize;

use crate::Outcome;
use crate::flags::{self, Random, publish};
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::{Work, contest};

const JSON: &str = r#"{"percent":25,"groups":["a","b"]}"#;
/// Value of every string.
pub(crate) const TEXT: &str = "treatment-group-3";

/// What a flag of kind JSON is parsed to.
#[derive(Debug, Deserialize)]
pub(crate) struct Rollout {
    pub(crate) percent: u64,
    groups: Vec<String>,
}

/// What a process would keep for itself.
enum Value {
    Bool(bool),
    Number(f64),
    Text(String),
    Json(String),
}

type Map = HashMap<String, Value, foldhash::fast::RandomState>;

/// All types at each size.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    for &count in scale.sizes {
        // At least two of each type.
        let keys = flags::keys(count.max(8));
        let path = folder.join(format!("typed-{count}.flagstaff"));
        let _publisher = publish(&path, &payload(&keys))?;
        getters(sheet, scale, &Reader::open(&path)?, &keys, count)?;
    }
    sheet.note("The map holds an enum of the four types, so that both sides check the type.");
    Ok(())
}

/// Booleans, numbers, strings and JSON objects in turn.
pub(crate) fn payload(keys: &[String]) -> String {
    let flags: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(i, key)| match i % 4 {
            0 => format!("\"{key}\":true"),
            1 => format!("\"{key}\":{i}.5"),
            2 => format!("\"{key}\":\"{TEXT}\""),
            _ => format!("\"{key}\":{JSON}"),
        })
        .collect();
    format!("{{{}}}", flags.join(","))
}

fn map(keys: &[String]) -> Map {
    let value = |i: usize| match i % 4 {
        0 => Value::Bool(true),
        1 => Value::Number(i as f64 + 0.5),
        2 => Value::Text(TEXT.to_owned()),
        _ => Value::Json(JSON.to_owned()),
    };
    keys.iter().enumerate().map(|(i, key)| (key.clone(), value(i))).collect()
}

/// Asks all and compares the sum of what came with what must come.
fn sum<K>(keys: &[K], expected: f64, mut look: impl FnMut(&K) -> f64) -> Outcome<usize> {
    let found: f64 = keys.iter().map(&mut look).sum();
    if found == expected {
        return Ok(keys.len());
    }
    Err(format!("wrong answers: their sum is {found}, expected {expected}").into())
}

fn getters(sheet: &mut Sheet, scale: &Scale, reader: &Reader, keys: &[String], count: usize) -> Outcome<()> {
    let map = map(keys);
    let mut random = Random(0x94D0_49BB_1331_11EB);
    let mut draw = |kind: usize| {
        let at: Vec<usize> = (0..scale.queries).map(|_| random.below(keys.len() / 4) * 4 + kind).collect();
        let numbers: f64 = at.iter().map(|i| *i as f64 + 0.5).sum();
        (at.into_iter().map(|i| keys[i].clone()).collect::<Vec<_>>(), numbers)
    };
    let ((bools, _), (numbers, total), (texts, _), (jsons, _)) = (draw(0), draw(1), draw(2), draw(3));
    let many = scale.queries as f64;
    let json_score = |text: &str| {
        serde_json::from_str::<Rollout>(text)
            .map_or(0.0, |rollout| rollout.percent as f64 + rollout.groups.len() as f64)
    };
    let text_in = |key: &String| match map.get(key.as_str()) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let bytes = many * TEXT.len() as f64;
    let mut works: [((&str, &str), Work<'_>); 10] = [
        (("Flagstaff", "bool"), &mut || {
            sum(&bools, many, |key| f64::from(u8::from(reader.get_bool(key.as_str()))))
        }),
        (("map of values", "bool"), &mut || {
            sum(&bools, many, |key| match map.get(key.as_str()) {
                Some(Value::Bool(value)) => f64::from(u8::from(*value)),
                _ => 0.0,
            })
        }),
        (("Flagstaff", "number"), &mut || sum(&numbers, total, |key| reader.get_number(key.as_str()))),
        (("map of values", "number"), &mut || {
            sum(&numbers, total, |key| match map.get(key.as_str()) {
                Some(Value::Number(value)) => *value,
                _ => 0.0,
            })
        }),
        (("Flagstaff", "string, borrowed"), &mut || {
            sum(&texts, bytes, |key| {
                reader.with_str(key.as_str(), |text| black_box(text).map_or(0, str::len)) as f64
            })
        }),
        (("map of values", "string, borrowed"), &mut || {
            sum(&texts, bytes, |key| black_box(text_in(key)).len() as f64)
        }),
        (("Flagstaff", "string, allocated"), &mut || {
            sum(&texts, bytes, |key| black_box(reader.get_string(key.as_str())).len() as f64)
        }),
        (("map of values", "string, allocated"), &mut || {
            sum(&texts, bytes, |key| black_box(text_in(key).to_owned()).len() as f64)
        }),
        (("Flagstaff", "JSON, parsed"), &mut || {
            sum(&jsons, many * 27.0, |key| {
                let rollout = reader.get_json::<Rollout>(key.as_str());
                rollout.map_or(0.0, |rollout| rollout.percent as f64 + rollout.groups.len() as f64)
            })
        }),
        (("map of values", "JSON, parsed"), &mut || {
            sum(&jsons, many * 27.0, |key| match map.get(key.as_str()) {
                Some(Value::Json(text)) => json_score(text),
                _ => 0.0,
            })
        }),
    ];
    let times = contest(scale.rounds, &mut works)?;
    for (at, ((who, kind), _)) in works.iter().enumerate() {
        let row = format!("{kind}: {who}");
        sheet.point("ns per read over number of flags, by type, hit", &row, count, times.median(at), "ns");
    }
    Ok(())
}
