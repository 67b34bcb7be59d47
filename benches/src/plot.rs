//! The plots, as SVG.

mod axis;
mod chart;

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::processes::{self, Kind, PACES, rates};
use crate::queries::{Mix, Pace};
use crate::read;
use crate::record::{Record, Run};
use axis::Axis;
use chart::{Panel, Series};

/// Heading of the part on Gunicorn workers, as python/benches/records.py has it.
const WORKERS_SECTION: &str = "Gunicorn workers beside soasap 1.0.3";

/// A plot, and where it stands in the document.
pub(crate) struct Plot {
    section: &'static str,
    pub(crate) file: &'static str,
    pub(crate) caption: &'static str,
    make: fn(&[Record]) -> Vec<Panel>,
}

const ALL: [Plot; 4] = [
    Plot {
        section: read::SECTION,
        file: "read.svg",
        caption: "ns per read over number of flags",
        make: reads,
    },
    Plot {
        section: processes::SECTION,
        file: "processes.svg",
        caption: "reads per second over number of processes",
        make: throughput,
    },
    Plot {
        section: processes::SECTION,
        file: "percentiles.svg",
        caption: "percentiles of single reads while publishing",
        make: percentiles,
    },
    Plot {
        section: WORKERS_SECTION,
        file: "workers.svg",
        caption: "memory and processor time over workers",
        make: workers,
    },
];

/// Draws what there is data for into `folder`.
pub(crate) fn draw(folder: &Path, runs: &[&Run]) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    for plot in ALL {
        if let Some(panels) = plot.panels(runs) {
            chart::draw(&folder.join(plot.file), &panels)?;
        }
    }
    Ok(())
}

/// The plots of a section that [`draw`] makes.
pub(crate) fn of_section(section: &str, runs: &[&Run]) -> Vec<Plot> {
    ALL.into_iter().filter(|plot| plot.section == section && plot.panels(runs).is_some()).collect()
}

impl Plot {
    /// The first run that has data for it is shown.
    fn panels(&self, runs: &[&Run]) -> Option<Vec<Panel>> {
        runs.iter().find_map(|run| {
            let mut panels = (self.make)(&run.records);
            panels.retain(|panel| !panel.series.is_empty());
            (!panels.is_empty()).then_some(panels)
        })
    }
}

/// All series of a table; `x` makes a position of a column.
fn series(
    records: &[Record],
    of_section: &str,
    of_table: &str,
    x: impl Fn(&str) -> Option<f64>,
) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for record in records {
        let Record::Point { section, table, row, column, value, .. } = record else { continue };
        let Some(x) = x(column).filter(|_| section == of_section && table == of_table) else { continue };
        let name = row.replace('`', "");
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push((x, *value)),
            None => all.push(Series { name, points: vec![(x, *value)] }),
        }
    }
    all
}

fn parsed(column: &str) -> Option<f64> {
    column.parse().ok()
}

fn reads(records: &[Record]) -> Vec<Panel> {
    let table = read::title(Mix::Hit, Pace::Throughput, read::KEY_SETS[0].0);
    vec![Panel {
        title: "Keyed read of a boolean that is there, one thread".to_owned(),
        x: Axis::powers("number of flags (log scale)", 10.0),
        y: Axis::log("nanoseconds per read (log scale; lower is better)"),
        series: series(records, read::SECTION, &table, parsed),
    }]
}

fn throughput(records: &[Record]) -> Vec<Panel> {
    [PACES[0].1, PACES[2].1]
        .into_iter()
        .map(|pace| {
            let mut series = series(records, processes::SECTION, &rates(pace), parsed);
            series.retain(|series| series.name != Kind::Clock.name());
            Panel {
                title: format!("Reads of all processes together, {pace}"),
                x: Axis::powers("number of reader processes", 2.0),
                y: Axis::linear("million reads per second (higher is better)"),
                series,
            }
        })
        .collect()
}

fn percentiles(records: &[Record]) -> Vec<Panel> {
    const SHARES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "p99.99"];
    let place = |column: &str| SHARES.iter().position(|share| *share == column).map(|at| at as f64);
    vec![Panel {
        title: "Time of a single read, one process, with and without publishes".to_owned(),
        x: Axis::named("percentile of reads", &SHARES),
        y: Axis::log("nanoseconds, clock included (log scale; lower is better)"),
        series: series(records, processes::SECTION, processes::PERCENTILES, place)
            .into_iter()
            .filter(|series| !series.name.contains(PACES[1].1))
            .filter(|series| !series.name.contains(Kind::Clock.name()) || series.name.contains(PACES[0].1))
            .collect(),
    }]
}

fn workers(records: &[Record]) -> Vec<Panel> {
    let panel = |title: &str, table: &str, label: &str| Panel {
        title: title.to_owned(),
        x: Axis::powers("number of workers", 2.0),
        y: Axis::linear(label),
        series: series(records, WORKERS_SECTION, table, parsed),
    };
    vec![
        panel(
            "Memory of all workers, over the app without a client",
            "memory of all workers (PSS) over the app alone, MiB",
            "MiB (PSS; lower is better)",
        ),
        panel(
            "Processor time of all workers for one update",
            "CPU of all workers per update, ms",
            "milliseconds (lower is better)",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Sheet;

    #[test]
    fn a_plot_names_its_series_and_its_units() {
        let mut sheet = Sheet::new(read::SECTION);
        let table = read::title(Mix::Hit, Pace::Throughput, read::KEY_SETS[0].0);
        for (count, time) in [(10, 8.0), (1_000, 11.0), (100_000, 70.0)] {
            sheet.point(&table, "Flagstaff `get_bool(&str)`", count, time, "ns");
            sheet.point(&table, "LMDB", count, time * 9.0, "ns");
        }
        let run = Run { profile: "fat".to_owned(), records: sheet.records };
        let folder = tempfile::tempdir().unwrap();
        draw(folder.path(), &[&run]).unwrap();
        let svg = fs::read_to_string(folder.path().join("read.svg")).unwrap();
        for text in
            ["Flagstaff get_bool(&amp;str)", "LMDB", "nanoseconds per read", "number of flags", "100,000"]
        {
            assert!(svg.contains(text), "{text} is missing");
        }
        assert!(
            of_section(read::SECTION, &[&run]).len() == 1
                && of_section(processes::SECTION, &[&run]).is_empty()
        );
        assert!(!folder.path().join("processes.svg").exists());
    }
}
