//! The lists: flags, changes, processes.

use std::time::{Duration, SystemTime};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, List, Row, Table};

use super::heading;
use crate::host::Attached;
use crate::show;
use crate::style::Look;
use crate::top::app::{App, Change, Mode, short_age};
use crate::top::flags::Sort;

/// Characters of a value that a list looks at: more than any terminal is wide.
const VALUE_CHARS: usize = 400;

/// The heading of a part, and the room below it.
fn parts(area: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area)
}

pub(super) fn flags(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    let [top, rows] = parts(area);
    app.page = usize::from(rows.height).max(1);
    app.cursor.keep_in(app.flags.len(), app.page);
    let filter = match (app.flags.filter(), app.mode) {
        ("", _) | (_, Mode::Filter) => String::new(),
        (filter, _) => format!(" containing \"{}\"", show::harmless(filter)),
    };
    let sort = if app.flags.sort() == Sort::Key { "by key" } else { "by last change" };
    let note = format!(" {}{filter}, {sort}", show::count(app.flags.len() as u64));
    frame.render_widget(heading(app, "FLAGS".to_owned(), note), top);

    let now = SystemTime::now();
    let snapshot = app.flags.snapshot().clone();
    let shown = (app.cursor.first..app.flags.len()).take(app.page);
    let lines = shown.filter_map(|line| {
        let key = app.flags.key(line)?;
        let changed = app.flags.changed(key);
        let age = changed.map(|at| now.duration_since(at).unwrap_or_default());
        let value = snapshot.get(key).and_then(|value| show::value(&value).ok()).unwrap_or_default();
        let look = if line == app.cursor.selected { Look::Selected } else { Look::Plain };
        Some(
            Row::new([
                Cell::new(show::key(key)),
                Cell::new(value.chars().take(VALUE_CHARS).collect::<String>())
                    .style(app.paint.cell(value_look(&value))),
                Cell::new(age.map(short_age).unwrap_or_default()).style(app.paint.cell(age_look(age))),
            ])
            .style(app.paint.cell(look)),
        )
    });
    let widths = [Constraint::Percentage(52), Constraint::Min(6), Constraint::Length(4)];
    frame.render_widget(Table::new(lines.collect::<Vec<_>>(), widths), rows);
}

fn value_look(value: &str) -> Look {
    match value {
        "true" => Look::Good,
        "false" | "null" => Look::Dim,
        _ => Look::Plain,
    }
}

/// What has just changed stands out.
fn age_look(age: Option<Duration>) -> Look {
    match age {
        Some(age) if age < Duration::from_secs(5) => Look::Warning,
        _ => Look::Dim,
    }
}

pub(super) fn changes(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let [top, rows] = parts(area);
    let note =
        if app.changes.is_empty() { " none since the start".to_owned() } else { " newest first".to_owned() };
    frame.render_widget(heading(app, "CHANGES".to_owned(), note), top);
    let lines = app.changes.iter().take(usize::from(rows.height)).map(|change| change_line(app, change));
    frame.render_widget(List::new(lines), rows);
}

fn change_line(app: &App, change: &Change) -> Line<'static> {
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
        Span::raw(format!("{}: ", show::key(&change.key))),
        side(&change.old, "(added)", Look::Bad),
        Span::raw(" -> "),
        side(&change.new, "(removed)", Look::Good),
    ]);
    Line::from(spans)
}

pub(super) fn processes(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let [top, below] = parts(area);
    let [names, rows] = parts(below);
    let Some(table) = &app.table else {
        frame.render_widget(heading(app, "PROCESSES".to_owned(), " being looked for".to_owned()), top);
        return;
    };
    let hidden = match table.not_inspected {
        0 => String::new(),
        more => format!("; {} could not be inspected (no permission)", show::count(more)),
    };
    let note = format!(" {} have the file mapped{hidden}", table.rows.len());
    frame.render_widget(heading(app, "PROCESSES".to_owned(), note), top);
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
