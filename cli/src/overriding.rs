//! `flagstaff override`: sets flags on this host, for a time, whatever the source says.

use std::time::Duration;

use clap::Args;
use flagstaff_publisher::{Command, overrides_of};
use serde::Serialize;

use crate::facts::Overridden;
use crate::failure::Failure;
use crate::orders::{give, said, say_that_nobody_ends_it};
use crate::output;
use crate::show;
use crate::snapshot_args::SnapshotArgs;

const EXAMPLES: &str = "\
Examples:
  flagstaff override new-checkout false --for 30m --reason 'payments fail, INC-7'
  flagstaff override banner '\"closed\"' --for 2h --reason maintenance
  flagstaff override --list
  flagstaff override --clear new-checkout
  flagstaff override --clear --all";

/// Set a flag on this host for a time, whatever the source says
///
/// Whoever may publish to the snapshot file may do this. Whichever process publishes does it: `flagstaff run`, or the client that is
/// elected. It survives that process, and ends by itself: when --for is over by the clock since boot or by the wall clock, whichever
/// is first. Without a publisher this command does it, and says that nobody ends it until one is started.
#[derive(Debug, Args)]
#[command(name = "override", after_help = EXAMPLES)]
pub(crate) struct SetOverride {
    /// The flag
    #[arg(required_unless_present_any = ["list", "clear"])]
    key: Option<String>,

    /// Its value as JSON; where the flag is a text, also as it is
    #[arg(required_unless_present_any = ["list", "clear"], allow_negative_numbers = true)]
    value: Option<String>,

    /// How long it holds, such as 30m or 2h; at most 30 days
    #[arg(long = "for", value_name = "DURATION", value_parser = show::parse_duration, required_unless_present_any = ["list", "clear"])]
    time: Option<Duration>,

    /// Why; everybody who looks sees it
    #[arg(long, required_unless_present_any = ["list", "clear"])]
    reason: Option<String>,

    /// Also if the source has no such flag, or one of another type
    #[arg(long)]
    force: bool,

    /// List what is overridden
    #[arg(long, conflicts_with_all = ["key", "clear", "force"])]
    list: bool,

    /// End the override of KEY
    #[arg(long, conflicts_with_all = ["value", "time", "reason", "force"])]
    clear: bool,

    /// With --clear: of all flags
    #[arg(long, requires = "clear", conflicts_with = "key")]
    all: bool,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

#[derive(Debug, Serialize)]
struct List {
    overrides: Vec<Overridden>,
}

impl SetOverride {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = self.snapshot.path()?;
        if self.list {
            let found = overrides_of(&path).map_err(|source| Failure::Io {
                action: "read the overrides of",
                path: path.clone(),
                source,
            })?;
            let overrides: Vec<_> = found.iter().map(Overridden::of).collect();
            if self.json {
                return output::json(&List { overrides });
            }
            if overrides.is_empty() {
                return output::line("no flag is overridden");
            }
            return overrides.iter().try_for_each(|one| output::line(&one.sentence()));
        }
        let command = if self.clear {
            if self.key.is_none() && !self.all {
                return Err(Failure::Usage("--clear needs a KEY, or --all".to_owned()));
            }
            Command::Clear { key: self.key }
        } else {
            Command::Override {
                key: self.key.unwrap_or_default(),
                value: self.value.unwrap_or_default(),
                time: self.time.unwrap_or_default(),
                reason: self.reason.unwrap_or_default(),
                force: self.force,
            }
        };
        let sets = matches!(command, Command::Override { .. });
        let done = give(&path, command)?;
        if sets {
            say_that_nobody_ends_it(&done);
        }
        said(&done, self.json)
    }
}
