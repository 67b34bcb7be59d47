//! A child process of a test, see [`flagstaff_torture::Process`]: what does not come fails the test.

#![allow(clippy::panic, reason = "a test without its process cannot go on")]

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::wait::DEADLINE;

/// A running child. It is killed when the test ends, however it ends.
#[derive(Debug)]
pub struct Process(flagstaff_torture::Process);

impl Process {
    /// Starts `command` with pipes.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: Command) -> Process {
        Process(flagstaff_torture::Process::start(command).unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Everything on stderr so far.
    pub fn stderr(&self) -> String {
        self.0.stderr()
    }

    /// Everything on stdout so far.
    pub fn stdout(&self) -> String {
        self.0.stdout()
    }

    /// Waits for a line on stderr that holds `text`, and answers it with the time at which it came.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn expect_log(&self, text: &str) -> (Instant, String) {
        self.0.log(text, DEADLINE).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// As [`Process::expect_log`], on stdout, and for a whole line that starts with `start`.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn expect_line(&self, start: &str) -> (Instant, String) {
        self.0.line(start, DEADLINE).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.0.signal(signal);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Closes its stdin, on which a role waits for its end.
    pub fn close_stdin(&mut self) {
        self.0.close_stdin();
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.0.is_running()
    }

    /// Whether it is stopped by a signal.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    /// Waits for the end by itself; then all that it said has been read.
    ///
    /// # Panics
    /// If it does not end within `deadline`.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        self.0.wait(deadline).unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// A number from `/proc/<id>/status`, in KiB: `VmHWM` is the most memory that was ever resident.
    ///
    /// # Panics
    /// If there is no such number.
    pub fn memory(&self, field: &str) -> u64 {
        let found = flagstaff_torture::process_numbers::memory(self.id(), field);
        found.unwrap_or_else(|| panic!("no {field} of process {}", self.id()))
    }
}
