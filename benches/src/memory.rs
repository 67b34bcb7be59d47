//! Memory of a reader process and of a publisher process, from the kernel.

use std::io::BufRead;
use std::path::Path;

use flagstaff_publisher::{Publisher, PublisherOptions, give_memory_back};
use flagstaff_reader::Reader;

use crate::Outcome;
use crate::child::{Talk, answer, kib, role};
use crate::flags::{booleans, each_key, payload, publish};
use crate::record::Sheet;
use crate::scale::Scale;

/// Name of the role of the reader process.
pub(crate) const READER: &str = "memory-reader";
/// Name of the role of the publisher process.
pub(crate) const PUBLISHER: &str = "memory-publisher";

/// Memory of both sides.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, _: &Scale) -> Outcome<()> {
    let mut of_reader = Vec::new();
    for count in [10, 50_000] {
        let path = folder.join(format!("memory-{count}.flagstaff"));
        let _publisher = publish(&path, &booleans(count))?;
        let mut reader = Talk::start(role(READER)?.arg(&path).arg(count.to_string()))?;
        of_reader.push(reader.line()?.parse::<f64>()?);
    }
    // The largest payload: 5 MiB of flags of the usual size.
    let mut count = 5 * 1024 * 1024 / 48;
    while payload(count, 1).len() > 5 * 1024 * 1024 {
        count -= count / 200;
    }
    let mut publisher = Talk::start(role(PUBLISHER)?.arg(folder.join("memory-publisher.flagstaff")))?;
    let mut peak = 0.0_f64;
    for turn in 1..=6 {
        publisher.say(payload(count, turn))?;
        peak = peak.max(publisher.line()?.parse()?);
    }
    sheet.figure("private memory of a reader process, 10 flags", of_reader[0], "KiB");
    sheet.figure("private memory of a reader process, 50,000 flags", of_reader[1], "KiB");
    let what = "private memory of a reader process, 50,000 flags less 10 flags";
    sheet.figure(what, of_reader[1] - of_reader[0], "KiB");
    let what = format!("peak anonymous memory of a publisher, 5 MiB payload ({count} flags)");
    sheet.figure(what, peak / 1024.0, "MiB");
    Ok(())
}

/// The reader: reads every flag, answers its private memory in KiB.
pub(crate) fn reader(path: &Path, count: &str) -> Outcome<()> {
    let count = count.parse()?;
    let reader = Reader::open(path)?;
    let read = each_key(count).filter(|key| reader.get_bool(key)).count();
    if read != count / 2 {
        return Err(format!("wrong values: {read} flags are true, expected {}", count / 2).into());
    }
    answer(kib("/proc/self/smaps_rollup", "Private_Dirty:")?)
}

/// The publisher: publishes a line at a time, answers the highest anonymous memory seen meanwhile, in KiB.
pub(crate) fn publisher(path: &Path) -> Outcome<()> {
    // As `flagstaff run` does.
    give_memory_back();
    let mut publisher = Publisher::open(path, &PublisherOptions::default())?;
    // As large as the largest payload, like the buffer of the stream.
    let (mut line, mut input) = (String::with_capacity(5 * 1024 * 1024 + 1), std::io::stdin().lock());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let done = std::sync::atomic::AtomicBool::new(false);
        let peak = std::thread::scope(|scope| -> Outcome<f64> {
            let watch = scope.spawn(|| {
                let mut peak = 0.0_f64;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    peak = peak.max(kib("/proc/self/status", "RssAnon:").unwrap_or(0.0));
                }
                peak
            });
            let outcome = publisher.publish(line.trim_end());
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            let _ = outcome?;
            watch.join().map_err(|panic| format!("the watching thread failed: {panic:?}").into())
        })?;
        answer(peak)?;
    }
}
