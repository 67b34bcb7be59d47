//! Readers that were opened on a small snapshot and live on while the next ones are larger.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests, also outside of test functions")]

mod stage;

use flagstaff_format::{Flag, Value};
use flagstaff_reader::Reader;
use stage::{Stage, flag, publish};

/// A key of a length, which no other number gives.
fn key(bytes: usize, number: usize) -> String {
    let number = number.to_string();
    if bytes < number.len() { number } else { format!("{}{number}", "k".repeat(bytes - number.len())) }
}

/// As many flags with long texts as `filler`, and behind their texts one flag of every type for a key of `bytes` bytes.
fn snapshot(filler: usize, text: usize, bytes: usize, generation: u64) -> Vec<Flag<'static>> {
    let long = "x".repeat(text);
    let filler = (0..filler).map(|i| flag(&format!("filler-{i}"), Value::String(long.clone().into())));
    let asked = [
        Value::Bool(true),
        Value::U64(generation),
        Value::String(format!("{generation} {long}").into()),
        Value::Json(format!("[{generation}]").into()),
    ];
    let asked = asked.into_iter().enumerate().map(|(i, value)| flag(&key(bytes, i), value));
    filler.chain(asked).collect()
}

/// Symptom: a flag that is `true` was read as `false`, for ever, by a reader that was opened on a small snapshot, when its key has
/// over 48 bytes. Cause: the record was found, but the middle of its key stood behind the bytes that this reader knew to be
/// reserved, and that was taken for "another key", so that the bounds were never looked at again. Fix: what cannot be compared is
/// not settled; the read looks at the bounds and is done again.
#[test]
fn a_reader_of_a_small_snapshot_finds_every_flag_of_the_larger_ones_that_follow() {
    let lengths = (1..=66).chain([96, 127, 128, 200, 256]);
    for bytes in lengths {
        for (filler, text) in [(400, 100), (100, 1000), (2000, 10)] {
            let (stage, mut writer) = Stage::with_writer();
            publish(&mut writer, &[flag("small", Value::Bool(true))]);
            // One for each way of reading: a read of one kind looks at the bounds for all others.
            let readers: [Reader; 9] = std::array::from_fn(|_| Reader::open(&stage.path).unwrap());
            let [truth, number, text_key, json] = [0, 1, 2, 3].map(|i| key(bytes, i));
            let bool_flag = readers[4].bool_flag(&truth);
            let number_flag = readers[5].number_flag(&number);
            let string_flag = readers[6].string_flag(&text_key);
            assert!(!bool_flag.get() && number_flag.get() == 0.0 && string_flag.get().is_empty());
            for _ in 0..3 {
                let now = writer.generation().0 + 1;
                publish(&mut writer, &snapshot(filler, text, bytes, now));
                let told = format!("{now} {}", "x".repeat(text));
                let what = format!("key of {bytes} bytes, {filler} texts of {text}, generation {now}");
                assert!(readers[0].get_bool(&truth), "get_bool: {what}");
                assert_eq!(readers[1].get_u64(&number), now, "get_u64: {what}");
                assert_eq!(readers[2].get_string(&text_key), told, "get_string: {what}");
                assert_eq!(readers[3].get_json(&json), Some(vec![now]), "get_json: {what}");
                assert!(bool_flag.get(), "bool handle: {what}");
                assert_eq!(number_flag.get(), now as f64, "number handle: {what}");
                assert_eq!(&*string_flag.get(), told, "string handle: {what}");
                let read = readers[7].read(|view| (view.get_string(&text_key), view.get_bool(&truth)));
                assert_eq!(read, (told, true), "read: {what}");
                assert_eq!(readers[8].type_counts().bools, 1, "kinds: {what}");
                assert_eq!(readers[8].get(&truth), Some(Value::Bool(true)), "get: {what}");
            }
        }
    }
}
