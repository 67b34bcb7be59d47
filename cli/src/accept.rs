//! `flagstaff accept`: publishes the payload that the guard holds.

use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use flagstaff_publisher::{Command, Held, held_of};
use serde::Serialize;

use crate::failure::Failure;
use crate::orders::{give, said};
use crate::output;
use crate::show;
use crate::snapshot_args::SnapshotArgs;

const EXAMPLES: &str = "\
Examples:
  flagstaff accept --show        what is held, and what it would do
  flagstaff accept --payload     the held payload itself
  flagstaff accept               publish it";

/// Publish the payload that the guard holds
///
/// A payload that would remove all flags, or remove more than half of 20 or more or give them another type, is held: readers keep the
/// last good flags, and `flagstaff status` says so. This publishes it. A later payload that is not suspicious does so too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Accept {
    /// Show what is held, and change nothing. Exit code 1 if nothing is
    #[arg(long)]
    show: bool,

    /// Print the held payload, and change nothing
    #[arg(long, conflicts_with = "show")]
    payload: bool,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    held_at: String,
    flags_before: usize,
    flags_after: usize,
    removed: usize,
    removed_keys: &'a [String],
    other_type: usize,
    other_type_keys: &'a [String],
}

impl Accept {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = self.snapshot.path()?;
        let held = held_of(&path).map_err(|source| Failure::Io {
            action: "read what is held of",
            path: path.clone(),
            source,
        })?;
        let held = held.ok_or_else(|| Failure::NothingHeld { path: path.clone() })?;
        if self.payload {
            return output::line(&held.payload);
        }
        if self.show {
            return show(&held, self.json);
        }
        let done = give(&path, Command::Accept { digest: held.digest })?;
        said(&done, self.json)
    }
}

fn show(held: &Held, as_json: bool) -> Result<(), Failure> {
    let held_at = UNIX_EPOCH + Duration::from_micros(held.held_at);
    if as_json {
        return output::json(&Shown {
            held_at: show::time(held_at),
            flags_before: held.before,
            flags_after: held.after,
            removed: held.removed,
            removed_keys: &held.removed_keys,
            other_type: held.retyped,
            other_type_keys: &held.retyped_keys,
        });
    }
    output::line(&format!("held since {}: {}", show::time(held_at), held.suspicion()))
}
