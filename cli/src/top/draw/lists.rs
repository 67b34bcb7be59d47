//! The lists: flags, changes, processes.

use std::time::{Duration, SystemTime};

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, List, Row, Table};

use crate::host::Attached;
use crate::screen::{heading, heading_and_rest};
use crate::show;
use crate::style::Look;
use crate::top::app::{App, Change, Mode, short_age};
use crate::top::flags::Sort;

/// Characters of a value that go to a list: more than any terminal is wide.
const VALUE_CHARS: usize = 400;

/// Share of the list of flags that keys have, in percent.
const KEY_SHARE: u16 = 52;

pub(super) fn flags(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    let [top, rows] = heading_and_rest(area);
    app.page = usize::from(rows.height).max(1);
    app.cursor.keep_in(app.flags.len(), app.page);
    let filter = match (app.flags.filter(), app.mode) {
        ("", _) | (_, Mode::Filter) => String::new(),
        (filter, _) => format!(" containing \"{}\"", show::harmless(filter)),
    };
    let sort = if app.flags.sort() == Sort::Key { "by key" } else { "by last change" };
    let note = format!(" {}{filter}, {sort}", show::count(app.flags.len() as u64));
    frame.render_widget(heading(app.paint, "FLAGS".to_owned(), note), top);

    let now = SystemTime::now();
    let snapshot = app.flags.snapshot().clone();
    let key_columns = usize::from(rows.width * KEY_SHARE / 100);
    let shown = (app.cursor.first..app.flags.len()).take(app.page);
    let lines = shown.filter_map(|line| {
        let key = app.flags.key(line)?;
        let changed = app.flags.changed(key);
        let age = changed.map(|at| now.duration_since(at).unwrap_or_default());
        let value = snapshot.get(key).and_then(|value| show::value(&value).ok()).unwrap_or_default();
        let look = if line == app.cursor.selected { Look::Selected } else { Look::Plain };
        Some(
            Row::new([
                Cell::new(show::key_in(key, key_columns)),
                Cell::new(value.chars().take(VALUE_CHARS).collect::<String>())
                    .style(app.paint.cell(value_look(&value))),
                Cell::new(age.map(short_age).unwrap_or_default()).style(app.paint.cell(age_look(age))),
            ])
            .style(app.paint.cell(look)),
        )
    });
    let widths =
        [Constraint::Length(rows.width * KEY_SHARE / 100), Constraint::Min(6), Constraint::Length(4)];
    frame.render_widget(Table::new(lines.collect::<Vec<_>>(), widths), rows);
}

fn value_look(value: &str) -> Look {
    match value {
        "true" => Look::Good,
        "false" | "null" => Look::Dim,
        _ => Look::Plain,
    }
}

/// A flag that has just changed stands out.
fn age_look(age: Option<Duration>) -> Look {
    match age {
        Some(age) if age < Duration::from_secs(5) => Look::Warning,
        _ => Look::Dim,
    }
}

pub(super) fn changes(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let [top, rows] = heading_and_rest(area);
    let note =
        if app.changes.is_empty() { " none since the start".to_owned() } else { " newest first".to_owned() };
    frame.render_widget(heading(app.paint, "CHANGES".to_owned(), note), top);
    let shown = app.changes.iter().take(usize::from(rows.height));
    let lines = shown.map(|change| change_line(app, change, rows.width.into()));
    frame.render_widget(List::new(lines), rows);
}

/// Half of the room behind the time is for the key, at most.
fn change_line(app: &App, change: &Change, columns: usize) -> Line<'static> {
    let time = show::time(change.at);
    // The time of the day, in whole seconds.
    let time = time.get(11..19).unwrap_or_default().to_owned();
    let cut = |text: &str| text.chars().take(VALUE_CHARS).collect::<String>();
    let mut spans = vec![Span::styled(format!("{time} "), app.paint.cell(Look::Dim))];
    if change.key.is_empty() {
        spans.push(Span::styled(change.new.clone().unwrap_or_default(), app.paint.cell(change.look)));
        return Line::from(spans);
    }
    let side = |text: &Option<String>, nothing: &str, look| match text {
        Some(text) => Span::styled(cut(text), app.paint.cell(look)),
        None => Span::styled(nothing.to_owned(), app.paint.cell(Look::Dim)),
    };
    spans.extend([
        Span::raw(format!("{}: ", show::key_in(&change.key, columns.saturating_sub(time.len() + 1) / 2))),
        side(&change.old, "(added)", Look::Bad),
        Span::raw(" -> "),
        side(&change.new, "(removed)", Look::Good),
    ]);
    Line::from(spans)
}

pub(super) fn processes(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let [top, below] = heading_and_rest(area);
    let [names, rows] = heading_and_rest(below);
    let Some(table) = &app.table else {
        frame.render_widget(heading(app.paint, "PROCESSES".to_owned(), " being looked for".to_owned()), top);
        return;
    };
    let hidden = match table.not_inspected {
        0 => String::new(),
        more => format!("; {} could not be inspected (no permission)", show::count(more)),
    };
    let note = format!(" {} have the file mapped{hidden}", table.rows.len());
    frame.render_widget(heading(app.paint, "PROCESSES".to_owned(), note), top);
    let widths = [
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(10),
        Constraint::Length(5),
        Constraint::Length(9),
        Constraint::Length(6),
        Constraint::Min(8),
    ];
    let columns = Row::new(["PID", "IS", "USER", "UP", "RESIDENT", "CPU %", "COMMAND"]);
    frame.render_widget(Table::new([columns.style(app.paint.cell(Look::Dim))], widths), names);
    let lines = table.rows.iter().take(usize::from(rows.height)).map(|row| {
        let process = &row.process;
        let (is, look) = match row.attached {
            Attached::Publisher => ("publisher", Look::Strong),
            Attached::Reader => ("reader", Look::Plain),
            Attached::Old => ("old file", Look::Warning),
        };
        Row::new([
            Cell::new(process.pid.to_string()),
            Cell::new(is).style(app.paint.cell(look)),
            Cell::new(process.user.clone().unwrap_or_default()),
            Cell::new(process.uptime.and_then(show::seconds).map(short_age).unwrap_or_default()),
            Cell::new(show::bytes(process.rss_bytes)),
            Cell::new(row.cpu_percent.map(|percent| format!("{percent:.1}")).unwrap_or_default()),
            Cell::new(process.command.chars().take(VALUE_CHARS).collect::<String>()),
        ])
    });
    frame.render_widget(Table::new(lines.collect::<Vec<_>>(), widths), rows);
}
