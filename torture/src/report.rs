//! What comes out.

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
    /// It could not be tried, or was not reached.
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
    /// What was done, how often, and what was measured.
    pub did: Vec<String>,
    /// What is not tried, or limited, here.
    pub notes: Vec<String>,
    /// What is wrong.
    pub findings: Vec<String>,
    /// The command that tries it again.
    pub again: String,
}

/// All checks.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Where it was run.
    pub folder: String,
    /// What the choices follow from.
    pub seed: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether it was interrupted: what comes after that was not run.
    pub interrupted: bool,
    /// The checks in order.
    pub checks: Vec<CheckReport>,
}

impl Report {
    /// Whether everything was tried as far as it can be here, and nothing was found.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.interrupted && self.checks.iter().all(|check| check.verdict != Verdict::Bad)
    }
}
