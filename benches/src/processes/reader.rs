//! A reader process: reads for some time, checks what it reads, says how much and how fast.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_reader::Reader;
use mmap_sync::synchronizer::Synchronizer;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::load::{Flags, cpu_seconds};
use super::side::{Clock, Lmdb, Mapped, Ours, Private, Side};
use crate::Outcome;
use crate::flags::Random;
use crate::histogram::Histogram;

/// Name of the role.
pub(crate) const ROLE: &str = "process-reader";

/// Reads between two looks at whether the phase is over.
const BATCH: usize = 1_024;
const QUERIES: usize = 32 * BATCH;

/// What a reader process says when it is done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Reads of the phase without clocks.
    pub(crate) reads: u64,
    /// Length of that phase.
    pub(crate) seconds: f64,
    /// Reads of that phase that were done again.
    pub(crate) retries: u64,
    /// Processor time that this process got in it, in seconds.
    pub(crate) cpu: f64,
    /// Nanoseconds of single reads: bins of a [`Histogram`].
    pub(crate) times: Vec<(usize, u64)>,
}

/// The process: opens, says "ready", waits for a line, reads, answers.
pub(crate) fn main(kind: &str, folder: &Path, count: &str, phase: &str) -> Outcome<()> {
    let (count, phase) = (count.parse()?, Duration::from_millis(phase.parse()?));
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or("no such kind of reader")?;
    let (flags, path) = (Flags::new(count), kind.path(folder));
    match kind {
        Kind::Flagstaff => read(&mut Ours(Reader::open(path)?), &flags, phase),
        Kind::Private => read(&mut Private::new(&flags), &flags, phase),
        Kind::MmapSync => read(&mut Mapped(Synchronizer::new(path.as_os_str())), &flags, phase),
        Kind::Lmdb => read(&mut Lmdb::open(&path)?, &flags, phase),
        Kind::Clock => read(&mut Clock, &all_true(flags), phase),
    }
}

/// What reads nothing answers "true" only.
fn all_true(mut flags: Flags) -> Flags {
    flags.constants.retain(|(_, value)| *value);
    flags
}

fn read(side: &mut impl Side, flags: &Flags, phase: Duration) -> Outcome<()> {
    let mut random = Random(0xD1B5_4A32_D192_ED03 + u64::from(std::process::id()));
    let mut queries = Vec::with_capacity(QUERIES);
    for _ in 0..QUERIES {
        queries.push(flags.constants[random.below(flags.constants.len())].clone());
    }
    let mut pairs = Pairs::default();
    // Once untimed: pages are mapped, caches are warm.
    batch(side, &queries)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    std::io::stdin().lock().read_line(&mut String::new())?;

    let (start, cpu, before, mut reads) = (Instant::now(), cpu_seconds(), side.retries(), 0);
    'fast: loop {
        for batch_of in queries.chunks(BATCH) {
            batch(side, batch_of)?;
            reads += BATCH as u64;
            pairs.check(side, flags)?;
            if start.elapsed() >= phase {
                break 'fast;
            }
        }
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let retries = side.retries() - before;

    let (start, mut times) = (Instant::now(), Histogram::new());
    'timed: loop {
        for batch_of in queries.chunks(BATCH) {
            let mut before = Instant::now();
            for (key, expected) in batch_of {
                let found = black_box(side.constant(key)?);
                let now = Instant::now();
                times.add(now.duration_since(before).as_nanos() as u64);
                before = now;
                if found != *expected {
                    return Err(format!("wrong value: flag {key} is {found}, expected {expected}").into());
                }
            }
            pairs.check(side, flags)?;
            if start.elapsed() >= phase {
                break 'timed;
            }
        }
    }
    Ok(serde_json::to_writer(out, &Answer { reads, seconds, retries, cpu, times: times.sparse() })?)
}

/// Reads and checks each value.
fn batch(side: &mut impl Side, queries: &[(String, bool)]) -> Outcome<()> {
    let mut wrong = 0;
    for (key, expected) in queries {
        wrong += usize::from(side.constant(key)? != *expected);
    }
    if wrong == 0 {
        return Ok(());
    }
    Err(format!("wrong values: {wrong} of {} constant flags", queries.len()).into())
}

/// Two numbers of one publish, other ones each time.
#[derive(Default)]
struct Pairs {
    at: usize,
    last: u64,
}

impl Pairs {
    fn check(&mut self, side: &mut impl Side, flags: &Flags) -> Outcome<()> {
        let numbers = &flags.numbers;
        let (first, second) = (&numbers[self.at], &numbers[numbers.len() - 1 - self.at]);
        self.at = (self.at + 1) % numbers.len();
        let Some((a, b)) = side.pair(first, second)? else { return Ok(()) };
        if a != b {
            return Err(format!("torn read: {first} is {a} and {second} is {b} in one snapshot").into());
        }
        if a < self.last {
            return Err(format!("went back: {first} is {a} after {}", self.last).into());
        }
        self.last = a;
        Ok(())
    }
}
