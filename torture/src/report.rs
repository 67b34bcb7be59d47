//! The report.

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing was found.
    Good,
    /// Something was found.
    Bad,
    /// It could not be run here, or was not reached.
    NotRun,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What was done and how often, with measurements.
    pub did: Vec<String>,
    /// What could not be tried here, or only in part.
    pub notes: Vec<String>,
    /// The errors.
    pub findings: Vec<String>,
    /// The command that runs it again.
    pub again: String,
}

/// All checks.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct Report {
    /// Where it was run.
    pub folder: String,
    /// The seed of the random choices.
    pub seed: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether it was interrupted: the checks after that were not run.
    pub interrupted: bool,
    /// The checks in order.
    pub checks: Vec<CheckReport>,
}

impl Report {
    /// Whether everything was tried that can be tried here, and nothing was found.
    pub fn is_good(&self) -> bool {
        !self.interrupted && self.checks.iter().all(|check| check.verdict != Verdict::Bad)
    }
}
