//! A picture on a terminal that is drawn over itself, so that nothing flickers.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::paint::{Canvas, paint};
use super::session::Show;
use super::state::State;
use crate::failure::Failure;

const LEAST_BETWEEN: Duration = Duration::from_millis(50);

/// Another screen without cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The terminal, given back as it was when this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    drawn_at: Option<Instant>,
    blocks: bool,
}

impl Screen {
    /// Whether there is a terminal that can do it.
    pub(super) fn is_possible() -> bool {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        !is_dumb && io::stdout().is_terminal()
    }

    /// Takes the terminal.
    pub(super) fn open() -> Result<Screen, Failure> {
        let screen = Screen { drawn_at: None, blocks: is_utf8() };
        write(ENTER)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = write(LEAVE);
    }
}

impl Show for Screen {
    fn draw(&mut self, state: &State) -> Result<(), Failure> {
        if self.drawn_at.is_some_and(|at| at.elapsed() < LEAST_BETWEEN) {
            return Ok(());
        }
        self.drawn_at = Some(Instant::now());
        let (width, height) = size();
        let mut canvas = Canvas::new(width, self.blocks);
        paint(&mut canvas, state);
        let mut text = String::from("\x1b[H");
        for (i, line) in canvas.into_lines().into_iter().take(height).enumerate() {
            // A line end behind the last line would scroll.
            let end = if i > 0 { "\r\n" } else { "" };
            let _ = write!(text, "{end}{line}\x1b[K");
        }
        text.push_str("\x1b[J");
        write(&text)
    }

    fn second(&mut self, _: &State) -> Result<(), Failure> {
        Ok(())
    }
}

/// In one call, so that the terminal never shows half a picture.
fn write(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Output)
}

fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// Whether the terminal shows characters beyond ASCII, as far as the locale tells.
fn is_utf8() -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
