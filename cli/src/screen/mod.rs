//! The terminal of a live screen, and the parts that `top` and `demo` draw alike.

mod parts;

use std::env;
use std::io::{self, IsTerminal as _};

use ratatui::DefaultTerminal;
use ratatui::crossterm::terminal::disable_raw_mode;

use crate::failure::Failure;

pub(crate) use parts::{Bars, heading, heading_and_rest};

/// The terminal. It is restored when this is dropped, and by a hook before the message of a panic.
#[derive(Debug)]
pub(crate) struct Screen(DefaultTerminal);

impl Screen {
    /// Whether stdout can show it.
    pub(crate) fn is_possible() -> bool {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        !is_dumb && io::stdout().is_terminal()
    }

    pub(crate) fn open() -> Result<Screen, Failure> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Screen(terminal)),
            Err(source) => {
                // It may have been changed in part.
                ratatui::restore();
                Err(Failure::System { action: "use the terminal", source })
            }
        }
    }

    pub(crate) fn draw(&mut self, paint: impl FnOnce(&mut ratatui::Frame<'_>)) -> Result<(), Failure> {
        self.0.draw(paint).map(drop).map_err(Failure::Output)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Restores the terminal's modes and ends the process, without writing to the terminal, which takes nothing.
pub(crate) fn leave_at_once() {
    // If this fails there is no terminal.
    let _ = disable_raw_mode();
    // Without exit handlers: another thread holds the lock of stdout.
    signal_hook::low_level::exit(0);
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;

    use rustix::termios::{LocalModes, tcgetattr};

    use super::*;

    /// Set in the process that has to panic.
    const PANICS: &str = "FLAGSTAFF_TEST_PANICS";

    /// Does something in the process only that the test below starts.
    #[test]
    fn in_a_terminal_of_its_own_it_panics() {
        if env::var_os(PANICS).is_some() {
            let mut screen = Screen::open().unwrap();
            screen.draw(|_| panic!("on purpose")).unwrap();
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_its_message() {
        let (mut pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let name = "screen::tests::in_a_terminal_of_its_own_it_panics";
        let command = pty_process::blocking::Command::new(env::current_exe().unwrap());
        let command = command.args(["--exact", name, "--nocapture"]).env(PANICS, "1").env("TERM", "xterm");
        let mut child = command.spawn(pts).unwrap();
        let mut said = Vec::new();
        // Ends with an error when the last one with the terminal open has ended.
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = pty.read(&mut bytes) {
            said.extend_from_slice(&bytes[..count]);
        }
        assert!(!child.wait().unwrap().success());
        let said = String::from_utf8_lossy(&said);
        let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("no {text:?} in {said:?}"));
        assert!(at("\x1b[?1049h") < at("\x1b[?1049l"), "{said:?}");
        assert!(at("\x1b[?1049l") < at("on purpose"), "{said:?}");
        let modes = tcgetattr(pty.as_fd()).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO), "{modes:?}");
    }
}
