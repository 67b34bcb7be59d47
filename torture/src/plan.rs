//! The plan of a run, and the run itself.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::check::{CHECKS, Check};
use crate::context::Context;
use crate::launcher::Launcher;
use crate::problem::{Problem, with_causes};
use crate::report::{CheckReport, Report, Verdict};

/// Which checks are run, where, and for how long.
#[derive(Debug, Clone)]
#[must_use]
pub struct Plan {
    folder: PathBuf,
    seconds: u64,
    seed: u64,
    only: Vec<String>,
}

/// A folder that is removed when this is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, the folder stays where the user can see it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Plan {
    /// All checks in `folder`, which must exist, for 30 s, with seed 0.
    pub fn new(folder: impl Into<PathBuf>) -> Plan {
        Plan { folder: folder.into(), seconds: 30, seed: 0, only: Vec::new() }
    }

    /// About how long the whole run takes. Checks of fixed length take what they need; the others share the rest.
    pub fn seconds(mut self, seconds: u64) -> Plan {
        self.seconds = seconds;
        self
    }

    /// The seed of the random choices.
    pub fn seed(mut self, seed: u64) -> Plan {
        self.seed = seed;
        self
    }

    /// Only the checks with these names; all, if there are none. The first check always runs.
    pub fn only(mut self, names: Vec<String>) -> Plan {
        self.only = names;
        self
    }

    /// The folder for the run, inside the one that was named. A program that ends early has to remove it.
    pub fn workplace(&self) -> PathBuf {
        self.folder.join(format!("flagstaff-torture-{}", std::process::id()))
    }

    /// Runs the checks one after the other, on this thread, until `stop` is set. `progress` is called with the next
    /// check and with its result. A folder that cannot be made is a finding of the first check, and the others are left out.
    pub fn run(&self, launcher: &Launcher, stop: &AtomicBool, progress: &dyn Fn(&str)) -> Report {
        let begun = Instant::now();
        let until = begun + Duration::from_secs(self.seconds);
        let workplace = self.workplace();
        let made = DirBuilder::new().mode(0o700).create(&workplace);
        // A folder that existed before is not removed.
        let _removes = made.is_ok().then(|| Folder(workplace.clone()));
        let mut made = made.map_err(Problem::file("make a folder for the checks:", &workplace));
        let is_chosen = |check: &&Check| {
            self.only.is_empty()
                || check.name == CHECKS[0].name
                || self.only.iter().any(|name| name == check.name)
        };
        let chosen: Vec<&Check> = CHECKS.iter().filter(is_chosen).collect();
        let mut reports: Vec<CheckReport> = Vec::new();
        for (number, check) in chosen.iter().enumerate() {
            let weights: u32 = chosen.iter().skip(number).map(|check| check.weight).sum();
            let left = until.saturating_duration_since(Instant::now());
            let share = left * check.weight / weights.max(1);
            let is_usable = reports.first().is_none_or(|first| first.verdict == Verdict::Good);
            let report = if is_usable && !stop.load(Ordering::Relaxed) {
                progress(&format!("{}: {}", check.name, check.about));
                let made = std::mem::replace(&mut made, Ok(()));
                let report = self.check(check, launcher, (&workplace, share), stop, made);
                let outcome = match (report.verdict, report.findings.first()) {
                    (_, Some(finding)) => format!("FOUND: {finding}"),
                    (Verdict::NotRun, None) => "not run".to_owned(),
                    _ => "good".to_owned(),
                };
                progress(&format!("{}: {outcome} ({:.1} s)", check.name, report.seconds));
                report
            } else {
                self.report(check)
            };
            reports.push(report);
        }
        Report {
            folder: self.folder.display().to_string(),
            seed: self.seed,
            seconds: begun.elapsed().as_secs_f64(),
            interrupted: stop.load(Ordering::Relaxed),
            checks: reports,
        }
    }

    fn check(
        &self,
        check: &Check,
        launcher: &Launcher,
        (workplace, share): (&Path, Duration),
        stop: &AtomicBool,
        made: Result<(), Problem>,
    ) -> CheckReport {
        let begun = Instant::now();
        // Each check has its own choices: they stay the same when it runs alone.
        let own = check.name.bytes().fold(self.seed, |seed, byte| seed.rotate_left(8) ^ u64::from(byte));
        let mut context = Context {
            launcher,
            folder: workplace.join(check.name),
            named: self.folder.clone(),
            random: Rng::with_seed(own),
            until: begun + share,
            stop,
            report: self.report(check),
        };
        let made = made.and_then(|()| {
            fs::create_dir(&context.folder).map_err(Problem::file("make the folder", &context.folder))
        });
        let made = match made {
            // What the file system is may say why.
            Err(problem) => crate::check::describe(&mut context).and(Err(problem)),
            made => made,
        };
        if let Err(problem) = made.and_then(|()| (check.run)(&mut context)) {
            // What an interrupted check did not get is no finding.
            if !context.is_stopped() {
                context.found(with_causes(&problem));
            }
        }
        let mut report = context.report;
        report.verdict = match () {
            () if !report.findings.is_empty() => Verdict::Bad,
            () if report.did.is_empty() => Verdict::NotRun,
            () => Verdict::Good,
        };
        report.seconds = begun.elapsed().as_secs_f64();
        report
    }

    /// An empty one.
    fn report(&self, check: &Check) -> CheckReport {
        let again = format!(
            "flagstaff torture {} --only {} --seed {} --seconds {}",
            self.folder.display(),
            check.name,
            self.seed,
            self.seconds
        );
        CheckReport {
            name: check.name,
            about: check.about,
            verdict: Verdict::NotRun,
            seconds: 0.0,
            did: Vec::new(),
            notes: Vec::new(),
            findings: Vec::new(),
            again,
        }
    }
}
