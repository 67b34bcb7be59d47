//! Headings and bars.

use std::env;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::style::{Look, Paint};

/// A heading with a note behind it.
pub(crate) fn heading(paint: Paint, text: String, note: String) -> Line<'static> {
    Line::from(vec![Span::styled(text, paint.cell(Look::Strong)), Span::styled(note, paint.cell(Look::Dim))])
}

/// Room for a heading of one line, and the room below it.
pub(crate) fn heading_and_rest(area: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area)
}

/// The characters of small bars, from the lowest to the highest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bars([char; 8]);

impl Bars {
    const BLOCKS: Bars = Bars([
        '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}',
    ]);
    const ASCII: Bars = Bars(['.', ':', '-', '=', '+', '*', '#', '@']);

    /// Blocks, if the terminal shows characters beyond ASCII, as far as the locale tells.
    pub(crate) fn of_locale() -> Bars {
        let set = |name: &&str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Bars::BLOCKS } else { Bars::ASCII }
    }

    /// A bar for each of the last `width` values, the newest on the right. `most` and more is the highest bar, 0 alone the
    /// lowest.
    pub(crate) fn text(self, values: &[u64], most: u64, width: usize) -> String {
        let last = &values[values.len().saturating_sub(width)..];
        let level = |value: u64| (value.saturating_mul(7) / most.max(1)).clamp(u64::from(value > 0), 7);
        let bars: String = last.iter().filter_map(|value| self.0.get(level(*value) as usize)).collect();
        format!("{bars:>width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_their_values_and_the_oldest_ones_make_room() {
        assert_eq!(Bars::ASCII.text(&[0, 1, 50, 100, 1000], 100, 6), " .:=@@");
        assert_eq!(Bars::ASCII.text(&[100, 0, 0], 100, 2), "..");
        assert_eq!(Bars::BLOCKS.text(&[], 0, 3), "   ");
        assert_eq!(Bars::BLOCKS.text(&[u64::MAX], 0, 1), "\u{2588}");
    }
}
