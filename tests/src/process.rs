//! A child process: what it says, and its end. It is killed when the test ends, however it ends.

#![allow(clippy::expect_used, clippy::panic, reason = "a test without its process cannot go on")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::DEADLINE;

/// A running child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// The lines of one stream so far, with the time at which each came.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    lines: Vec<(Instant, String)>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let of_thread = lines.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                of_thread.state().lines.push((Instant::now(), text));
                of_thread.0.1.notify_all();
                line.clear();
            }
            of_thread.state().ended = true;
            of_thread.0.1.notify_all();
        });
        lines
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked has already failed; the others should report what they see.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line from line `from` on that `wanted` takes, with its number and time.
    fn find(
        &self,
        from: usize,
        wanted: impl Fn(&str) -> bool,
        deadline: Duration,
    ) -> Result<(usize, Instant, String), String> {
        let begun = Instant::now();
        let mut state = self.state();
        loop {
            let found = state.lines.iter().enumerate().skip(from).find(|(_, (_, line))| wanted(line));
            if let Some((number, (at, line))) = found {
                return Ok((number, *at, line.clone()));
            }
            let left = deadline.saturating_sub(begun.elapsed());
            if state.ended || left.is_zero() {
                return Err(state.text());
            }
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

impl Process {
    /// Starts `command` with pipes.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut command: Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Lines::of(child.stdout.take().expect("stdout is a pipe"));
        let stderr = Lines::of(child.stderr.take().expect("stderr is a pipe"));
        Process { child, stdout, stderr }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.state().text()
    }

    /// Everything on stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.state().text()
    }

    /// Waits for a line on stderr that holds `text`, and answers it with the time at which it came.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn expect_log(&self, text: &str) -> (Instant, String) {
        match self.stderr.find(0, |line| line.contains(text), DEADLINE) {
            Ok((_, at, line)) => (at, line),
            Err(said) => panic!("no {text:?} within {DEADLINE:?}; the process said:\n{said}"),
        }
    }

    /// As [`Process::expect_log`], on stdout, and for a whole line that starts with `start`.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn expect_line(&self, start: &str) -> (Instant, String) {
        match self.stdout.find(0, |line| line.starts_with(start), DEADLINE) {
            Ok((_, at, line)) => (at, line),
            Err(said) => {
                panic!("no {start:?} within {DEADLINE:?}; the process said:\n{said}{}", self.stderr())
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        // An error is a process that has ended; whoever waits for what it does finds out.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Closes its stdin, on which a role waits for its end.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end by itself; then all that it said has been read.
    ///
    /// # Panics
    /// If it does not end within `deadline`.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                for lines in [&self.stdout, &self.stderr] {
                    let _ = lines.find(usize::MAX, |_| false, DEADLINE);
                }
                return status;
            }
            assert!(begun.elapsed() < deadline, "does not end within {deadline:?}:\n{}", self.stderr());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// A number from `/proc/<id>/status`, in KiB: `VmHWM` is the most memory that was ever resident.
    ///
    /// # Panics
    /// If there is no such number.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {field} of process {}", self.id()))
    }
}

/// Whether a process was stopped by a signal and not continued yet.
pub fn is_stopped(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
