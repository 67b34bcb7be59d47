//! A publisher at a given rate, and the time of each publish.
//!
//! On a machine with more processes than processors, the time from call to return says more about the scheduler than about
//! the publisher. So it is split: processor time, time in the queue for a processor, and the rest, in which the publisher waited for
//! something. That readers do not hold a publisher up means that the rest is nothing.

use std::fs;
use std::time::{Duration, Instant};

use flagstaff_publisher::{PublishError, Publisher};
use serde::{Deserialize, Serialize};

use crate::numbered::{number, payload};
use crate::process_numbers::{descriptors, memory, percentile, processor, queued, writes};

/// Publishes that are measured; the memory for them is allocated at the start, and later ones take the place of the first.
const MEASURED: usize = 10_000;

/// Publishes after which all code and memory has been used once, at most a fifth of them.
const WARM: usize = 10_000;

/// Publishes after which every descriptor that stays open is open.
const FIRST: usize = 5;

/// Descriptors that stay open: a checkpoint opens its directory for a moment.
fn settled() -> usize {
    let look = |_| {
        std::thread::sleep(Duration::from_millis(2));
        descriptors()
    };
    (0..20).map(look).min().unwrap_or(0)
}

/// Times in microseconds: 50th percentile, 99th percentile and maximum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of them took less.
    pub p50: u64,
    /// 99 of 100 took less.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Spread {
    fn of(mut nanos: Vec<u64>) -> Spread {
        Spread {
            p50: percentile(&mut nanos, 50) / 1000,
            p99: percentile(&mut nanos, 99) / 1000,
            max: percentile(&mut nanos, 100) / 1000,
        }
    }
}

/// Measurements of a run of publishes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RateReport {
    /// Publishes.
    pub publishes: usize,
    /// Seconds from the first to the last.
    pub seconds: f64,
    /// From call to return.
    pub wall: Spread,
    /// Processor time.
    pub processor: Spread,
    /// In the queue for a processor; zeros if the kernel does not tell.
    pub queued: Spread,
    /// The rest: waiting for something else.
    pub waited: Spread,
    /// Calls that write, for each publish; `None` if the kernel does not count them.
    pub writes: Option<f64>,
    /// Bytes written, for each publish.
    pub bytes: Option<f64>,
    /// Open descriptors after the first 5 publishes.
    pub descriptors_before: usize,
    /// Open descriptors at the end.
    pub descriptors_after: usize,
    /// Resident memory in KiB after the first publishes: a fifth of them, at most 10,000.
    pub memory_before: u64,
    /// Resident memory in KiB at the end.
    pub memory_after: u64,
    /// Open descriptors at the end, by where they lead.
    pub open: Vec<String>,
}

/// Publishes in which a slot gets its space, one for each slot: their writes are not counted.
const GROWING: usize = 2;

impl RateReport {
    /// Publishes `count` numbered snapshots, `rate` a second, or as many as it can if that is 0, until `ends`.
    ///
    /// # Errors
    /// The first publish that fails.
    pub fn run(
        publisher: &mut Publisher,
        rate: u32,
        count: usize,
        ends: impl Fn() -> bool,
    ) -> Result<RateReport, PublishError> {
        // Written to, so that the pages are resident.
        let mut times = vec![[u64::MAX; 4]; count.min(MEASURED)];
        let every = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        let warm = (count / 5).clamp(1, WARM);
        let mut report = RateReport::default();
        let mut written = (0, 0);
        let begun = Instant::now();
        let mut next = begun;
        while report.publishes < count && !ends() {
            let payload = payload(number(publisher.generation().next()), 0);
            let (queue, before, cpu) = (queued(), writes(), processor());
            let start = Instant::now();
            publisher.publish(&payload)?;
            let wall = start.elapsed().as_nanos() as u64;
            let cpu = processor() - cpu;
            let queue = queued().zip(queue).map_or(0, |(now, before)| now - before);
            if let Some((now, before)) = writes().zip(before)
                && report.publishes >= GROWING
            {
                written.0 += now.0 - before.0;
                written.1 += now.1 - before.1;
                report.writes = Some(written.0 as f64);
            }
            if let Some(times) = times.get_mut(report.publishes % MEASURED) {
                *times = [wall, cpu, queue, wall.saturating_sub(cpu + queue)];
            }
            report.publishes += 1;
            if report.publishes == FIRST {
                report.descriptors_before = settled();
            }
            if report.publishes == warm {
                report.memory_before = memory(std::process::id(), "VmRSS").unwrap_or(0);
            }
            next += every;
            // A late publisher does not catch up: that would be a burst.
            next = next.max(Instant::now().checked_sub(every).unwrap_or(next));
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        report.seconds = begun.elapsed().as_secs_f64();
        report.descriptors_after = settled();
        report.memory_after = memory(std::process::id(), "VmRSS").unwrap_or(0);
        let each = report.publishes.saturating_sub(GROWING).max(1) as f64;
        report.bytes = report.writes.map(|_| written.1 as f64 / each);
        report.writes = report.writes.map(|writes| writes / each);
        times.truncate(report.publishes);
        let [wall, processor, queued, waited] =
            [0, 1, 2, 3].map(|which| Spread::of(times.iter().map(|times| times[which]).collect()));
        (report.wall, report.processor, report.queued, report.waited) = (wall, processor, queued, waited);
        report.open = fs::read_dir("/proc/self/fd").map_or(Vec::new(), |entries| {
            let target = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path()).ok();
            entries.filter_map(target).map(|path| path.display().to_string()).collect()
        });
        Ok(report)
    }
}

impl std::fmt::Display for RateReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RateReport { publishes, seconds, wall, processor, queued, waited, .. } = self;
        let rate = *publishes as f64 / seconds.max(1e-9);
        write!(
            f,
            "{publishes} publishes, {rate:.0} a second; in us p50/p99: {}/{} from call to return = {}/{} processor + {}/{} \
             queued + {}/{} waiting; {:.2} writes of {:.0} bytes each",
            wall.p50,
            wall.p99,
            processor.p50,
            processor.p99,
            queued.p50,
            queued.p99,
            waited.p50,
            waited.p99,
            self.writes.unwrap_or(f64::NAN),
            self.bytes.unwrap_or(f64::NAN),
        )
    }
}
