//! A child process, its output and its end. It is killed when this is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::problem::Problem;

/// Waits until a condition holds, for at most that long. Returns whether it does.
pub(crate) fn wait_until(within: Duration, condition: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > within {
            return false;
        }
        thread::sleep(Duration::from_micros(200));
    }
    true
}

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
    fn of(stream: Option<impl Read + Send + 'static>) -> Lines {
        let lines = Lines::default();
        let of_thread = lines.clone();
        thread::spawn(move || {
            let mut reader = stream.map(BufReader::new);
            let mut line = Vec::new();
            while let Some(reader) = &mut reader
                && reader.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0)
            {
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
        // A thread that panicked has already failed; the others still report.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line that `wanted` accepts, with its time; or else the whole output.
    fn find(&self, wanted: impl Fn(&str) -> bool, deadline: Duration) -> Result<(Instant, String), String> {
        let begun = Instant::now();
        let mut state = self.state();
        let mut from = 0;
        loop {
            if let Some((at, line)) = state.lines.iter().skip(from).find(|(_, line)| wanted(line)) {
                return Ok((*at, line.clone()));
            }
            from = state.lines.len();
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
    pub fn start(mut command: Command) -> Result<Process, Problem> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| Problem::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let stdout = Lines::of(child.stdout.take());
        let stderr = Lines::of(child.stderr.take());
        Ok(Process { child, stdout, stderr })
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

    /// Waits for a line on stderr that contains `text`, and returns the time at which it came and the line.
    pub fn log(&self, text: &str, within: Duration) -> Result<(Instant, String), Problem> {
        let found = self.stderr.find(|line| line.contains(text), within);
        found.map_err(|said| Problem::Silent { expected: text.to_owned(), within, said })
    }

    /// As [`Process::log`], on stdout, and for a whole line that starts with `start`.
    pub fn line(&self, start: &str, within: Duration) -> Result<(Instant, String), Problem> {
        let found = self.stdout.find(|line| line.starts_with(start), within);
        found.map_err(|said| {
            let said = said + &self.stderr();
            Problem::Silent { expected: start.to_owned(), within, said }
        })
    }

    /// Sends a line to its stdin. If the process has ended, waiting for its reply is an error.
    pub fn say(&mut self, line: &str) {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        // An error means that it has ended; waiting for its output is an error.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Closes its stdin, which tells a role to end.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it is stopped by a signal.
    pub fn is_stopped(&self) -> bool {
        // All of its threads: the kernel stops one after the other, and the last one may still write something.
        let is_stopped = |thread: &std::path::Path| {
            let stat = std::fs::read_to_string(thread.join("stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
        };
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        threads.is_ok_and(|mut threads| {
            threads.all(|thread| thread.is_ok_and(|thread| is_stopped(&thread.path())))
        })
    }

    /// Waits until it ends by itself; then all of its output has been read.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, Problem> {
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                for lines in [&self.stdout, &self.stderr] {
                    // Never found: it returns when the stream has ended. A grandchild may hold it open.
                    let _ = lines.find(|_| false, within.saturating_sub(begun.elapsed()));
                }
                return Ok(status);
            }
            if begun.elapsed() >= within {
                return Err(Problem::DoesNotEnd { within, said: self.stdout() + &self.stderr() });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
