//! Draws the live screen on a terminal of any size.

mod head;
mod lists;
mod value;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::app::{App, Mode, Pane};
use super::flags::Sort;
use crate::style::Look;

/// The smallest size that has room for all parts beside each other.
const ROOMY: (u16, u16) = (72, 20);

pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let area = frame.area();
    let is_roomy = area.width >= ROOMY.0 && area.height >= ROOMY.1;
    let head = if is_roomy { head::lines(app) } else { head::few_lines(app) };
    let [top, body, foot] = Layout::vertical([
        Constraint::Length(u16::try_from(head.len()).unwrap_or(u16::MAX)),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(ratatui::text::Text::from(head), top);
    match (app.mode, is_roomy) {
        (Mode::Detail, _) => value::draw(frame, app, body),
        (_, true) => all_parts(frame, app, body),
        (_, false) => match app.pane {
            Pane::Flags => lists::flags(frame, app, body),
            Pane::Changes => lists::changes(frame, app, body),
            Pane::Processes => lists::processes(frame, app, body),
        },
    }
    frame.render_widget(foot_line(app, is_roomy), foot);
}

fn all_parts(frame: &mut Frame<'_>, app: &mut App, body: Rect) {
    let processes = app.table.as_ref().map_or(0, |table| table.rows.len());
    // Heading, names of the columns, and the rows: as many lines as they need, up to two fifths of the room.
    let wanted = u16::try_from(processes.max(1) + 2).unwrap_or(u16::MAX).min(body.height * 2 / 5);
    let [upper, lower] = Layout::vertical([Constraint::Min(3), Constraint::Length(wanted)]).areas(body);
    let [left, _, right] =
        Layout::horizontal([Constraint::Percentage(58), Constraint::Length(2), Constraint::Min(10)])
            .areas(upper);
    lists::flags(frame, app, left);
    lists::changes(frame, app, right);
    lists::processes(frame, app, lower);
}

fn foot_line(app: &App, is_roomy: bool) -> Line<'static> {
    let key = |key: &'static str| Span::styled(key, app.paint.cell(Look::Strong));
    let what = |what: String| Span::styled(what, app.paint.cell(Look::Dim));
    let words = match app.mode {
        Mode::Filter => {
            let typed = Span::styled(format!("/{}_", app.flags.filter()), app.paint.cell(Look::Strong));
            return Line::from(vec![typed, what("  Enter keep, Esc all".to_owned())]);
        }
        Mode::Detail => vec![("Esc", "back"), ("j/k", "scroll"), ("q", "quit")],
        Mode::Browse => {
            let sort = if app.flags.sort() == Sort::Key { "sort by change" } else { "sort by key" };
            let mut words = vec![("q", "quit"), ("/", "filter"), ("s", sort), ("Enter", "value")];
            if !is_roomy {
                words.insert(1, ("Tab", "more"));
            }
            words
        }
    };
    let spans = words.into_iter().flat_map(|(name, text)| [key(name), what(format!(" {text}  "))]);
    Line::from(spans.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
