//! The value of one flag in full.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use unicode_width::UnicodeWidthChar as _;

use crate::screen::{heading, heading_and_rest};
use crate::show;
use crate::top::app::App;

pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    let [top, rest] = heading_and_rest(area);
    let key = app.selected().unwrap_or_default().to_owned();
    let Some(value) = app.flags.snapshot().get(key.as_str()) else {
        frame.render_widget(
            heading(app.paint, show::key(&key), "  there is no such flag any more".to_owned()),
            top,
        );
        return;
    };
    let text = show::value(&value).unwrap_or_else(|error| error.to_string());
    let (kind, bytes) = (value.kind_name(), show::bytes(text.len() as u64));
    let changed =
        app.flags.changed(&key).map(|at| format!(", changed {}", show::time(at))).unwrap_or_default();
    let lines = wrapped(&text, usize::from(rest.width).max(1));
    let rows = usize::from(rest.height).max(1);
    app.page = rows;
    let most = u16::try_from(lines.len().saturating_sub(rows)).unwrap_or(u16::MAX);
    app.detail_line = app.detail_line.min(most);
    let note = format!("  {kind}, {bytes}{changed}");
    frame.render_widget(heading(app.paint, show::key(&key), note), top);
    let shown = lines.into_iter().skip(app.detail_line.into()).take(rows).map(Line::from);
    frame.render_widget(Text::from_iter(shown), rest);
}

/// The text in lines of so many columns, broken anywhere, because spaces of a value are significant.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width > columns {
            lines.push(String::new());
            used = 0;
        }
        used += width;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}
