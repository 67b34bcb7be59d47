//! One thread: a `Key` that was hashed before, beside the same key as text.

use std::path::Path;

use flagstaff_format::Hashed;
use flagstaff_reader::{Key, Reader};

use crate::Outcome;
use crate::flags::{Random, booleans_of, publish};
use crate::read::KEY_SETS;
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::{Work, check_sum, contest};

/// Both at each size and for each set of keys.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    for (set, make_keys) in KEY_SETS {
        for &count in scale.sizes {
            let folder = tempfile::tempdir_in(folder)?;
            one(sheet, scale, folder.path(), &make_keys(count), set)?;
        }
    }
    sheet.note(
        "One `Key` per flag and one string per flag: both sides ask through references to them, in random order, so that \
         both find the text equally far away in memory.",
    );
    Ok(())
}

fn one(sheet: &mut Sheet, scale: &Scale, folder: &Path, keys: &[String], set: &str) -> Outcome<()> {
    let path = folder.join("keyed.flagstaff");
    let _publisher = publish(&path, &booleans_of(keys))?;
    let reader = Reader::open(&path)?;
    let prepared: Vec<Key<'_>> = keys.iter().map(|key| Key::new(key)).collect();
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let at: Vec<usize> = (0..scale.queries).map(|_| random.below(keys.len())).collect();
    let truth = at.iter().filter(|i| **i % 2 == 0).count() as u64;
    let by_key: Vec<&Key<'_>> = at.iter().map(|i| &prepared[*i]).collect();
    let by_text: Vec<&String> = at.iter().map(|i| &keys[*i]).collect();
    let mut key = || check_sum(truth, &by_key, |key| u64::from(reader.get_bool(*key)));
    let mut text = || check_sum(truth, &by_text, |key| u64::from(reader.get_bool(key.as_str())));
    let hash_of = |key: &&String| Hashed::new(key.as_bytes()).hash();
    let sum = by_text.iter().map(hash_of).fold(0, u64::wrapping_add);
    let mut hash = || check_sum(sum, &by_text, hash_of);
    let mut works: [(&str, Work<'_>); 3] = [
        ("`get_bool(&Key)`", &mut key),
        ("`get_bool(&str)`", &mut text),
        ("of that, hashing the text", &mut hash),
    ];
    let times = contest(scale.rounds, &mut works)?;
    let table = format!("ns per read over number of flags, hit, {set}");
    for (at, (name, _)) in works.iter().enumerate() {
        sheet.point(&table, name, keys.len(), times.median(at), "ns");
    }
    let what = format!("`get_bool(&Key)` / `get_bool(&str)`, {set}");
    sheet.sized(what, keys.len(), times.ratio(0, 1), "ratio");
    Ok(())
}
