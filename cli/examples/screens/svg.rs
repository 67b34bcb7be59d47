//! A screen of a terminal as a picture.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

/// Pixels of a cell, and of the frame around all of them.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;
const FRAME: f64 = 16.0;
const TITLE: f64 = 34.0;

const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d6d9df";
const BAR: &str = "#23262e";

/// The first 16 colours of a terminal.
const COLORS: [&str; 16] = [
    "#3b3f4a", "#f2777a", "#7fd88f", "#f0c674", "#6cb6ff", "#d2a8ff", "#76dfe0", "#d6d9df", "#6e7480",
    "#ff9c9e", "#a5e8b0", "#ffdd99", "#96ccff", "#e2c5ff", "#a3eeee", "#ffffff",
];

/// How a run of cells looks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    color: Color,
    bold: bool,
    dim: bool,
    inverse: bool,
}

impl Look {
    fn of(cell: &Cell) -> Look {
        Look { color: cell.fgcolor(), bold: cell.bold(), dim: cell.dim(), inverse: cell.inverse() }
    }
}

pub(crate) fn of(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let (width, height) =
        (f64::from(columns) * WIDTH + 2.0 * FRAME, f64::from(rows) * HEIGHT + FRAME + TITLE + 6.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\" fill=\"{FOREGROUND}\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"9\" fill=\"{BACKGROUND}\"/>\n\
         <path d=\"M0 {TITLE}V9a9 9 0 0 1 9-9H{:.0}a9 9 0 0 1 9 9V{TITLE}z\" fill=\"{BAR}\"/>\n\
         <text x=\"{:.0}\" y=\"22\" text-anchor=\"middle\" fill=\"#9aa0ab\">{title}</text>\n",
        width - 9.0,
        width / 2.0
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            column = run(&mut svg, screen, row, column, columns);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Draws the cells from `start` on that look alike, and answers where the next ones start.
fn run(svg: &mut String, screen: &Screen, row: u16, start: u16, columns: u16) -> u16 {
    let Some(look) = screen.cell(row, start).map(Look::of) else { return columns };
    let mut text = String::new();
    let mut end = start;
    while let Some(cell) =
        (end < columns).then(|| screen.cell(row, end)).flatten().filter(|cell| Look::of(cell) == look)
    {
        text.push_str(if cell.has_contents() { cell.contents() } else { " " });
        end += 1;
    }
    let (x, y) = (FRAME + f64::from(start) * WIDTH, TITLE + 6.0 + f64::from(row) * HEIGHT);
    let mut color = color(look.color);
    if look.inverse {
        let wide = f64::from(end - start) * WIDTH;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{HEIGHT}\" fill=\"{color}\"/>"
        );
        color = BACKGROUND;
    }
    // Only what is to be seen, each run at its place: fonts differ in their width.
    let shown = text.trim_start_matches(' ');
    let x = x + (text.chars().count() - shown.chars().count()) as f64 * WIDTH;
    let shown = shown.trim_end_matches(' ');
    if !shown.is_empty() {
        let wide = shown.chars().count() as f64 * WIDTH;
        let bold = if look.bold { " font-weight=\"bold\"" } else { "" };
        let dim = if look.dim { " opacity=\"0.6\"" } else { "" };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{wide:.1}\" fill=\"{color}\"{bold}{dim} xml:space=\"preserve\">{}</text>",
            y + 14.0,
            escaped(shown)
        );
    }
    end.max(start + 1)
}

fn color(color: Color) -> &'static str {
    match color {
        Color::Idx(index) => COLORS.get(usize::from(index)).copied().unwrap_or(FOREGROUND),
        _ => FOREGROUND,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
