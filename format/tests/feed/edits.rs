//! What a publish finds that it changes.

use std::collections::BTreeMap;

use flagstaff_format::{Archive, Facts, Flag, Generation, Value};

use super::{folder, open};

/// The quick comparison of lines and the one of all records.
#[test]
fn what_a_publish_tells_is_what_a_comparison_of_all_flags_finds_over_random_edits() {
    let mut random = fastrand::Rng::with_seed(5);
    let (mut same_length, mut told_some) = (0, 0);
    for _ in 0..if std::env::var("FLAGSTAFF_LONG").is_ok_and(|text| text == "1") { 200 } else { 6 } {
        let (_folder, path) = folder();
        let mut writer = open(&path);
        let key = |i: usize| format!("{i}-{}", "k".repeat(i * 11 % 80));
        let value = |random: &mut fastrand::Rng| match random.u32(..5) {
            0 => Value::Bool(random.bool()),
            1 => Value::I64(random.i64(..4)),
            2 => Value::Null,
            3 => Value::String(["a", "b", "longer text", "longer texx"][random.usize(..4)].repeat(3).into()),
            _ => Value::Json(format!("[{}]", random.u32(..20)).into()),
        };
        let mut now: BTreeMap<String, Value<'static>> =
            (0..random.usize(1..120)).map(|i| (key(i), value(&mut random))).collect();
        let build = |now: &BTreeMap<String, Value<'static>>| {
            let flags: Vec<_> =
                now.iter().map(|(key, value)| Flag { key: key.into(), value: value.clone() }).collect();
            Archive::build(&flags, Generation(1), Facts::default()).unwrap()
        };
        let mut last = build(&now);
        writer.publish(&mut last).unwrap();
        for _ in 0..60 {
            let keys: Vec<String> = now.keys().cloned().collect();
            for _ in 0..random.usize(..4) {
                now.insert(keys[random.usize(..keys.len())].clone(), value(&mut random));
            }
            match random.u32(..12) {
                0 => drop(now.insert(key(random.usize(..150)), Value::Null)),
                1 if now.len() > 1 => drop(now.remove(&keys[0])),
                _ => {}
            }
            let mut next = build(&now);
            writer.publish(&mut next).unwrap();
            let all = flagstaff_format::changed_places(&last, &next);
            assert_eq!(writer.changed(), all.as_deref());
            same_length += u32::from(last.bytes().len() == next.bytes().len());
            told_some += u32::from(all.is_some_and(|places| !places.is_empty()));
            last = next;
        }
    }
    assert!(same_length > 60 && told_some > 100, "{same_length}, {told_some}");
}
