//! Every call of a reader.

use std::time::Duration;

use flagstaff_format::{Generation, Key};
use flagstaff_reader::Reader;

/// A key for each kind of value, and one that is too long for a record.
pub const KEYS: [&str; 6] = [
    "on",
    "number",
    "a-key-that-is-longer-than-forty-eight-bytes-and-so-has-a-middle",
    "text",
    "json",
    "big",
];

/// Calls every method of a reader, with these keys and some that do not exist. The values are ignored: no call may crash, hang or
/// take memory without bound, whatever happened to the file. Returns the number of flags in a whole copy.
pub fn every_call(reader: &Reader, keys: &[&str]) -> usize {
    let absent = ["", "absent", "absent and longer than forty-eight bytes, middle and all"];
    for key in keys.iter().copied().chain(absent) {
        let _ = (reader.get_bool(key), reader.get_bool_or(key, true), reader.get_number(key));
        let _ = (reader.get_number_or(key, 1.0), reader.get_i64(key), reader.get_i64_or(key, 1));
        let _ = (reader.get_u64(key), reader.get_u64_or(key, 1), reader.get_string(key));
        let _ = (reader.get_string_or(key, "x"), reader.with_str(key, |text| text.map(str::len)));
        let _ = (reader.get(key), reader.get_bool(Key::new(key)), reader.get_json::<Vec<Option<u64>>>(key));
        let _ = reader.get_json_or(key, true);
        let (on, number, text) = (reader.bool_flag(key), reader.number_flag(key), reader.string_flag(key));
        let json = reader.json_flag::<bool>(key);
        // Twice: the second time from the handle's memory.
        for _ in 0..2 {
            let _ = (on.get(), number.get(), text.get(), json.get());
        }
    }
    let in_view = reader.read(|view| {
        let all = keys.iter().map(|key| {
            (view.get_bool(*key), view.get_i64_or(*key, 0), view.get_string(*key), view.get_json_text(*key))
        });
        all.collect::<Vec<_>>()
    });
    drop(in_view);
    let snapshot = reader.snapshot();
    let flags = snapshot.iter().map(|(key, value)| (key.len(), format!("{value:?}").len())).count();
    for key in keys.iter().copied() {
        let _ = (snapshot.get(key), snapshot.get_bool(key), snapshot.get_number(key));
        let _ = (snapshot.get_str(key), snapshot.get_json_text(key));
    }
    let _ = (reader.generation(), reader.status(), snapshot.published_at());
    let _ = (reader.path().as_os_str().len(), reader.unsettled_reads(), reader.clone().generation());
    let _ = reader.wait_for_change(Generation(0), Duration::ZERO);
    flags
}
