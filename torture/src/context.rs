//! The context of a check: its folder, time and random numbers, and what it did and found.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::launcher::Launcher;
use crate::problem::Problem;
use crate::process::Process;
use crate::report::CheckReport;

/// How long a process may take for one thing, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The context of one check.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) folder: PathBuf,
    /// The folder that the user named.
    pub(crate) named: PathBuf,
    pub(crate) random: Rng,
    pub(crate) until: Instant,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) report: CheckReport,
}

impl Context<'_> {
    /// The snapshot file of this check.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("flags.flagstaff")
    }

    /// Whether there is time left and nobody has asked for the end.
    pub(crate) fn goes_on(&self) -> bool {
        Instant::now() < self.until && !self.is_stopped()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Time left.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(crate) fn did(&mut self, what: impl Into<String>) {
        self.report.did.push(what.into());
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.report.notes.push(what.into());
    }

    pub(crate) fn found(&mut self, what: impl Into<String>) {
        self.report.findings.push(what.into());
    }

    /// Starts a role on this check's file.
    pub(crate) fn start(&self, role: &str, arguments: &[&str]) -> Result<Process, Problem> {
        self.launcher.start(role, &self.path(), arguments)
    }

    pub(crate) fn start_on(&self, role: &str, path: &Path) -> Result<Process, Problem> {
        self.launcher.start(role, path, &[])
    }

    /// Ends a role, and returns its output if it ends without an error.
    pub(crate) fn end(&self, who: &str, mut process: Process) -> Result<String, Problem> {
        process.close_stdin();
        self.end_later(who, process)
    }

    /// Waits at most `limit` until a role ends by itself, and returns the line of its output that begins with `start`, without that.
    pub(crate) fn last_line(
        &self,
        who: &str,
        process: Process,
        start: &str,
        limit: Duration,
    ) -> Result<String, Problem> {
        let said = self.ended(who, process, limit)?;
        let line = said.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned);
        line.ok_or_else(|| {
            Problem::Found(format!("{who} ended with exit status 0 but without {start:?}, output: {said}"))
        })
    }

    /// As [`Context::end`], for a role that ends by itself.
    pub(crate) fn end_later(&self, who: &str, process: Process) -> Result<String, Problem> {
        self.ended(who, process, PATIENCE)
    }

    fn ended(&self, who: &str, mut process: Process, limit: Duration) -> Result<String, Problem> {
        let status = process.wait(limit)?;
        let said = process.stdout();
        if status.success() && !said.lines().any(|line| line.starts_with("wrong")) {
            return Ok(said);
        }
        Err(Problem::Found(format!(
            "{who} ended with {status}, output: {}{}",
            said.trim_end(),
            process.stderr()
        )))
    }
}
