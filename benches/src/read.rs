//! One thread: keyed reads of a boolean, ourselves beside all rivals.

use std::path::Path;

use crate::Outcome;
use crate::flags::{keys, keys_of_any_length};
use crate::queries::{Mix, Pace, Queries};
use crate::record::Sheet;
use crate::rivals::{FOLD, MMAP_SYNC, OURS, Rival, SWAP, all, ours};
use crate::scale::Scale;
use crate::timing::{Times, race};

/// Heading in the document.
pub(crate) const SECTION: &str = "Reading, one thread";
/// Makes so many keys.
pub(crate) type MakeKeys = fn(usize) -> Vec<String>;
/// The two sets of keys, as they stand in titles of tables.
pub(crate) const KEY_SETS: [(&str, MakeKeys); 2] =
    [("realistic keys", keys), ("keys of any length from 8 to 60", keys_of_any_length)];

/// Title of a table.
pub(crate) fn title(mix: Mix, pace: Pace, key_set: &str) -> String {
    let pace = match pace {
        Pace::Throughput => "one after the other",
        Pace::Chain => "the next query depends on the answer",
    };
    format!("ns per read over number of flags: {}, {pace}, {key_set}", mix.name())
}

/// Every size, mix, pace and set of keys.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let mut missing = Vec::new();
    for (set, make_keys) in KEY_SETS {
        for &count in scale.sizes {
            let folder = tempfile::tempdir_in(folder)?;
            let keys = make_keys(count);
            let mut contenders = all(folder.path(), &keys, &mut missing)?;
            for mix in Mix::ALL {
                let queries = Queries::new(&keys, mix, scale.queries);
                for pace in [Pace::Throughput, Pace::Chain] {
                    let times = race(scale.rounds, pace, &queries, &mut contenders)?;
                    let table = title(mix, pace, set);
                    for (who, contender) in contenders.iter().enumerate() {
                        sheet.point(&table, contender.name(), count, times.median(who), "ns");
                    }
                    if pace == Pace::Throughput {
                        ratios(sheet, &times, mix, count, set);
                    }
                }
            }
        }
    }
    for missing in missing {
        sheet.note(format!("Not measured: {missing}."));
    }
    sheet.note(format!(
        "Queries are in random order, {} of them, laid out in the order in which they are asked for. Where \
         the next query depends on the answer, the answer goes through memory once, for all alike. Every pass is checked: \
         the answers that were true are counted and compared with what must come out. The maps of this process \
         hash with foldhash, but for the one with SipHash; the others have their own hashes.",
        scale.queries
    ));
    Ok(())
}

fn ratios(sheet: &mut Sheet, times: &Times, mix: Mix, count: usize, set: &str) {
    let what = |rival: &str| format!("{} / {rival}, {}, {set}", ours::Ours::NAME, mix.name());
    sheet.sized(what("`HashMap` foldhash"), count, times.ratio(OURS, FOLD), "ratio");
    if mix == Mix::Hit {
        sheet.sized(what("`ArcSwap` load"), count, times.ratio(OURS, SWAP), "ratio");
        sheet.sized(what("mmap-sync"), count, times.ratio(OURS, MMAP_SYNC), "ratio");
    }
}
