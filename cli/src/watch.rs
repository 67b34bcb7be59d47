//! `vexil watch`: changes as they happen.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use vexil_reader::{Reader, Snapshot};

use crate::differences::{Difference, between};
use crate::failure::Failure;
use crate::output::Output;
use crate::place::Place;
use crate::{json, show};

const EXAMPLES: &str = "\
Examples:
  vexil watch --file /run/flags.vexil
  vexil watch new-checkout cart-limit
  vexil watch --json | jq -r .key
  vexil watch --count 1 --timeout 60 && echo \"there was a change\"";

/// Print changes as they happen: one line for each flag, old -> new
///
/// The first line names the generation at the start. Without a snapshot file it waits for one. Changes that follow each
/// other within microseconds may be seen as one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// Only these flags [default: all]
    keys: Vec<String>,

    /// End after this many changed flags
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End after this many seconds; with --count, exit code 1 if there were fewer changes
    #[arg(long, value_name = "SECONDS", value_parser = show::parse_seconds)]
    timeout: Option<Duration>,

    /// One JSON object per line, with whole values
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Start {
    time: String,
    generation: u64,
    flags: usize,
}

#[derive(Debug, Serialize)]
struct Change<'a> {
    time: &'a str,
    generation: u64,
    key: &'a str,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Box<RawValue>>,
}

impl Watch {
    pub(crate) fn answer(self) -> Result<(), Failure> {
        let start = Instant::now();
        let path = self.place.path()?;
        let reader = match Reader::open(&path) {
            Ok(reader) => reader,
            Err(error @ vexil_reader::OpenError::Missing { .. }) => {
                tracing::warn!(%error, "waiting for it");
                Reader::attach(&path)
            }
            Err(error) => return Err(error.into()),
        };
        let mut seen = reader.generation();
        let mut before = reader.snapshot();
        self.write_start(&before)?;
        let mut written = 0;
        while self.count.is_none_or(|count| written < count) {
            let left = self.timeout.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
            let now = reader.wait_for_change(seen, left);
            if now == seen && self.timeout.is_some_and(|limit| start.elapsed() >= limit) {
                return self.too_late(written);
            }
            seen = now;
            let after = reader.snapshot();
            written += self.write_changes(&before, &after, self.count.map(|count| count - written))?;
            before = after;
        }
        Ok(())
    }

    fn too_late(&self, found: u64) -> Result<(), Failure> {
        match (self.count, self.timeout) {
            (Some(expected), Some(limit)) => {
                Err(Failure::TooFewChanges { found, expected, seconds: limit.as_secs_f64() })
            }
            _ => Ok(()),
        }
    }

    fn write_start(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let (generation, flags) = (snapshot.generation().0, snapshot.len());
        let time = show::time(SystemTime::now());
        let mut output = Output::lock();
        if self.json {
            output.json(&Start { time, generation, flags })?;
        } else {
            output.line(&format!("{time} generation {generation}, {flags} flags"))?;
        }
        output.flush()
    }

    /// Writes up to `most` changes and says how many.
    fn write_changes(
        &self,
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
        most: Option<u64>,
    ) -> Result<u64, Failure> {
        let time = show::time(SystemTime::now());
        let mut output = Output::lock();
        let mut written = 0;
        for difference in between(before, after) {
            if most.is_some_and(|most| written >= most) {
                break;
            }
            if self.keys.is_empty() || self.keys.contains(&difference.key) {
                self.write(&mut output, &time, after.generation().0, &difference)?;
                written += 1;
            }
        }
        output.flush()?;
        Ok(written)
    }

    fn write(
        &self,
        output: &mut Output,
        time: &str,
        generation: u64,
        difference: &Difference<'_>,
    ) -> Result<(), Failure> {
        let Difference { key, old, new } = difference;
        if self.json {
            return output.json(&Change {
                time,
                generation,
                key,
                change: difference.kind(),
                old: old.as_ref().map(json::raw).transpose()?,
                new: new.as_ref().map(json::raw).transpose()?,
            });
        }
        let shown = |value: &Option<_>, nothing: &str| match value {
            Some(value) => show::value(value),
            None => Ok(nothing.to_owned()),
        };
        let (old, new) = (shown(old, "(added)")?, shown(new, "(removed)")?);
        output.line(&format!("{time} {}: {old} -> {new}", show::key(key)))
    }
}
