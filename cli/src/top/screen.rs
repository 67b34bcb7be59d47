//! The terminal while the live screen is on it.

use std::env;
use std::io::{self, IsTerminal as _};

use ratatui::DefaultTerminal;

use crate::failure::Failure;

/// The terminal, given back as it was when this is dropped, and by a hook before the message of a panic.
#[derive(Debug)]
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    /// Whether stdout can show it.
    pub(super) fn is_possible() -> bool {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        !is_dumb && io::stdout().is_terminal()
    }

    pub(super) fn open() -> Result<Screen, Failure> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Screen(terminal)),
            Err(source) => {
                // It may have come half of the way.
                ratatui::restore();
                Err(Failure::System { action: "use the terminal", source })
            }
        }
    }

    pub(super) fn draw(&mut self, paint: impl FnOnce(&mut ratatui::Frame<'_>)) -> Result<(), Failure> {
        self.0.draw(paint).map(drop).map_err(Failure::Output)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
