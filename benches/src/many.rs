//! One thread: several flags of one generation at once, beside as many single look-ups.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;

use flagstaff_reader::Reader;

use crate::Outcome;
use crate::flags::{booleans_of, keys, publish};
use crate::queries::{Mix, Queries};
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::{Work, contest};

type Map = HashMap<String, bool, foldhash::fast::RandomState>;

/// Each size.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    for &count in scale.sizes {
        let keys = keys(count);
        let path = folder.join(format!("many-{count}.flagstaff"));
        let _publisher = publish(&path, &booleans_of(&keys))?;
        let reader = Reader::open(&path)?;
        let map: Map = keys.iter().enumerate().map(|(i, key)| (key.clone(), i % 2 == 0)).collect();
        let asked = Queries::new(&keys, Mix::Hit, scale.queries);
        let asked: Vec<&str> = asked.keys.iter().map(String::as_str).collect();
        let expected = asked.iter().filter(|key| map.get(**key) == Some(&true)).count();
        let (of_16, of_8) = (asked.as_chunks::<16>().0, asked.as_chunks::<8>().0);
        let check = |found: usize| match found == expected {
            true => Ok(asked.len()),
            false => Err(format!("wrong answers: {found} are true, expected {expected}").into()),
        };
        let trues = |values: &[bool]| values.iter().filter(|value| **value).count();
        let mut works: [(&str, Work<'_>); 5] = [
            ("`get_bools` of 16", &mut || {
                check(of_16.iter().map(|keys| trues(&reader.get_bools(*black_box(keys)))).sum())
            }),
            ("16 look-ups in a `HashMap`", &mut || {
                let one = |key: &&str| map.get(*key).copied().unwrap_or(false);
                check(of_16.iter().map(|keys| trues(&black_box(keys).each_ref().map(one))).sum())
            }),
            ("`get_bools_of` 16", &mut || {
                check(of_16.iter().map(|keys| trues(&reader.get_bools_of(black_box(&keys[..])))).sum())
            }),
            ("`read` of 8", &mut || {
                let read = |keys: &[&str; 8]| reader.read(|flags| keys.map(|key| flags.get_bool(key)));
                check(of_8.iter().map(|keys| trues(&read(black_box(keys)))).sum())
            }),
            ("8 single reads", &mut || {
                check(of_8.iter().map(|keys| trues(&black_box(keys).map(|key| reader.get_bool(key)))).sum())
            }),
        ];
        let times = contest(scale.rounds, &mut works)?;
        for (at, (name, _)) in works.iter().enumerate() {
            sheet.point(
                "ns per flag over number of flags, read together",
                name,
                count,
                times.median(at),
                "ns",
            );
        }
        sheet.sized("`get_bools` of 16 / 16 look-ups in a `HashMap`", count, times.ratio(0, 1), "ratio");
        sheet.sized("`get_bools_of` 16 / 16 look-ups in a `HashMap`", count, times.ratio(2, 1), "ratio");
        sheet.sized("`read` of 8 / 8 single reads", count, times.ratio(3, 4), "ratio");
    }
    sheet.note(
        "All are hits, in random order. What is read together is of one generation; single reads may not be.",
    );
    Ok(())
}
