//! Many reader processes beside a publisher that is idle, slow or busy: reads per second and times of single reads.
//!
//! This process publishes. Each reader process runs two phases of the same length: reads as fast as it can, then the same
//! reads with a look at the clock after each. What they read is checked all the time: constant flags must have their
//! value, and two numbers that are read together must come from one publish, and never go back.

mod figures;
mod kind;
mod load;
pub(crate) mod reader;
mod seen;
mod side;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Outcome;
use crate::histogram::Histogram;
use crate::record::Sheet;
use crate::scale::Scale;
pub(crate) use kind::Kind;
use load::Load;
use seen::{FEW_FLAGS, FLAGS, Round, Seen};
pub(crate) use seen::{PACES, PERCENTILES, SECTION, rates};

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
