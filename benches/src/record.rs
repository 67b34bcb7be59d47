//! What a run measured, as lines of JSON: two builds of the program each write theirs, one document is made of both.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// One line of a run. `section` is a heading of the document, `value` is in `unit`, which may be "ratio".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(crate) enum Record {
    /// What it was measured on.
    Machine { text: String },
    /// A cell of a table, and a point of a plot: `row` says who, `column` under which condition, a number where there is an axis.
    Point { section: String, table: String, row: String, column: String, value: f64, unit: String },
    /// A figure of its own; `flags` where their number is varied.
    Figure { section: String, what: String, flags: Option<usize>, value: f64, unit: String },
    /// Something to know about a section.
    Note { section: String, text: String },
}

/// All lines of one section, as they come.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    section: String,
    /// The lines.
    pub(crate) records: Vec<Record>,
}

impl Sheet {
    /// An empty sheet for `section`.
    pub(crate) fn new(section: &str) -> Sheet {
        Sheet { section: section.to_owned(), records: Vec::new() }
    }

    /// Puts a cell into a table.
    pub(crate) fn point(&mut self, table: &str, row: &str, column: impl ToString, value: f64, unit: &str) {
        self.records.push(Record::Point {
            section: self.section.clone(),
            table: table.to_owned(),
            row: row.to_owned(),
            column: column.to_string(),
            value,
            unit: unit.to_owned(),
        });
    }

    /// A figure of its own.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: f64, unit: &str) {
        self.push(what.into(), None, value, unit);
    }

    /// One of several figures over the number of flags.
    pub(crate) fn sized(&mut self, what: impl Into<String>, flags: usize, value: f64, unit: &str) {
        self.push(what.into(), Some(flags), value, unit);
    }

    fn push(&mut self, what: String, flags: Option<usize>, value: f64, unit: &str) {
        let (section, unit) = (self.section.clone(), unit.to_owned());
        self.records.push(Record::Figure { section, what, flags, value, unit });
    }

    /// A remark. The same one twice is one.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let note = Record::Note { section: self.section.clone(), text: text.into() };
        if !self.records.contains(&note) {
            self.records.push(note);
        }
    }
}

/// One build's run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    /// "plain" or "fat".
    pub(crate) profile: String,
    /// Its lines.
    pub(crate) records: Vec<Record>,
}

impl Run {
    /// Writes a header line with the profile, then a line per record.
    pub(crate) fn save(&self, path: &Path) -> Outcome<()> {
        let mut text = serde_json::to_string(&self.profile)? + "\n";
        for record in &self.records {
            text += &serde_json::to_string(record)?;
            text.push('\n');
        }
        fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()).into())
    }

    /// Reads what [`Run::save`] wrote.
    pub(crate) fn load(path: &Path) -> Outcome<Run> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let mut lines = text.lines();
        let profile = serde_json::from_str(lines.next().unwrap_or_default())?;
        let records = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Run { profile, records })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let mut sheet = Sheet::new("Reading");
        sheet.point("hit", "`HashMap`", 100, 9.5, "ns");
        sheet.sized("ratio", 100, 0.25, "ratio");
        sheet.note("a note");
        sheet.note("a note");
        let run = Run { profile: "fat".to_owned(), records: sheet.records };
        assert_eq!(run.records.len(), 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        run.save(&path).unwrap();
        let read = Run::load(&path).unwrap();
        assert_eq!((read.profile, read.records), (run.profile, run.records));
    }
}
