//! The output of `watch`: lines for people, objects for machines.

use std::time::SystemTime;

use flagstaff_reader::Snapshot;
use serde::Serialize;
use serde_json::value::RawValue;
use unicode_width::UnicodeWidthStr as _;

use super::state::{State, Transition};
use crate::differences::Difference;
use crate::facts::Overridden;
use crate::failure::Failure;
use crate::output::Output;
use crate::style::{Look, Paint};
use crate::{json, show};

/// Columns of a terminal below which there is no room to shorten anything sensibly.
const LEAST_COLUMNS: usize = 40;

/// Columns that each of two values gets at least, however long the other one is.
const LEAST_VALUE: usize = 12;

/// The first line.
#[derive(Debug, Serialize)]
struct Start {
    event: &'static str,
    time: String,
    generation: u64,
    flags: usize,
    publisher: &'static str,
    link: &'static str,
}

#[derive(Debug, Serialize)]
struct Change<'a> {
    event: &'static str,
    time: &'a str,
    generation: u64,
    key: &'a str,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct StateEvent<'a> {
    event: &'static str,
    time: &'a str,
    generation: u64,
    state: &'static str,
    old: &'static str,
}

#[derive(Debug, Serialize)]
struct OverrideEvent<'a> {
    event: &'static str,
    time: &'a str,
    generation: u64,
    #[serde(rename = "override")]
    of: &'a Overridden,
}

/// For people or for machines.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Json,
    Text(Paint),
}

/// Writes the changes of one moment.
pub(super) struct Lines {
    style: Style,
    output: Output,
    time: String,
    /// Columns of the terminal; `None`: nothing is shortened.
    columns: Option<usize>,
}

impl Lines {
    pub(super) fn now(style: Style) -> Lines {
        let columns = Output::columns().map(|columns| columns.max(LEAST_COLUMNS));
        Lines { style, output: Output::lock(), time: show::time(SystemTime::now()), columns }
    }

    pub(super) fn start(&mut self, snapshot: &Snapshot, state: &State) -> Result<(), Failure> {
        let (generation, flags) = (snapshot.generation().0, snapshot.len());
        let State { publisher, link, .. } = *state;
        match self.style {
            Style::Json => {
                let time = self.time.clone();
                self.output.json(&Start { event: "start", time, generation, flags, publisher, link })
            }
            Style::Text(paint) => {
                // With the date, which the other lines on a terminal do not have.
                let time = paint.text(Look::Dim, &self.time);
                let text = format!(
                    "{time} generation {generation}, {flags} flags, publisher {publisher}, link {link}"
                );
                self.output.line(&text)
            }
        }
    }

    pub(super) fn transition(&mut self, generation: u64, transition: &Transition) -> Result<(), Failure> {
        match self.style {
            Style::Json => {
                let Transition { event, old, state } = *transition;
                self.output.json(&StateEvent { event, time: &self.time, generation, state, old })
            }
            Style::Text(paint) => {
                let line = format!(
                    "{} {}",
                    self.shown_time(paint),
                    paint.text(transition.look(), &transition.text())
                );
                self.output.line(&line)
            }
        }
    }

    /// Says which flags are overridden from now on, and which are not any more.
    pub(super) fn overrides(
        &mut self,
        generation: u64,
        before: &[Overridden],
        now: &[Overridden],
    ) -> Result<(), Failure> {
        let has = |all: &[Overridden], one: &Overridden| all.iter().any(|other| other.is_same(one));
        let over = before.iter().filter(|one| !has(now, one)).map(|one| ("override_over", one));
        let begun = now.iter().filter(|one| !has(before, one)).map(|one| ("overridden", one));
        for (event, of) in over.chain(begun) {
            match self.style {
                Style::Json => {
                    self.output.json(&OverrideEvent { event, time: &self.time, generation, of })?;
                }
                Style::Text(paint) => {
                    let text = match event {
                        "overridden" => format!("overridden: {}", of.sentence()),
                        _ => format!("not overridden any more: {}", show::key(&of.key)),
                    };
                    let line = format!("{} {}", self.shown_time(paint), paint.text(Look::Warning, &text));
                    self.output.line(&line)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn change(&mut self, generation: u64, difference: &Difference<'_>) -> Result<(), Failure> {
        let Difference { key, old, new } = difference;
        let paint = match self.style {
            Style::Text(paint) => paint,
            Style::Json => {
                return self.output.json(&Change {
                    event: "change",
                    time: &self.time,
                    generation,
                    key,
                    change: difference.kind(),
                    old: old.as_ref().map(json::raw).transpose()?,
                    new: new.as_ref().map(json::raw).transpose()?,
                });
            }
        };
        let shown = |value: &Option<_>, nothing: &str| match value {
            Some(value) => show::value(value),
            None => Ok(nothing.to_owned()),
        };
        let (mut key, mut old_text, mut new_text) =
            (show::key(key), shown(old, "(added)")?, shown(new, "(removed)")?);
        if let Some(columns) = self.columns {
            let room = columns - self.short_time().len() - " : ".len() - " -> ".len();
            key = show::shortened(&key, room / 2);
            (old_text, new_text) = fit(old_text, new_text, room - key.width());
        }
        let look = |is_there: bool, look| if is_there { look } else { Look::Dim };
        let line = format!(
            "{} {}: {} -> {}",
            self.shown_time(paint),
            paint.text(Look::Strong, &key),
            paint.text(look(old.is_some(), Look::Bad), &old_text),
            paint.text(look(new.is_some(), Look::Good), &new_text)
        );
        self.output.line(&line)
    }

    pub(super) fn flush(mut self) -> Result<(), Failure> {
        self.output.flush()
    }

    /// Without the date on a terminal.
    fn short_time(&self) -> &str {
        match self.columns {
            Some(_) => self.time.split_once('T').map_or(self.time.as_str(), |(_, time)| time),
            None => &self.time,
        }
    }

    fn shown_time(&self, paint: Paint) -> String {
        paint.text(Look::Dim, self.short_time())
    }
}

/// Shortens two values to a common width: columns that one does not need go to the other.
fn fit(old: String, new: String, room: usize) -> (String, String) {
    let (old_width, new_width) = (old.width(), new.width());
    if old_width + new_width <= room {
        return (old, new);
    }
    let half = (room / 2).max(LEAST_VALUE);
    let for_old = if new_width < half { room.saturating_sub(new_width).max(LEAST_VALUE) } else { half };
    let old = show::shortened(&old, for_old);
    let for_new = room.saturating_sub(old.width()).max(LEAST_VALUE);
    (old, show::shortened(&new, for_new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(old: usize, new: usize, room: usize) -> (usize, usize) {
        let (old, new) = fit("o".repeat(old), "n".repeat(new), room);
        (old.len(), new.len())
    }

    #[test]
    fn columns_that_one_value_does_not_need_go_to_the_other() {
        assert_eq!(fitted(10, 10, 20), (10, 10));
        assert_eq!(fitted(4, 500, 60), (4, 56));
        assert_eq!(fitted(500, 4, 60), (56, 4));
        assert_eq!(fitted(500, 500, 60), (30, 30));
        assert_eq!(fitted(500, 500, 5), (LEAST_VALUE, LEAST_VALUE));
    }
}
