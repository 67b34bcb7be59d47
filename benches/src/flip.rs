//! The first reads after a publish: what was written has to come to the reader's core.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagstaff_publisher::Publisher;
use flagstaff_reader::{Generation, Reader};

use crate::Outcome;
use crate::flags::{keys, publish};
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::median;

const COUNTS: [usize; 2] = [1_000, 50_000];
/// Reads of other flags after a publish, and once more of the first.
const READS: usize = 16;
const ROWS: [&str; 5] = [
    "first read",
    "second read, another flag",
    "16th read, another flag",
    "first flag again",
    "the clock alone",
];

/// Publishes, and lets a reader in another thread, which waits for just that, read at once.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    for count in COUNTS {
        let path = folder.join(format!("flip-{count}.flagstaff"));
        let mut publisher = publish(&path, &payload(count, 0))?;
        let reader = Reader::open(&path)?;
        let mut times: [Vec<f64>; 5] = Default::default();
        for turn in 1..=scale.turns as u64 {
            let seen = one(&mut publisher, &reader, count, turn)?;
            for (times, nanos) in times.iter_mut().zip(seen) {
                times.push(nanos);
            }
        }
        for (name, times) in ROWS.into_iter().zip(times) {
            sheet.point("ns per read over number of flags, clock included", name, count, median(times), "ns");
        }
    }
    sheet.note("The reader is a thread that looks at the generation until it changes; flags are other ones each time.");
    Ok(())
}

/// All numbers, and the same in one publish.
fn payload(count: usize, turn: u64) -> String {
    let flags: Vec<String> = keys(count).iter().map(|key| format!("\"{key}\":{turn}")).collect();
    format!("{{{}}}", flags.join(","))
}

fn one(publisher: &mut Publisher, reader: &Reader, count: usize, turn: u64) -> Outcome<[f64; 5]> {
    let payload = payload(count, turn);
    let all = keys(count);
    let asked: Vec<&str> =
        (0..READS).map(|i| all[(turn as usize * 31 + i * count / READS) % count].as_str()).collect();
    let before = publisher.generation();
    std::thread::scope(|scope| {
        let (ready, is_ready) = mpsc::channel();
        let waiting = scope.spawn(move || {
            // A receiver that is gone has failed on its own.
            let _ = ready.send(());
            read_at_once(reader, before, &asked, turn)
        });
        is_ready.recv_timeout(Duration::from_secs(10))?;
        publisher.publish(&payload)?;
        waiting.join().map_err(|panic| format!("the reading thread failed: {panic:?}"))?.map_err(Into::into)
    })
}

fn read_at_once(reader: &Reader, before: Generation, asked: &[&str], turn: u64) -> Result<[f64; 5], String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while reader.generation() == before {
        if Instant::now() > deadline {
            return Err("a publish was not seen for 10 s".to_owned());
        }
    }
    let mut times = [0.0; READS + 2];
    let mut values = [turn; READS + 1];
    let mut last = Instant::now();
    for (i, key) in asked.iter().chain(asked.first()).enumerate() {
        values[i] = reader.get_u64(*key);
        let now = Instant::now();
        times[i] = now.duration_since(last).as_nanos() as f64;
        last = now;
    }
    times[READS + 1] = last.elapsed().as_nanos() as f64;
    if let Some(wrong) = values.iter().find(|value| **value != turn) {
        return Err(format!("wrong value: {wrong} after publish {turn}"));
    }
    Ok([times[0], times[1], times[READS - 1], times[READS], times[READS + 1]])
}
