//! Colours: whether there are any, and their meaning, the same in all commands.

use std::io;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use ratatui::style::{Modifier, Style as CellStyle};

/// The meaning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    /// Names and headings.
    Strong,
    /// Secondary information.
    Dim,
    /// Good, or added.
    Good,
    /// Unusual.
    Warning,
    /// Wrong, or removed.
    Bad,
    /// The line that keys act on.
    Selected,
}

impl Look {
    fn ansi(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Look::Plain => Style::new(),
            Look::Strong => Style::new().bold(),
            Look::Dim => Style::new().dimmed(),
            Look::Good => color(AnsiColor::Green),
            Look::Warning => color(AnsiColor::Yellow),
            Look::Bad => color(AnsiColor::Red),
            Look::Selected => Style::new().invert(),
        }
    }
}

/// Whether there are colours on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Colored,
    Plain,
}

impl Paint {
    /// By the option `--color`, then NO_COLOR, CLICOLOR_FORCE, CLICOLOR and TERM, then by whether stdout is a terminal.
    pub(crate) fn of_stdout(color: colorchoice_clap::Color) -> Paint {
        color.write_global();
        match AutoStream::choice(&io::stdout()) {
            anstream::ColorChoice::Never => Paint::Plain,
            _ => Paint::Colored,
        }
    }

    /// The text with its colour.
    pub(crate) fn text(self, look: Look, text: &str) -> String {
        match self {
            Paint::Colored if look != Look::Plain => {
                let style = look.ansi();
                format!("{style}{text}{style:#}")
            }
            _ => text.to_owned(),
        }
    }

    /// The same for a cell of a live screen. Without colours, important texts are bold or inverted.
    pub(crate) fn cell(self, look: Look) -> CellStyle {
        match (self, look) {
            (_, Look::Selected) => CellStyle::new().add_modifier(Modifier::REVERSED),
            (_, Look::Strong) => CellStyle::new().add_modifier(Modifier::BOLD),
            (Paint::Plain, Look::Bad) => CellStyle::new().add_modifier(Modifier::BOLD),
            (Paint::Plain, _) | (_, Look::Plain) => CellStyle::new(),
            (_, Look::Dim) => CellStyle::new().add_modifier(Modifier::DIM),
            (_, Look::Good) => CellStyle::new().fg(ratatui::style::Color::Green),
            (_, Look::Warning) => CellStyle::new().fg(ratatui::style::Color::Yellow),
            (_, Look::Bad) => CellStyle::new().fg(ratatui::style::Color::Red),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_ends_where_its_text_ends_and_without_colours_there_is_nothing_but_text() {
        assert_eq!(Paint::Colored.text(Look::Good, "on"), "\x1b[32mon\x1b[0m");
        assert_eq!(Paint::Colored.text(Look::Plain, "on"), "on");
        assert_eq!(Paint::Plain.text(Look::Bad, "off"), "off");
        assert_eq!(Paint::Plain.cell(Look::Good), CellStyle::new());
    }
}
