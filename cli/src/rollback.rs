//! `flagstaff rollback`: gives readers the flags of before, for a time.

use std::time::Duration;

use clap::Args;
use flagstaff_publisher::Command;

use crate::failure::Failure;
use crate::orders::{give, said, say_that_nobody_ends_it};
use crate::show;
use crate::snapshot_args::SnapshotArgs;

const EXAMPLES: &str = "\
Examples:
  flagstaff log
  flagstaff rollback 17 --for 1h --reason 'the host was emptied, INC-7'
  flagstaff rollback --end";

/// Give readers the flags of a snapshot of the history for a time, whatever the source says
///
/// As an override of all flags: whoever may publish may do this, whichever process publishes does it, it survives that process, and it ends
/// by itself. Then readers get what the source says by that time. Overrides of single flags stay in force on top of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rollback {
    /// The number in `flagstaff log`
    #[arg(value_name = "N", required_unless_present = "end")]
    number: Option<u64>,

    /// How long it holds, such as 30m or 2h; at most 30 days
    #[arg(long = "for", value_name = "DURATION", value_parser = show::parse_duration, required_unless_present = "end")]
    time: Option<Duration>,

    /// Why; everybody who looks sees it
    #[arg(long, required_unless_present = "end")]
    reason: Option<String>,

    /// End the rollback that is in force
    #[arg(long, conflicts_with_all = ["number", "time", "reason"])]
    end: bool,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Rollback {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = self.snapshot.path()?;
        let command = match (self.number, self.time) {
            (Some(number), Some(time)) => {
                Command::Rollback { number, time, reason: self.reason.unwrap_or_default() }
            }
            _ => Command::EndRollback,
        };
        let done = give(&path, command)?;
        if !self.end {
            say_that_nobody_ends_it(&done);
        }
        said(&done, self.json)
    }
}
