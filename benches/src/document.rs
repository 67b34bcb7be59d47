//! docs/benchmarks.md, out of the runs of both builds.

mod figures;
mod missed;

use std::fmt::Write;

use crate::record::{Record, Run};
use crate::{growth, plot, processes, read};
use figures::{Figure, figures_of, goals};

const INTRODUCTION: &str = "# Measured figures

Made by `cargo xtask bench`. Every ratio is between two things that were measured in turn in the same run, round by round; \
what counts is the median of the rounds, and each has one untimed pass before each timed one. Every answer is checked while \
it is measured: a wrong or torn one ends the run without a document.
";

/// What ships is built this way, and plots show it.
const SHIPPED: &str = "fat";

/// The whole document. `runs` are those of one or both builds.
#[must_use]
pub fn text(runs: &[Run]) -> String {
    let mut runs: Vec<&Run> = runs.iter().collect();
    runs.sort_by_key(|run| run.profile != SHIPPED);
    let mut out = INTRODUCTION.to_owned();
    out.push('\n');
    // Runs of other programs, as those of Python and the page, say nothing of the machine.
    let is_machine = |record: &&Record| matches!(record, Record::Machine { .. });
    let told = runs.iter().find(|run| run.records.iter().any(|record| is_machine(&record)));
    for record in told.map_or(&[][..], |run| &run.records) {
        if let Record::Machine { text } = record {
            out += &format!("- {text}\n");
        }
    }
    let mut builds: Vec<&str> = runs.iter().map(|run| build(&run.profile)).collect();
    // The Python package is measured in a run of its own.
    builds.dedup();
    out += &format!(
        "- Builds: {}; where a cell has two numbers, they stand in this order\n",
        builds.join(" / ")
    );
    goals(&mut out, &runs);
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
    let mut found: Vec<&str> = Vec::new();
    for record in runs.iter().flat_map(|run| &run.records) {
        if let Record::Point { section, .. } | Record::Figure { section, .. } | Record::Note { section, .. } =
            record
            && !found.contains(&section.as_str())
        {
            found.push(section);
        }
    }
    // Made of the others, and made last.
    found.sort_by_key(|section| *section == growth::SECTION);
    found
}

fn part(all: &mut String, runs: &[&Run], of: &str) {
    let out = &mut String::new();
    for (section, file, caption) in [
        (read::SECTION, plot::READ, "ns per read over number of flags"),
        (processes::SECTION, plot::PROCESSES, "reads per second over number of processes"),
        (processes::SECTION, plot::PERCENTILES, "percentiles of single reads while publishing"),
        (plot::WORKERS_SECTION, plot::WORKERS, "memory and processor time over workers"),
        (growth::SECTION, plot::GROWTH, "growth over flags and over readers"),
    ] {
        if section == of && plot::has_data(file, runs) {
            *out += &format!("\n![{caption}](plots/{file})\n");
        }
    }
    let mut notes: Vec<&str> = Vec::new();
    for record in runs.iter().filter(|run| run.profile == runs[0].profile).flat_map(|run| &run.records) {
        if let Record::Note { section, text } = record
            && section == of
            && !notes.contains(&text.as_str())
        {
            notes.push(text);
        }
    }
    for note in notes {
        *out += &format!("\n{note}\n");
    }
    others(out, runs, of);
    let mut tables: Vec<&str> = Vec::new();
    for record in runs.iter().flat_map(|run| &run.records) {
        if let Record::Point { section, table, .. } = record
            && section == of
            && !tables.contains(&table.as_str())
        {
            tables.push(table);
        }
    }
    for table in tables {
        matrix(out, runs, of, table);
    }
    // Nothing but goals: those stand at the top.
    if !out.is_empty() {
        *all += &format!("\n## {of}\n{out}");
    }
}

/// Figures without a goal in their row; the others stand at the top.
fn others(out: &mut String, runs: &[&Run], of: &str) {
    let all: Vec<Figure<'_>> =
        runs.iter().flat_map(|run| figures_of(run)).filter(|figure| figure.section == of).collect();
    let mut rows: Vec<(&Figure<'_>, Vec<String>)> = Vec::new();
    for figure in &all {
        if all.iter().any(|other| other.goal.is_some() && other.is_row_of(figure)) {
            continue;
        }
        match rows.iter_mut().find(|(known, _)| known.is_row_of(figure)) {
            Some((_, values)) => values.push(number(figure.value)),
            None => rows.push((figure, vec![number(figure.value)])),
        }
    }
    if !rows.is_empty() {
        *out += "\n| what | value | unit |\n|---|---|---|\n";
    }
    for (figure, values) in rows {
        *out += &format!("| {} | {} | {} |\n", figure.what, values.join(" / "), figure.unit);
    }
}

fn matrix(out: &mut String, runs: &[&Run], of: &str, title: &str) {
    let cells: Vec<(&str, &str, f64)> = runs
        .iter()
        .flat_map(|run| &run.records)
        .filter_map(|record| match record {
            Record::Point { section, table, row, column, value, .. } if section == of && table == title => {
                Some((row.as_str(), column.as_str(), *value))
            }
            _ => None,
        })
        .collect();
    let (mut rows, mut columns): (Vec<&str>, Vec<&str>) = Default::default();
    for (row, column, _) in &cells {
        if !rows.contains(row) {
            rows.push(row);
        }
        if !columns.contains(column) {
            columns.push(column);
        }
    }
    // Writing into a String does not fail.
    let headings: Vec<String> = columns.iter().map(|column| grouped(column)).collect();
    let _ = write!(
        out,
        "\n**{title}**\n\n| | {} |\n|---|{}\n",
        headings.join(" | "),
        "---|".repeat(columns.len())
    );
    for row in rows {
        *out += &format!("| {row} |");
        for column in &columns {
            let values: Vec<String> = cells
                .iter()
                .filter(|(of_row, of_column, _)| *of_row == row && of_column == column)
                .map(|(_, _, value)| number(*value))
                .collect();
            *out += &format!(" {} |", values.join(" / "));
        }
        out.push('\n');
    }
}

/// Three digits that count.
#[must_use]
pub fn number(value: f64) -> String {
    match value {
        v if v.abs() >= 100.0 => format!("{v:.0}"),
        v if v.abs() >= 10.0 => format!("{v:.1}"),
        // A goal of 0.90 and a figure of 0.904 should look different.
        v if v.abs() < 1.0 => format!("{v:.3}"),
        v => format!("{v:.2}"),
    }
}

/// Digits in groups of three; any other text as it is.
#[must_use]
pub fn grouped(text: &str) -> String {
    if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::Goal;
    use crate::record::Sheet;

    fn run(profile: &str, ratio: f64, time: f64) -> Run {
        let mut sheet = Sheet::new("Reading");
        sheet.sized("ours / theirs", 10, 2.0, "ratio", None);
        sheet.sized("ours / theirs", 100, ratio, "ratio", Some(Goal::at_most(0.9, 1.0)));
        sheet.judged("reads of two / of one", 1.5, "ratio", Some(Goal::at_least_fat(1.9)));
        sheet.figure("a time", 3.0, "us");
        sheet.point("hit", "ours", 100, time, "ns");
        sheet.note("A note.");
        Run { profile: profile.to_owned(), records: sheet.records }
    }

    #[test]
    fn both_builds_stand_under_each_other_with_their_goals() {
        let text = text(&[run("plain", 0.95, 10.25), run("fat", 0.95, 9.0)]);
        for row in [
            "| what | unit | build | 10 flags | 100 flags |",
            "| ours / theirs | ratio | fat | 2.00 | **0.950** (at most 0.9) |",
            "| ours / theirs | ratio | plain | 2.00 | 0.950 (at most 1) |",
            "| reads of two / of one | ratio | fat | **1.50** (at least 1.9) |",
            "| reads of two / of one | ratio | plain | 1.50 |",
            "| a time | 3.00 / 3.00 | us |",
            "| ours | 9.00 / 10.2 |",
        ] {
            assert!(text.contains(row), "{row} is not in\n{text}");
        }
        assert_eq!(text.matches("A note.").count(), 1);
    }

    #[test]
    fn what_is_missed_is_listed_once_with_its_reason_or_without_one() {
        let mut sheet = Sheet::new("Reading");
        for flags in [100, 1_000] {
            let what = "Flagstaff `get_bool(&str)` / somebody";
            sheet.sized(what, flags, 2.0, "ratio", Some(Goal::at_most(0.9, 1.0)));
        }
        let known = Run { profile: "fat".to_owned(), records: sheet.records };
        let text = text(&[known, run("plain", 0.95, 1.0), run("fat", 0.95, 1.0)]);
        assert_eq!(text.matches("- Flagstaff `get_bool(&str)` / ..: what is left").count(), 1, "{text}");
        assert!(text.contains("- reads of two / of one: no reason is known.\n"), "{text}");
        assert!(!text.contains("- a time"), "{text}");
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
            text.contains("## Python\n\nAbout Python.\n") && text.contains("| a call | 40.0 | ns |"),
            "{text}"
        );
        assert_eq!(text.matches("what ships").count(), 1, "{text}");
    }

    #[test]
    fn one_build_alone_has_its_rows_only() {
        let text = text(&[run("plain", 1.05, 10.0)]);
        assert!(text.contains("| ours / theirs | ratio | plain | 2.00 | **1.05** (at most 1) |\n"), "{text}");
        assert!(text.contains("| ours | 10.0 |") && !text.contains("| fat |"));
    }
}
