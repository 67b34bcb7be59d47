//! The tables and ratios of what the reader processes answered.

use super::kind::Kind;
use super::seen::{FEW_FLAGS, FLAGS, PACES, PERCENTILES, Seen, costs, rates};
use crate::record::Sheet;
use crate::scale::Scale;

const SHARES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// All of it.
pub(super) fn fill(sheet: &mut Sheet, scale: &Scale, all: &[Seen]) {
    for seen in all.iter().filter(|seen| seen.flags == FLAGS) {
        cells(sheet, seen);
    }
    for flags in [FLAGS, FEW_FLAGS] {
        ratios(sheet, all, flags);
    }
    notes(sheet, scale);
}

fn cells(sheet: &mut Sheet, seen: &Seen) {
    let (name, rate) = (pace_name(seen.pace), seen.median(|round| round.rate) / 1e6);
    sheet.point(&rates(name), seen.kind.name(), seen.processes, rate, "million/s");
    let cost = seen.median(|round| round.cost);
    sheet.point(&costs(name), seen.kind.name(), seen.processes, cost, "ns");
    if seen.kind == Kind::Flagstaff {
        let table = "reads done again, of a million, over number of processes";
        sheet.point(table, name, seen.processes, seen.median(|round| round.retries), "of a million");
    }
    if seen.processes == 1 {
        for (share, at) in SHARES {
            let row = format!("{}, {name}", seen.kind.name());
            sheet.point(PERCENTILES, &row, share, seen.median(|round| round.percentile(at)), "ns");
        }
    }
    let publishes = matches!(seen.kind, Kind::Flagstaff | Kind::MmapSync | Kind::Lmdb);
    if seen.pace == 1_000 && publishes {
        let table = "publishes achieved of 1,000 a second, over number of processes";
        sheet.point(
            table,
            seen.kind.name(),
            seen.processes,
            seen.median(|round| round.publishes),
            "per second",
        );
    }
}

fn ratios(sheet: &mut Sheet, all: &[Seen], flags: usize) {
    let find = |kind, processes, pace| {
        let is_it = |seen: &&Seen| {
            (seen.kind, seen.flags, seen.processes, seen.pace) == (kind, flags, processes, pace)
        };
        all.iter().find(is_it)
    };
    for (pace, name) in PACES {
        for kind in [Kind::Flagstaff, Kind::Private] {
            let (Some(one), Some(two)) = (find(kind, 1, pace), find(kind, 2, pace)) else { continue };
            let what = format!("reads of two processes / of one, {name}, {flags} flags, {}", kind.name());
            let ratio = two.beside(one, |round| round.rate);
            sheet.figure(what, ratio, "ratio");
            let what = format!(
                "reads of two processes / of one, per second of processor time, {name}, {flags} flags, {}",
                kind.name()
            );
            sheet.figure(what, 2.0 * one.beside(two, |round| round.cost), "ratio");
            if pace == 1_000 && kind == Kind::Flagstaff {
                let what =
                    format!("processor time of the publisher, {name}, {flags} flags, beside one reader");
                sheet.figure(what, one.median(|round| round.cpu) * 100.0, "% of one core");
            }
        }
    }
    for kind in [Kind::Flagstaff, Kind::Private] {
        let (Some(idle), Some(busy)) = (find(kind, 1, 0), find(kind, 1, 1_000)) else { continue };
        let ratio = busy.beside(idle, |round| round.percentile(0.999));
        let what = format!(
            "p99.9 of a read, {} / idle, one process, {flags} flags, {}",
            pace_name(1_000),
            kind.name()
        );
        sheet.figure(what, ratio, "ratio");
    }
}

fn notes(sheet: &mut Sheet, scale: &Scale) {
    sheet.note(format!(
        "{FLAGS} flags unless said otherwise, half of them constant booleans, half numbers that are the count of publishes. A \
         single read is the time from one look at the clock to the next with one `get_bool` between them; the clock \
         (`Instant`) is included, nothing is subtracted, and its row says what it takes alone. Reads per second come from a \
         phase without clocks. Both phases take {} ms, {} rounds. A reader checks every constant flag, and two numbers of one \
         snapshot after every 1,024 reads.",
        scale.phase.as_millis(),
        scale.process_rounds
    ));
    sheet.note(format!(
        "The {} is a map in each reader process with a Flagstaff publisher beside it: it shares nothing, so it shows what the \
         publisher's processor time and the machine take away from anybody. With two readers on two cores a publisher that \
         takes a share of one core leaves less than two for them, and so does whatever else runs. Processor time, which \
         a reader is charged for only while it runs, is not touched by that: if readers got into each other's way, a read \
         would take more of it.",
        Kind::Private.name()
    ));
    sheet.note(
        "Flagstaff publishes a JSON payload from bytes to visible; mmap-sync writes a map, LMDB puts the numbers in one \
         transaction without syncs. A read is done again if two publishes began inside it.",
    );
}

fn pace_name(pace: u32) -> &'static str {
    PACES.iter().find(|(known, _)| *known == pace).map_or("", |(_, name)| name)
}
