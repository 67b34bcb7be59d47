//! `flagstaff watch`: prints changes as they happen.

mod lines;
mod state;

use std::time::{Duration, Instant};

use clap::Args;
use flagstaff_reader::{Reader, Snapshot};

use crate::differences::between;
use crate::facts::Overridden;
use crate::failure::Failure;
use crate::show;
use crate::snapshot_args::SnapshotArgs;
use crate::style::Paint;

use lines::{Lines, Style};
pub(crate) use state::State;

/// How often publisher, link and path are looked at: their changes wake nobody.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  flagstaff watch --file /run/flags.flagstaff
  flagstaff watch new-checkout cart-limit
  flagstaff watch --json | jq -r 'select(.event == \"change\") | .key'
  flagstaff watch --count 1 --timeout 1m && echo \"there was a change\"";

/// Print changes as they happen: one line for each flag, old -> new
///
/// Also reports when the publisher, link or file changes state. The first line has the generation at the start. If there is no
/// snapshot file, it waits for one. Changes that follow each other within microseconds may be seen as one. Long values are shortened
/// on a terminal only.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// Only these flags [default: all]
    keys: Vec<String>,

    /// End after this many changed flags
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End after this time, in seconds or with units such as 90s or 5m; with --count, exit code 1 if there were fewer changes
    #[arg(long, value_name = "DURATION", value_parser = show::parse_duration)]
    timeout: Option<Duration>,

    /// Print one JSON object per line, with whole values; its member `event` is the kind of change. Errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    color: colorchoice_clap::Color,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Watch {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let start = Instant::now();
        let style = if self.json { Style::Json } else { Style::Text(Paint::of_stdout(self.color)) };
        let reader = self.snapshot.attach()?;
        let mut seen = reader.generation();
        let mut before = reader.snapshot();
        let mut state = State::of(&reader, &reader.status());
        let mut overrides = in_force(&reader);
        let mut first = Lines::now(style);
        first.start(&before, &state)?;
        first.overrides(seen.0, &[], &overrides)?;
        first.flush()?;
        let mut written = 0;
        while self.count.is_none_or(|count| written < count) {
            let left = self.timeout.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
            let now = reader.wait_for_change(seen, left.min(LOOK_EVERY));
            let is_over = now == seen && self.timeout.is_some_and(|limit| start.elapsed() >= limit);
            let mut lines = Lines::now(style);
            for transition in state.update(State::of(&reader, &reader.status())) {
                lines.transition(now.0, &transition)?;
            }
            // Also without a publish: the file of overrides changes after readers have the end of one.
            let found = in_force(&reader);
            lines.overrides(now.0, &overrides, &found)?;
            overrides = found;
            if now != seen {
                seen = now;
                let after = reader.snapshot();
                written += self.write_changes(&mut lines, &before, &after, written)?;
                before = after;
            }
            lines.flush()?;
            if is_over {
                return self.timed_out(written);
            }
        }
        Ok(())
    }

    fn timed_out(&self, found: u64) -> Result<(), Failure> {
        match (self.count, self.timeout) {
            (Some(expected), Some(limit)) => {
                Err(Failure::TooFewChanges { found, expected, seconds: limit.as_secs_f64() })
            }
            _ => Ok(()),
        }
    }

    /// Writes the changes of the requested flags, at most as many as are still wanted, and returns how many.
    fn write_changes(
        &self,
        lines: &mut Lines,
        before: &Snapshot,
        after: &Snapshot,
        written: u64,
    ) -> Result<u64, Failure> {
        let most =
            self.count.map_or(usize::MAX, |count| usize::try_from(count - written).unwrap_or(usize::MAX));
        let differences = between(before, after);
        let wanted = differences.iter().filter(|one| self.keys.is_empty() || self.keys.contains(&one.key));
        let mut count = 0;
        for difference in wanted.take(most) {
            lines.change(after.generation().0, difference)?;
            count += 1;
        }
        Ok(count)
    }
}

fn in_force(reader: &Reader) -> Vec<Overridden> {
    let mut all = Overridden::all(reader.path());
    all.retain(|one| one.given.left > 0.0);
    all
}
