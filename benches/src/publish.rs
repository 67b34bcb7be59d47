//! From the bytes of a payload to readers seeing it, beside what parsing alone costs and beside rivals that write.

use std::path::Path;

use flagstaff_publisher::{Outcome as Published, Publisher, PublisherOptions};
use flagstaff_reader::Reader;
use mmap_sync::synchronizer::Synchronizer;

use crate::Outcome;
use crate::flags::{booleans_of, keys_of_30_bytes, payload};
use crate::record::Sheet;
use crate::rivals::{lmdb, mmap_sync as rival};
use crate::scale::Scale;
use crate::timing::{median, micros, time};

/// Title of the table.
pub(crate) const TABLE: &str = "us over number of flags";
/// Row of ourselves.
pub(crate) const OURS: &str = "Flagstaff, bytes to visible";

/// The whole path at several sizes, round by round, and what a flag takes in a slot.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    for &count in scale.published {
        let folder = tempfile::tempdir_in(folder)?;
        let path = folder.path().join("publish.flagstaff");
        let mut publisher = Publisher::open(&path, &PublisherOptions::default())?;
        let reader = Reader::attach(&path);
        let mut synchronizer = Synchronizer::new(folder.path().join("mmap-sync").as_os_str());
        let env = lmdb::open(&folder.path().join("lmdb"))?;
        let mut times: [Vec<f64>; 4] = Default::default();
        let turns = if count > 10_000 { scale.turns / 2 + 1 } else { scale.turns };
        for turn in 0..turns {
            let payload = payload(count, turn);
            // A tree that was just freed slows down what comes next; so it is freed and paid for on its own side.
            let ((), parse) = time(|| drop(serde_json::from_slice::<serde_json::Value>(payload.as_bytes())));
            times[1].push(micros(parse));
            let before = reader.generation();
            // After readers see it, the publisher still compares it with the snapshot before, for the log.
            let Published::Published { took, .. } = publisher.publish(&payload)? else {
                return Err("a changed payload must be published".into());
            };
            if reader.generation() <= before {
                return Err("a publish must be visible when it returns".into());
            }
            times[0].push(micros(took));
        }
        let (mut one_change, mut of_parse) = (Vec::new(), Vec::new());
        let all = payload(count, 0);
        for turn in 0..turns {
            // In front: then all of it is compared and kept anew.
            let payload = format!("{{\"one-of-all\":{},{}", 1000 + turn, all.get(1..).unwrap_or_default());
            let ((), parse) = time(|| drop(serde_json::from_slice::<serde_json::Value>(payload.as_bytes())));
            let Published::Published { took, changes, .. } = publisher.publish(&payload)? else {
                return Err("a changed payload must be published".into());
            };
            if turn > 0 && changes.changed.count != 1 {
                return Err(format!("one flag changed, not {changes}").into());
            }
            if turn > 0 {
                one_change.push(micros(took));
                of_parse.push(micros(took) / micros(parse));
            }
        }
        // In turns of their own: what they leave in the allocator and in the caches should burden nobody else.
        for turn in 0..turns {
            let payload = payload(count, turn);
            // Rivals begin with a parsed map: values as text.
            let map: rival::Map<String> = serde_json::from_str::<serde_json::Map<_, _>>(&payload)?
                .into_iter()
                .map(|(key, value)| (key, value.to_string()))
                .collect();
            let (written, took) = time(|| synchronizer.write(&map, rival::GRACE));
            let _ = written?;
            times[2].push(micros(took));
            let pairs = map.iter().map(|(key, value)| (key.as_str(), value.as_bytes()));
            let (written, took) = time(|| lmdb::put(&env, pairs));
            let _ = written?;
            times[3].push(micros(took));
        }
        let names = [
            OURS,
            "`serde_json` to `Value`, parsed and freed",
            "mmap-sync, `write` of the parsed map",
            "LMDB, one transaction without syncs, from the parsed map",
        ];
        let ratio = median(times[0].iter().zip(&times[1]).map(|(ours, parse)| ours / parse).collect());
        for (name, times) in names.into_iter().zip(times) {
            sheet.point(TABLE, name, count, median(times), "us");
        }
        sheet.sized("publish, bytes to visible / `serde_json` parse to `Value`", count, ratio, "ratio");
        sheet.point(TABLE, "Flagstaff, one flag changes, bytes to visible", count, median(one_change), "us");
        let what = "publish with one flag changed, bytes to visible / `serde_json` parse to `Value`";
        sheet.sized(what, count, median(of_parse), "ratio");
    }
    slot_bytes(sheet, folder, scale)?;
    Ok(())
}

fn slot_bytes(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let mut publisher = Publisher::open(folder.join("slot.flagstaff"), &PublisherOptions::default())?;
    for &count in scale.published.iter().filter(|count| **count >= 1_000) {
        let Published::Published { flags, archive_bytes, .. } =
            publisher.publish(&booleans_of(&keys_of_30_bytes(count)))?
        else {
            return Err("a changed payload must be published".into());
        };
        let what = "bytes per flag in a slot, keys of 30 bytes, booleans";
        sheet.sized(what, count, archive_bytes as f64 / flags as f64, "bytes");
    }
    Ok(())
}
