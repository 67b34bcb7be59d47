//! Totals of a run, and what to type next.

use super::deliveries::median;
use super::state::{State, memory, nanos, per_read, rate};
use crate::failure::Failure;
use crate::output::Output;

/// The last lines. A build of `cargo demo` is not optimized, so that it is there soon.
const NEXT: [&str; 4] = [
    "",
    if cfg!(debug_assertions) {
        "Next (this build is not optimized, so its times are longer than those of what ships):"
    } else {
        "Next:"
    },
    "  cargo install --path cli --locked       the command `flagstaff`, optimized",
    "  flagstaff serve flags.json --create     a flag server with a page; README.md has the rest",
];

/// Prints the table, and fails if a reader missed a flip.
pub(super) fn print(state: &State) -> Result<(), Failure> {
    let required = state.deliveries.required().count();
    let mut output = Output::lock();
    output.line("")?;
    output.line("reader     pid   flips seen     median   slowest   reads/s  per read     memory")?;
    let mut missed_by = Vec::new();
    for (i, reader) in state.deliveries.readers.iter().enumerate() {
        let missed = state.deliveries.missed(i);
        output.line(&format!(
            "{:<6}{:>8}{:>13}{:>11}{:>10}{:>10}{:>10}{:>11}",
            i + 1,
            state.reader_pids.get(i).copied().unwrap_or(0),
            format!("{} of {required}", required - missed.len()),
            nanos(median(&reader.latencies)),
            nanos(reader.latencies.iter().max().copied()),
            rate(median(&reader.rates)),
            per_read(median(&reader.per_read)),
            memory(state.reader_kib.get(i).copied().flatten()),
        ))?;
        if !missed.is_empty() {
            let missed: Vec<_> = missed.iter().map(u64::to_string).collect();
            missed_by.push(format!("reader {} missed flip {}", i + 1, missed.join(", ")));
        }
    }
    let all = state.latencies();
    output.line(&format!(
        "{:<58}{:>10}",
        "private HashMap in the same processes",
        per_read(state.per_map_read())
    ))?;
    let unsent = state.flip - required as u64;
    if unsent > 0 {
        output.line(&format!("{unsent} of {} flips fell into a time without publisher", state.flip))?;
    }
    output.line(&format!(
        "flips reached a reader after {} (median of {}), {} at most",
        nanos(median(&all)),
        all.len(),
        nanos(all.iter().max().copied()),
    ))?;
    if missed_by.is_empty() {
        output.line("every reader saw every flip")?;
        for line in NEXT {
            output.line(line)?;
        }
        return output.flush();
    }
    output.flush()?;
    Err(Failure::Demo(missed_by.join("; ")))
}
