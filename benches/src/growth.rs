//! How costs grow with the number of flags and of readers: fits to what the other sections measured.

use crate::document::grouped;
use crate::fit::Fit;
use crate::processes::{self, Kind, costs};
use crate::publish;
use crate::queries::{Mix, Pace};
use crate::read;
use crate::record::{Record, Sheet};
use crate::rivals::{maps, ours};

/// Heading in the document.
pub const SECTION: &str = "Growth";

/// A measured cost over a size.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What costs.
    pub name: String,
    /// `(size, cost)`.
    pub points: Vec<(f64, f64)>,
}

/// Costs over the number of flags, as far as they were measured.
#[must_use]
pub fn over_flags(records: &[Record]) -> Vec<Curve> {
    let hit = |pace| read::title(Mix::Hit, pace, read::KEY_SETS[0].0);
    let (hits, chain) = (hit(Pace::Throughput), hit(Pace::Chain));
    [
        (hits.as_str(), ours::NAME, "a read, Flagstaff"),
        (hits.as_str(), maps::FOLD, "a read, `HashMap` (foldhash)"),
        (chain.as_str(), ours::NAME, "a read that the next one waits for, Flagstaff"),
        (publish::TABLE, publish::OURS, "a publish, Flagstaff"),
        (publish::TABLE, "`serde_json` to `Value`, parsed and freed", "`serde_json` to `Value`"),
    ]
    .into_iter()
    .filter_map(|(table, row, name)| {
        let section = if table == publish::TABLE { publish::SECTION } else { read::SECTION };
        curve(records, section, table, row, name)
    })
    .collect()
}

/// Processor time per read over the number of reader processes.
#[must_use]
pub fn over_readers(records: &[Record]) -> Vec<Curve> {
    let table = costs(processes::PACES[0].1);
    [Kind::Flagstaff, Kind::Private]
        .into_iter()
        .filter_map(|kind| curve(records, processes::SECTION, &table, kind.name(), kind.name()))
        .collect()
}

fn curve(records: &[Record], of_section: &str, of_table: &str, of_row: &str, name: &str) -> Option<Curve> {
    let points: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Point { section, table, row, column, value, .. }
                if section == of_section && table == of_table && row == of_row =>
            {
                Some((column.parse().ok()?, *value))
            }
            _ => None,
        })
        .collect();
    (points.len() > 1).then(|| Curve { name: name.to_owned(), points })
}

/// Fits all curves.
#[must_use]
pub fn measure(records: &[Record]) -> Vec<Record> {
    let mut sheet = Sheet::new(SECTION);
    let groups = [
        ("exponent of the cost over number of flags", over_flags(records)),
        ("exponent of the processor time per read over number of reader processes", over_readers(records)),
    ];
    for (table, curves) in groups {
        for curve in curves {
            let Some(fit) = Fit::of(&curve.points) else { continue };
            let (least, most) = (curve.points[0].0, curve.points[curve.points.len() - 1].0);
            let range = format!("{} to {}", grouped(&least.to_string()), grouped(&most.to_string()));
            let name = format!("{}, {range}", curve.name);
            sheet.point(table, &name, "exponent", fit.exponent, "exponent");
            sheet.note(format!("{} ({range}) {}.", curve.name, fit.words()));
        }
    }
    if !sheet.records.is_empty() {
        sheet.note(
            "Fitted: cost = factor * size ^ exponent, least squares on the logarithms. A read looks at the same number of \
             words whatever the number of flags; what grows is that they no longer lie in the processor's caches, for a \
             map as well.",
        );
    }
    sheet.records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_in_proportion_to_the_flags_is_found_among_the_records() {
        let mut sheet = Sheet::new(publish::SECTION);
        for count in [100, 1_000, 10_000] {
            sheet.point(publish::TABLE, publish::OURS, count, count as f64 * 0.2, "us");
        }
        let found = measure(&sheet.records);
        let exponent = found.iter().find_map(|record| match record {
            Record::Point { value, .. } => Some(*value),
            _ => None,
        });
        assert!((exponent.unwrap() - 1.0).abs() < 1e-9);
        let said =
            |record: &Record| matches!(record, Record::Note { text, .. } if text.contains("in proportion"));
        assert!(found.iter().any(said));
    }
}
