//! `flagstaff log`: the snapshots that are kept, the newest first.

use std::io;

use clap::Args;
use flagstaff_publisher::{Changes, HistoryEntry, Keys, history_of};
use serde::Serialize;

use super::time;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::show;
use crate::snapshot_args::SnapshotArgs;

/// Keys of a change that are named.
const NAMED: usize = 5;

const EXAMPLES: &str = "\
Examples:
  flagstaff log                  the last snapshots: when, why, and what changed
  flagstaff show 17              the flags of number 17
  flagstaff diff 17 now          what is other now
  flagstaff rollback 17 --for 1h --reason 'INC-7'";

/// List the snapshots that readers had before
///
/// The publisher keeps the last 20 beside the snapshot file, each with its time, what changed, and what or who changed it. Of publishes
/// that follow each other closely the last one is kept. All changes are also in the audit log, .NAME.audit beside the file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Log {
    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

#[derive(Debug, Serialize)]
struct List {
    snapshots: Vec<Listed>,
}

/// Its JSON is documented in docs/history.md.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listed {
    Good {
        #[serde(flatten)]
        entry: Box<HistoryEntry>,
        time: String,
    },
    Bad {
        number: u64,
        error: String,
    },
}

impl Log {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = self.snapshot.path()?;
        let found = history_of(&path).map_err(|source| Failure::Io {
            action: "read the history of",
            path: path.clone(),
            source,
        })?;
        if self.json {
            let snapshots = found.into_iter().map(|(number, entry)| listed(number, entry)).collect();
            return output::json(&List { snapshots });
        }
        if found.is_empty() {
            return output::line(&format!(
                "no history of {}: nothing was published since it is kept, or its publisher keeps none",
                path.display()
            ));
        }
        let mut output = Output::lock();
        for (number, entry) in found {
            match entry {
                Ok(entry) => output.line(&show::harmless(&line(&entry)))?,
                Err(error) => output.line(&format!("{number:>5}  cannot be read: {error}"))?,
            }
        }
        output.flush()
    }
}

fn listed(number: u64, entry: io::Result<HistoryEntry>) -> Listed {
    match entry {
        Ok(entry) => Listed::Good { time: time(entry.published_at), entry: Box::new(entry) },
        Err(error) => Listed::Bad { number, error: error.to_string() },
    }
}

fn line(entry: &HistoryEntry) -> String {
    let cause = &entry.cause;
    let mut why = cause.event.replace('_', " ");
    if let Some(about) = &cause.about {
        why += &format!(" {about}");
    }
    why += &format!(" by {}", cause.by);
    if let Some(reason) = &cause.reason {
        why += &format!(": {reason}");
    }
    if entry.publishes > 1 {
        why += &format!(", {} times", entry.publishes);
    }
    format!(
        "{:>5}  {}  {} flags  {}  ({why})",
        entry.number,
        time(entry.published_at),
        entry.flags,
        changes(&entry.changes)
    )
}

/// `2 changed: a, b; 1 added: c`.
fn changes(changes: &Changes) -> String {
    let some = |keys: &Keys, what: &str| {
        let named: Vec<_> = keys.listed.iter().take(NAMED).map(String::as_str).collect();
        let more = if keys.count > named.len() { ", .." } else { "" };
        (keys.count > 0).then(|| format!("{} {what}: {}{more}", keys.count, named.join(", ")))
    };
    let parts =
        [some(&changes.changed, "changed"), some(&changes.added, "added"), some(&changes.removed, "removed")];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
