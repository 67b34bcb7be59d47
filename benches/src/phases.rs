//! Where the time of a publish goes, and for how long a slot is being written.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use flagstaff_format::{Archive, Facts, Generation, View, Writer, WriterOptions, open_view};
use flagstaff_publisher::payload::{Limits, decode};
use rkyv::util::AlignedVec;

use crate::Outcome;
use crate::flags::payload;
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::{median, micros, time};

const PHASES: [&str; 5] = [
    "parse: payload to flags",
    "build: flags to table to archive, checked",
    "of that, check: checksum and checked access",
    "write: reserve, copy into the slot, flip, wake",
    "of that, a slot is being written, seen from another thread",
];

/// The phases that the crates have functions for.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    for &count in scale.published {
        let folder = tempfile::tempdir_in(folder)?;
        let path = folder.path().join("phases.flagstaff");
        let mut writer = Writer::open(&path, &WriterOptions::default())?.writer;
        // Twice: both slots then have their pages.
        for turn in 0..2 {
            writer.publish(&mut build(&payload(count, turn))?)?;
        }
        let view = open_view(&path)?;
        let mut times: [Vec<f64>; 5] = Default::default();
        for turn in 2..scale.turns / 2 + 3 {
            let payload = payload(count, turn);
            let (flags, took) = time(|| decode(&payload, &Limits::default()));
            times[0].push(micros(took));
            let flags = flags?;
            let (archive, took) = time(|| Archive::build(flags, Generation(1), Facts::default()));
            times[1].push(micros(took));
            let mut archive = archive?;
            let mut copy = AlignedVec::with_capacity(archive.bytes().len());
            copy.extend_from_slice(archive.bytes());
            let frame = *archive.frame();
            let (checked, took) = time(|| Archive::check(frame, copy));
            times[2].push(micros(took));
            drop(checked?);
            let (write, slot) = publish_watched(&mut writer, &mut archive, &view)?;
            times[3].push(write);
            times[4].extend(slot);
        }
        for (name, times) in PHASES.into_iter().zip(times) {
            if !times.is_empty() {
                sheet.point("us over number of flags", name, count, median(times), "us");
            }
        }
    }
    sheet.note(
        "Table, archive and check are one public function, so they stand together; the check is measured once more alone. \
         Between the phases nothing is kept warm on purpose. The last row is the time during which the generation word is \
         odd, as a thread sees it that does nothing but look; a reader is in nobody's way even then.",
    );
    Ok(())
}

fn build(payload: &str) -> Outcome<Archive> {
    Ok(Archive::build(decode(payload, &Limits::default())?, Generation(1), Facts::default())?)
}

/// Microseconds of the write, and of the odd generation word; `None` if the watching thread did not get to see it.
fn publish_watched(writer: &mut Writer, archive: &mut Archive, view: &View) -> Outcome<(f64, Option<f64>)> {
    let (watching, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let is_odd = || view.map().generation().load() % 2 == 1;
            watching.store(true, Ordering::Relaxed);
            while !is_odd() {
                if done.load(Ordering::Relaxed) {
                    return None;
                }
            }
            let start = Instant::now();
            while is_odd() {}
            Some(micros(start.elapsed()))
        });
        while !watching.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let (published, took) = time(|| writer.publish(archive));
        done.store(true, Ordering::Relaxed);
        let _ = published?;
        let slot = watch.join().map_err(|panic| format!("the watching thread failed: {panic:?}"))?;
        Ok((micros(took), slot))
    })
}
