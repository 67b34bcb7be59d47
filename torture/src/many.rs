//! A publisher at a given rate with very many readers, some of them slow, stopped and killed, compared with the same publisher
//! alone.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::launcher::Launcher;
use crate::problem::Problem;
use crate::rate::RateReport;
use crate::reader_pool::{ReaderKind, ReaderPool, ReaderPoolReport};

/// How long a process may take to start or to end, on a machine that runs hundreds.
const PATIENCE: Duration = Duration::from_secs(120);

/// From one disturbance to the next.
const DISTURB_EVERY: Duration = Duration::from_millis(20);

/// Writes that one of two runs may have more than the other: at the end of its ring the change feed is written in two pieces.
const WRITES: f64 = 2.0;

/// Microseconds that half of the publishes may wait for anything but a processor, beyond those of a publisher alone. Far more
/// than they do.
const WAITED: u64 = 200;

/// Microseconds of processor time that waking one sleeper may take. The kernel does that inside the call that wakes: the only cost
/// that grows with the readers, with those that wait for a change, not with those that read.
const WAKE: u64 = 5;

/// A comparison of a publisher alone and beside many readers.
#[derive(Debug, Clone)]
pub struct Many {
    /// Reader processes.
    pub readers: usize,
    /// Their kinds, in turn.
    pub kinds: Vec<ReaderKind>,
    /// Time with all readers.
    pub time: Duration,
    /// Time of the publisher alone, before.
    pub alone: Duration,
    /// Publishes a second.
    pub rate: u32,
    /// Whether readers are stopped and killed during the run.
    pub disturb: bool,
    /// The seed of the random choices.
    pub seed: u64,
}

/// The result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ManyReport {
    /// The publisher alone.
    pub alone: RateReport,
    /// The publisher with the readers.
    pub beside: RateReport,
    /// The readers.
    pub pool: ReaderPoolReport,
    /// Readers that sleep on a change.
    pub sleepers: u64,
}

impl Many {
    /// Runs it in a folder, until it is over or `goes_on` returns false.
    pub fn run(
        &self,
        launcher: &Launcher,
        folder: &Path,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<ManyReport, Problem> {
        let path = folder.join("flags.flagstaff");
        let alone = self.publish(launcher, &path, &mut || {
            wait(self.alone, goes_on);
            Ok(())
        })?;
        let mut pool = None;
        let beside = self.publish(launcher, &path, &mut || {
            let pool = pool.insert(ReaderPool::start(launcher, &path, self.readers, &self.kinds, self.seed)?);
            pool.wait_ready(PATIENCE)?;
            let mut random = fastrand::Rng::with_seed(self.seed);
            let begun = Instant::now();
            while begun.elapsed() < self.time && goes_on() && pool.wrong() == 0 {
                std::thread::sleep(DISTURB_EVERY);
                if self.disturb {
                    pool.disturb(&mut random)?;
                }
            }
            Ok(())
        })?;
        let pool = pool.map(|pool| pool.end(PATIENCE)).unwrap_or_default();
        let waits = self.kinds.iter().filter(|kind| **kind == ReaderKind::Waits).count();
        let sleepers = (self.readers * waits / self.kinds.len().max(1)) as u64;
        Ok(ManyReport { alone, beside, pool, sleepers })
    }

    /// Runs a publisher for as long as `meanwhile` takes.
    fn publish(
        &self,
        launcher: &Launcher,
        path: &Path,
        meanwhile: &mut dyn FnMut() -> Result<(), Problem>,
    ) -> Result<RateReport, Problem> {
        let arguments = [self.rate.to_string(), u32::MAX.to_string()];
        let mut publisher = launcher.start("rate", path, &arguments.each_ref().map(String::as_str))?;
        publisher.line("start ", PATIENCE)?;
        meanwhile()?;
        publisher.close_stdin();
        let (_, line) = publisher.line("rate ", PATIENCE)?;
        publisher.wait(PATIENCE)?;
        let text = line.strip_prefix("rate ").unwrap_or_default();
        serde_json::from_str(text).map_err(|error| Problem::Found(format!("{error} in {text:?}")))
    }
}

fn wait(time: Duration, goes_on: &dyn Fn() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < time && goes_on() {
        std::thread::sleep(DISTURB_EVERY.min(time));
    }
}

impl ManyReport {
    /// What is wrong: errors of readers, and a publisher that readers hold up or that leaks descriptors.
    pub fn findings(&self) -> Vec<String> {
        let (alone, beside) = (&self.alone, &self.beside);
        let mut findings = self.pool.findings.clone();
        if beside.publishes == 0 {
            findings.push("nothing was published".to_owned());
        }
        let publishes = alone.publishes.min(beside.publishes) as f64;
        let differs = |(alone, beside): (f64, f64)| (alone - beside).abs() * publishes > WRITES;
        if alone.writes.is_some() != beside.writes.is_some()
            || alone.writes.zip(beside.writes).is_some_and(differs)
        {
            findings.push(format!(
                "a publish makes {:?} writes alone and {:?} with readers",
                alone.writes, beside.writes
            ));
        }
        if beside.waited.p50 > alone.waited.p50 + WAITED {
            findings.push(format!(
                "half of the publishes waited {} us or more for something other than a processor, {} us without readers",
                beside.waited.p50, alone.waited.p50
            ));
        }
        // Twice: many processes share the processor's caches.
        let processor = 2 * alone.processor.p50 + WAKE * self.sleepers + WAITED;
        if beside.processor.p50 > processor {
            findings.push(format!(
                "half of the publishes took {} us of processor time or more, expected at most {processor}",
                beside.processor.p50
            ));
        }
        findings.extend(leaks(beside));
        findings
    }
}

/// A finding if descriptors stay open.
pub fn leaks(report: &RateReport) -> Option<String> {
    let (before, after) = (report.descriptors_before, report.descriptors_after);
    let open = report.open.join(" ");
    (before != after && before > 0)
        .then(|| format!("the publisher has {after} descriptors, {before} at first: {open}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> ManyReport {
        let report = RateReport { publishes: 10, writes: Some(2.0), ..RateReport::default() };
        ManyReport { alone: report.clone(), beside: report, pool: ReaderPoolReport::default(), sleepers: 10 }
    }

    #[test]
    fn a_publisher_that_is_held_up_or_leaks_is_a_finding() {
        assert_eq!(good().findings(), [""; 0]);
        let defects: [fn(&mut ManyReport); 6] = [
            |report| report.beside.publishes = 0,
            |report| report.beside.writes = Some(2.5),
            |report| report.beside.waited.p50 = 5_000,
            |report| report.beside.processor.p50 = 5_000,
            |report| (report.beside.descriptors_before, report.beside.descriptors_after) = (7, 8),
            |report| report.pool.findings.push("reader 7 ended with signal 11".to_owned()),
        ];
        for defect in defects {
            let mut report = good();
            defect(&mut report);
            assert_eq!(report.findings().len(), 1, "{report:?}");
        }
    }
}
