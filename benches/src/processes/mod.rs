//! Many reader processes beside a publisher that is idle, slow or busy: reads per second and times of single reads.
//!
//! This process publishes. Each reader process runs two phases of the same length: reads as fast as it can, then the same
//! reads with a look at the clock after each. What they read is checked all the time: constant flags must have their
//! value, and two numbers that are read together must come from one publish, and never go back.

mod figures;
mod load;
pub(crate) mod reader;
mod side;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Outcome;
use crate::histogram::Histogram;
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::median;
use load::Load;
pub(crate) use side::Kind;

/// Heading in the document.
pub(crate) const SECTION: &str = "Reading, many processes";
/// Title of the table of one publisher's pace.
pub(crate) fn rates(pace: &str) -> String {
    format!("million reads per second, all processes together, over number of processes: {pace}")
}
/// Title of the table of processor time.
pub(crate) fn costs(pace: &str) -> String {
    format!("ns of processor time per read, over number of processes: {pace}")
}
/// Title of the table of percentiles.
pub(crate) const PERCENTILES: &str = "ns of a single read, clock included, one process";

/// Flags of most settings, and of a few where a publish takes little of the machine.
const FLAGS: usize = 1_000;
const FEW_FLAGS: usize = 100;
/// Publishes per second, and their names.
pub(crate) const PACES: [(u32, &str); 3] =
    [(0, "publisher idle"), (10, "10 publishes a second"), (1_000, "1,000 publishes a second")];

/// What one setting answered in one round.
struct Round {
    /// Reads per second of all processes.
    rate: f64,
    /// Nanoseconds of processor time per read.
    cost: f64,
    /// Reads done again, of a million.
    retries: f64,
    times: Histogram,
    /// Publishes per second.
    publishes: f64,
    /// Share of one core that publishing took.
    cpu: f64,
}

/// What one setting answered, over all rounds.
struct Seen {
    kind: Kind,
    flags: usize,
    processes: usize,
    pace: u32,
    rounds: Vec<Round>,
}

/// All settings, round by round.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let mut all = Vec::new();
    let mut add = |kind, flags, processes, pace| {
        all.push(Seen { kind, flags, processes, pace, rounds: Vec::new() });
    };
    // What is divided by each other runs one after the other.
    for kind in Kind::ALL {
        for (pace, _) in PACES {
            scale.processes.iter().for_each(|processes| add(kind, FLAGS, *processes, pace));
        }
    }
    for kind in [Kind::Flagstaff, Kind::Private] {
        for pace in [0, 1_000] {
            [1, 2].into_iter().for_each(|processes| add(kind, FEW_FLAGS, processes, pace));
        }
    }
    for _ in 0..scale.process_rounds {
        for seen in &mut all {
            let folder = tempfile::tempdir_in(folder)?;
            let round = run(folder.path(), scale, seen)?;
            seen.rounds.push(round);
        }
    }
    figures::fill(sheet, scale, &all);
    Ok(())
}

fn run(folder: &Path, scale: &Scale, seen: &Seen) -> Outcome<Round> {
    let mut load = Load::open(seen.kind, folder, seen.flags, scale.is_wrong)?;
    let mut readers = Vec::new();
    for _ in 0..seen.processes {
        readers.push(start(folder, seen, scale)?);
    }
    for reader in &mut readers {
        expect(reader, "ready")?;
    }
    for reader in &mut readers {
        writeln!(reader.stdin.as_mut().ok_or("no stdin")?, "go")?;
    }
    let report = load.publish_for(seen.pace, scale.phase * 2)?;
    let (mut rate, mut reads, mut retries, mut cpu, mut times) = (0.0, 0, 0, 0.0, Histogram::new());
    for reader in readers {
        let output = reader.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "a reader process of {} ended with {}: {said}",
                seen.kind.name(),
                output.status
            )
            .into());
        }
        let answer: reader::Answer = serde_json::from_slice(&output.stdout)?;
        rate += answer.reads as f64 / answer.seconds;
        reads += answer.reads;
        retries += answer.retries;
        cpu += answer.cpu;
        times.merge(&answer.times);
    }
    let each = 1.0 / reads.max(1) as f64;
    let (cost, retries) = (cpu * 1e9 * each, retries as f64 * 1e6 * each);
    Ok(Round { rate, cost, retries, times, publishes: report.per_second, cpu: report.cpu })
}

fn start(folder: &Path, seen: &Seen, scale: &Scale) -> Outcome<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(reader::ROLE).arg(seen.kind.name()).arg(folder).arg(seen.flags.to_string());
    command.arg(scale.phase.as_millis().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command.spawn()?)
}

fn expect(child: &mut Child, word: &str) -> Outcome<()> {
    let mut line = String::new();
    // The reader writes nothing more until it is told to go on, so nothing is lost in this buffer.
    BufReader::new(child.stdout.as_mut().ok_or("no stdout")?).read_line(&mut line)?;
    if line.trim_end() == word {
        return Ok(());
    }
    Err(format!("a reader process said `{}`, expected `{word}`", line.trim_end()).into())
}

impl Seen {
    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    /// The median, over the rounds, of this divided by another setting's.
    fn beside(&self, other: &Seen, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(a, b)| of(a) / of(b)).collect())
    }
}

impl Round {
    /// At least 1 ns.
    fn percentile(&self, share: f64) -> f64 {
        self.times.percentile(share).max(1) as f64
    }
}
