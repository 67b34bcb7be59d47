//! A program in a terminal of its own, for tests and for the pictures of the documentation: what it writes is drawn on a screen that is not there, and read from it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustix::termios::{LocalModes, tcgetattr};

use crate::program::{LIMIT, kill};

/// A program with its terminal.
pub(crate) struct Terminal {
    child: Child,
    /// The side of whoever sits in front of it.
    front: Arc<OwnedFd>,
    screen: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
    /// Kept, so that the terminal can be looked at when the program has ended.
    _back: OwnedFd,
}

impl Terminal {
    /// Starts the command, as it is given to `Command`, in a terminal of so many columns and rows.
    pub(crate) fn start(command: &Command, columns: u16, rows: u16) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let back = rustix::fs::open(
            rustix::pty::ptsname(&pty, Vec::new()).unwrap(),
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
        let mut in_terminal = pty_process::blocking::Command::new(command.get_program());
        in_terminal =
            in_terminal.args(command.get_args()).env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        if let Some(folder) = command.get_current_dir() {
            in_terminal = in_terminal.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            in_terminal = match value {
                Some(value) => in_terminal.env(name, value),
                None => in_terminal.env_remove(name),
            };
        }
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            if !command.get_envs().any(|(given, _)| given == OsStr::new(name)) {
                in_terminal = in_terminal.env_remove(name);
            }
        }
        let child = in_terminal.spawn(pts).unwrap();
        let front = Arc::new(OwnedFd::from(pty));
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(columns), 0)));
        let reader = thread::spawn({
            let (mut front, screen) = (File::from(front.try_clone().unwrap()), screen.clone());
            move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = front.read(&mut bytes) {
                    screen.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..count]);
                }
            }
        });
        Terminal { child, front, screen, reader: Some(reader), _back: back }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The screen as it is now.
    pub(crate) fn screen(&self) -> vt100::Screen {
        self.parser().screen().clone()
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen().contents()
    }

    /// Whether some cell of a line that contains `text` has this colour.
    pub(crate) fn has_color(&self, text: &str, color: vt100::Color) -> bool {
        let screen = self.screen();
        let columns = screen.size().1.get();
        let lines = screen.rows(0, columns).zip(0..).filter(|(line, _)| line.contains(text));
        let mut cells = lines.flat_map(|(_, row)| (0..columns).map(move |column| (row, column)));
        cells.any(|(row, column)| screen.cell(row, column).is_some_and(|cell| cell.fgcolor() == color))
    }

    /// Waits until the screen is as `condition` wants it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, condition: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !condition(&self.text()) {
            assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; the screen:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        self.until(text, |screen| screen.contains(text));
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &str) {
        File::from(self.front.try_clone().unwrap()).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.parser().screen_mut().set_size(size(rows), size(columns));
        let winsize = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(self.front.as_fd(), winsize).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "it does not end; the screen:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the terminal is as a shell wants it: the first screen, a cursor, lines and echo.
    pub(crate) fn is_restored(&self) -> bool {
        let modes = tcgetattr(self.front.as_fd()).unwrap().local_modes;
        let parser = self.parser();
        let screen = parser.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // It reads until the test ends: this side keeps the terminal open.
        drop(self.reader.take());
    }
}

fn size(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}
