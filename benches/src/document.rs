//! docs/benchmark-tables.md, out of the runs of both builds. docs/benchmarks.md, which people read first, is written by hand.

use crate::plot;
use crate::record::{Record, Run};
use crate::text::{grouped, number};

const INTRODUCTION: &str = "# Tables of measurements

Written by `cargo xtask bench`; [benchmarks.md](benchmarks.md) says what to take from them. Every ratio is between two things that were measured in turn in the same run, round by round; \
what counts is the median of the rounds, and each has one untimed pass before each timed one. Every answer is checked while \
it is measured: a wrong or torn one ends the run without a document.
";

/// What ships is built this way, and plots show it.
const SHIPPED: &str = "fat";

/// The whole document. `runs` are those of one or both builds.
pub(crate) fn text(runs: &[Run]) -> String {
    let mut runs: Vec<&Run> = runs.iter().collect();
    runs.sort_by_key(|run| run.profile != SHIPPED);
    let mut out = INTRODUCTION.to_owned();
    out.push('\n');
    // Runs of other programs, as those of Python and the page, say nothing of the machine.
    let machine = |run: &&Run| {
        let lines = run.records.iter().filter_map(|record| match record {
            Record::Machine { text } => Some(format!("- {text}\n")),
            _ => None,
        });
        Some(lines.collect::<String>()).filter(|lines| !lines.is_empty())
    };
    out += &runs.iter().find_map(machine).unwrap_or_default();
    let mut builds: Vec<&str> = runs.iter().map(|run| build(&run.profile)).collect();
    // The Python package is measured in a run of its own.
    builds.dedup();
    out += &format!(
        "- Builds: {}; where a cell has two numbers, they stand in this order\n",
        builds.join(" / ")
    );
    for section in sections(&runs) {
        part(&mut out, &runs, section);
    }
    out
}

fn build(profile: &str) -> &str {
    if profile == SHIPPED {
        "fat: `lto = \"fat\"`, one codegen unit, what ships"
    } else {
        "plain: `release` as cargo has it"
    }
}

fn sections<'a>(runs: &[&'a Run]) -> Vec<&'a str> {
    distinct(runs.iter().flat_map(|run| &run.records).filter_map(|record| match record {
        Record::Machine { .. } => None,
        Record::Point { section, .. } | Record::Figure { section, .. } | Record::Note { section, .. } => {
            Some(section.as_str())
        }
    }))
}

fn part(all: &mut String, runs: &[&Run], of: &str) {
    let out = &mut String::new();
    for plot in plot::of_section(of, runs) {
        *out += &format!("\n![{}](plots/{})\n", plot.caption, plot.file);
    }
    let first = runs.iter().filter(|run| run.profile == runs[0].profile).flat_map(|run| &run.records);
    for note in distinct(first.filter_map(|record| match record {
        Record::Note { section, text } if section == of => Some(text.as_str()),
        _ => None,
    })) {
        *out += &format!("\n{note}\n");
    }
    // Figures over the number of flags: a row per figure, a column per size.
    table(out, "flags", runs, |record| match record {
        Record::Figure { section, what, flags: Some(flags), value, unit } if section == of => {
            Some((format!("{what}, {unit}"), flags.to_string(), *value))
        }
        _ => None,
    });
    // Figures of their own.
    table(out, "", runs, |record| match record {
        Record::Figure { section, what, flags: None, value, unit } if section == of => {
            Some((format!("{what}, {unit}"), "value".to_owned(), *value))
        }
        _ => None,
    });
    let titles = distinct(runs.iter().flat_map(|run| &run.records).filter_map(|record| match record {
        Record::Point { section, table, .. } if section == of => Some(table.as_str()),
        _ => None,
    }));
    for title in titles {
        *out += &format!("\n**{title}**\n");
        table(out, "", runs, |record| match record {
            Record::Point { section, table, row, column, value, .. } if section == of && table == title => {
                Some((row.clone(), column.clone(), *value))
            }
            _ => None,
        });
    }
    *all += &format!("\n## {of}\n{out}");
}

/// Each once, in the order in which they come.
fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// A table of the `(row, column, value)` that `cell` makes of records; values of the same cell stand beside each other.
fn table(
    out: &mut String,
    corner: &str,
    runs: &[&Run],
    cell: impl Fn(&Record) -> Option<(String, String, f64)>,
) {
    let cells: Vec<_> = runs.iter().flat_map(|run| &run.records).filter_map(cell).collect();
    if cells.is_empty() {
        return;
    }
    let rows = distinct(cells.iter().map(|(row, ..)| row.as_str()));
    let columns = distinct(cells.iter().map(|(_, column, _)| column.as_str()));
    let headings: Vec<String> = columns.iter().map(|column| grouped(column)).collect();
    let rules = "---|".repeat(columns.len());
    *out += &format!("\n| {corner} | {} |\n|---|{rules}\n", headings.join(" | "));
    for row in rows {
        *out += &format!("| {row} |");
        for column in &columns {
            let of_cell = cells.iter().filter(|(of_row, of_column, _)| of_row == row && of_column == column);
            let values: Vec<String> = of_cell.map(|(_, _, value)| number(*value)).collect();
            *out += &format!(" {} |", values.join(" / "));
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Sheet;

    fn run(profile: &str, ratio: f64, time: f64) -> Run {
        let mut sheet = Sheet::new("Reading");
        sheet.sized("ours / theirs", 10, 2.0, "ratio");
        sheet.sized("ours / theirs", 1_000, ratio, "ratio");
        sheet.figure("a time", 3.0, "us");
        sheet.point("hit", "ours", 100, time, "ns");
        sheet.note("A note.");
        Run { profile: profile.to_owned(), records: sheet.records }
    }

    #[test]
    fn both_builds_stand_beside_each_other() {
        let text = text(&[run("plain", 0.95, 10.25), run("fat", 0.9, 9.0)]);
        for row in [
            "| flags | 10 | 1,000 |",
            "| ours / theirs, ratio | 2.00 / 2.00 | 0.900 / 0.950 |",
            "| a time, us | 3.00 / 3.00 |",
            "**hit**",
            "| ours | 9.00 / 10.2 |",
        ] {
            assert!(text.contains(row), "{row} is not in\n{text}");
        }
        assert_eq!(text.matches("A note.").count(), 1);
    }

    #[test]
    fn a_third_run_adds_its_sections_with_their_notes_and_no_build() {
        let mut sheet = Sheet::new("Python");
        sheet.figure("a call", 40.0, "ns");
        sheet.note("About Python.");
        let python = Run { profile: "fat".to_owned(), records: sheet.records };
        let mut fat = run("fat", 0.95, 9.0);
        fat.records.push(Record::Machine { text: "two cores".to_owned() });
        let text = text(&[python, run("plain", 0.95, 10.25), fat]);
        assert!(text.contains("\n- two cores\n"), "{text}");
        assert!(
            text.contains("## Python\n\nAbout Python.\n") && text.contains("| a call, ns | 40.0 |"),
            "{text}"
        );
        assert_eq!(text.matches("what ships").count(), 1, "{text}");
    }

    #[test]
    fn one_build_alone_has_its_values_only() {
        let text = text(&[run("plain", 1.05, 10.0)]);
        assert!(
            text.contains("| ours / theirs, ratio | 2.00 | 1.05 |\n") && text.contains("| ours | 10.0 |"),
            "{text}"
        );
    }
}
