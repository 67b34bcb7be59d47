//! What it came to.

use super::ledger::median;
use super::scene::{Scene, memory, nanos, per_read, rate};
use crate::failure::Failure;
use crate::output::Output;

/// Prints the table, and fails if a reader missed a flip.
pub(super) fn print(scene: &Scene) -> Result<(), Failure> {
    let owed = scene.ledger.owed().count();
    let mut output = Output::lock();
    output.line("")?;
    output.line("reader     pid   flips seen     median   slowest   reads/s  per read     memory")?;
    let mut missed_by = Vec::new();
    for (i, reader) in scene.ledger.readers.iter().enumerate() {
        let missed = scene.ledger.missed(i);
        output.line(&format!(
            "{:<6}{:>8}{:>13}{:>11}{:>10}{:>10}{:>10}{:>11}",
            i + 1,
            scene.reader_pids.get(i).copied().unwrap_or(0),
            format!("{} of {owed}", owed - missed.len()),
            nanos(median(&reader.latencies)),
            nanos(reader.latencies.iter().max().copied()),
            rate(median(&reader.rates)),
            per_read(median(&reader.per_read)),
            memory(scene.reader_kib.get(i).copied().flatten()),
        ))?;
        if !missed.is_empty() {
            let missed: Vec<_> = missed.iter().map(u64::to_string).collect();
            missed_by.push(format!("reader {} missed flip {}", i + 1, missed.join(", ")));
        }
    }
    let all = scene.latencies();
    output.line(&format!(
        "{:<58}{:>10}",
        "private HashMap in the same processes",
        per_read(scene.per_map_read())
    ))?;
    let unsent = scene.turn - owed as u64;
    if unsent > 0 {
        output.line(&format!("{unsent} of {} flips fell into a time without publisher", scene.turn))?;
    }
    output.line(&format!(
        "flips reached a reader after {} (median of {}), {} at most",
        nanos(median(&all)),
        all.len(),
        nanos(all.iter().max().copied()),
    ))?;
    if missed_by.is_empty() {
        output.line("every reader saw every flip")?;
        return output.flush();
    }
    output.flush()?;
    Err(Failure::Demo(missed_by.join("; ")))
}
