//! The processes that have the file mapped, with their memory and processor time.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::host::{Attached, Process, attached_to};

/// Shortest time from one look at the host to the next. Looks also take at most one part in [`SHARE`] of a processor, as measured: a
/// host can have thousands of processes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const SHARE: u32 = 50;

/// One process that has the file mapped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) attached: Attached,
    #[serde(flatten)]
    pub(crate) process: Process,
    /// Share of one processor since the last look, in percent.
    pub(crate) cpu_percent: Option<f64>,
}

/// The result of one look at the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Table {
    #[serde(rename = "processes")]
    pub(crate) rows: Vec<Row>,
    /// Processes that this user may not inspect: some of them may have the file mapped as well.
    pub(crate) not_inspected: u64,
}

/// Looks at the host repeatedly.
#[derive(Debug, Default)]
pub(crate) struct Looker {
    usage: Usage,
}

impl Looker {
    /// Looks at all processes of the host. Returns also how long to wait before the next look.
    pub(crate) fn look(&mut self, path: &Path) -> (Table, Duration) {
        let (start, used) = (Instant::now(), processor_time());
        let found = attached_to(path);
        let processes =
            found.attached.into_iter().filter_map(|(pid, attached)| Some((attached, Process::of(pid)?)));
        let rows = processes.map(|(attached, process)| {
            let cpu_percent = self.usage.percent(&process, start);
            Row { attached, process, cpu_percent }
        });
        let table = Table { rows: rows.collect(), not_inspected: found.hidden };
        self.usage.forget_before(start);
        (table, LOOK_EVERY.max(processor_time().saturating_sub(used) * SHARE))
    }
}

/// Processor time of this thread so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Processor time of each process at the last look.
#[derive(Debug, Default)]
pub(crate) struct Usage(HashMap<u32, (Instant, f64)>);

impl Usage {
    /// Percent of one processor since the last call for this process; `None` at the first one.
    pub(crate) fn percent(&mut self, process: &Process, now: Instant) -> Option<f64> {
        let (before, seconds) = self.0.insert(process.pid, (now, process.cpu_seconds))?;
        let elapsed = now.checked_duration_since(before)?.as_secs_f64();
        // Less than before: another process with the same number.
        let used = process.cpu_seconds - seconds;
        (elapsed > 0.0 && used >= 0.0).then(|| used / elapsed * 100.0)
    }

    fn forget_before(&mut self, now: Instant) {
        self.0.retain(|_, (seen, _)| *seen >= now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, cpu_seconds: f64) -> Process {
        let command = "app".to_owned();
        Process { pid, uid: None, user: None, command, uptime: None, rss_bytes: 0, cpu_seconds }
    }

    #[test]
    fn usage_is_what_was_used_since_the_last_look() {
        let (mut usage, start) = (Usage::default(), Instant::now());
        let later = start + Duration::from_secs(2);
        assert_eq!(usage.percent(&process(7, 1.0), start), None);
        assert_eq!(usage.percent(&process(7, 2.0), later), Some(50.0));
        assert_eq!(usage.percent(&process(7, 0.5), later + Duration::from_secs(1)), None);
        usage.forget_before(later + Duration::from_secs(9));
        assert_eq!(usage.percent(&process(7, 9.0), later + Duration::from_secs(10)), None);
    }
}
