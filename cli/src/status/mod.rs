//! `flagstaff status`: the state of file, publisher and link.

mod print;
mod several;

pub(crate) use print::link_look;

use std::time::Duration;

use clap::Args;
use flagstaff_reader::Reader;

use crate::facts::{Facts, contact_age, why_stale};
use crate::failure::Failure;
use crate::output;
use crate::show;
use crate::snapshot_args::SnapshotArgs;
use crate::style::Paint;

const EXAMPLES: &str = "\
Examples:
  flagstaff status                          of the snapshot files of this host
  flagstaff status --file /run/flags.flagstaff
  flagstaff status --check                  a health check: exit code 1 if flags may be stale
  flagstaff status --check --max-age 60s    also if the last contact was more than a minute ago
  flagstaff status --json | jq .publisher_process.pid";

/// Print the state of the snapshot file, of its publisher and of the link to the service
///
/// If no file is named, by --file, a key or their variables, it finds those of this host: what processes have mapped that this user may
/// inspect, and what lies in the usual places. Of several it prints a line each.
///
/// Ages come from a clock that neither jumps nor stops during suspend. The publisher's process is the holder of the publisher lock,
/// as the kernel reports it: a process in another container cannot be seen.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {
    /// Exit code 1 if flags may be stale: no publisher, no open link, or a cold cache
    #[arg(long)]
    check: bool,

    /// Exit code 1 if the publisher's last contact with its source is older than this, or unknown: seconds, or with units such
    /// as 90s, 5m or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = show::parse_duration)]
    max_age: Option<Duration>,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    color: colorchoice_clap::Color,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Status {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = match self.snapshot.named()? {
            Some(path) => path,
            None => match several::only(&self.snapshot)? {
                Ok(path) => path,
                Err(all) => return several::print(&all, self.check, self.json, Paint::of_stdout(self.color)),
            },
        };
        let reader = Reader::open(path)?;
        let status = reader.status();
        let facts = Facts::of(&reader, &status, self.snapshot.expected_identity());
        if self.json {
            output::json(&facts)?;
        } else {
            print::print(&facts, Paint::of_stdout(self.color))?;
        }
        if status.generation.0 == 0 {
            return Err(Failure::NothingPublished { path: reader.path().to_owned() });
        }
        if self.check && status.is_stale() {
            return Err(Failure::Stale(why_stale(&status)));
        }
        match (self.max_age, contact_age(&status)) {
            (Some(_), None) => Err(Failure::Stale("last contact with the source is not known".to_owned())),
            (Some(most), Some(age)) if age > most => Err(Failure::Stale(format!(
                "last contact with the source was {} ago, expected at most {}",
                show::span(age),
                show::span(most)
            ))),
            _ => Ok(()),
        }
    }
}
