//! One thread: handles, which remember their value, beside one load.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flagstaff_reader::Reader;

use crate::Outcome;
use crate::flags::{keys, publish};
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::{Work, check_sum, contest};
use crate::typed::{Rollout, TEXT, payload};

/// The four handles.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let keys = keys(1_000);
    let path = folder.join("handles.flagstaff");
    let _publisher = publish(&path, &payload(&keys))?;
    let reader = Reader::open(&path)?;
    let (flag, number) = (reader.bool_flag(&keys[0]), reader.number_flag(&keys[1]));
    let (text, json) = (reader.string_flag(&keys[2]), reader.json_flag::<Rollout>(&keys[3]));
    let bare = AtomicU64::new(1);
    let turns = vec![(); scale.queries];
    let many = scale.queries as u64;
    let bits = 1.5_f64.to_bits();
    // Each answer is used, as a caller would: else the compiler unrolls the loop of bare loads to what no program does.
    let mut works: [(&str, Work<'_>); 5] = [
        ("one relaxed atomic load", &mut || {
            check_sum(many, &turns, |()| black_box(black_box(&bare).load(Ordering::Relaxed)))
        }),
        ("`BoolFlag::get`", &mut || {
            check_sum(many, &turns, |()| u64::from(black_box(black_box(&flag).get())))
        }),
        ("`NumberFlag::get`", &mut || {
            check_sum(bits.wrapping_mul(many), &turns, |()| black_box(black_box(&number).get()).to_bits())
        }),
        ("`StringFlag::get`", &mut || {
            let bytes = many * TEXT.len() as u64;
            check_sum(bytes, &turns, |()| black_box(black_box(&text).get()).len() as u64)
        }),
        ("`JsonFlag::get`, parsed before", &mut || {
            let percent = |rollout: &Rollout| rollout.percent;
            check_sum(many * 25, &turns, |()| black_box(black_box(&json).get()).as_deref().map_or(0, percent))
        }),
    ];
    let times = contest(scale.rounds, &mut works)?;
    for (at, (name, _)) in works.iter().enumerate() {
        sheet.point("ns per read, 1,000 flags", name, "ns per read", times.median(at), "ns");
    }
    for (at, (name, _)) in works.iter().enumerate().skip(1) {
        sheet.figure(format!("{name} / one relaxed load"), times.ratio(at, 0), "ratio");
    }
    sheet.note("Every answer is used. A number is taken as it is, not converted.");
    Ok(())
}
