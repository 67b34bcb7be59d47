//! `flagstaff diff`: what differs between two sets of flags.

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::which::{Flags, Which};
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::show;
use crate::snapshot_args::SnapshotArgs;

const EXAMPLES: &str = "\
Examples:
  flagstaff diff 17 now                    since number 17 of `flagstaff log`
  flagstaff diff 16 17
  flagstaff diff /run/a.flagstaff b.json   two files";

/// Show what differs between two snapshots
///
/// Each is a number of `flagstaff log`, `now` for what readers have, a snapshot file, or a JSON file with a member for each flag.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// The older one
    #[arg(value_name = "A", value_parser = Which::parse)]
    old: Which,

    /// The newer one
    #[arg(value_name = "B", value_parser = Which::parse)]
    new: Which,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Difference {
    key: String,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Box<RawValue>>,
}

impl Diff {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let (old, new) = (self.old.flags(&self.snapshot)?, self.new.flags(&self.snapshot)?);
        let differences = between(old, new);
        if self.json {
            return output::json(&Report { differences });
        }
        let mut output = Output::lock();
        if differences.is_empty() {
            output.line("no difference")?;
        }
        for one in &differences {
            let key = show::key(&one.key);
            let line = match (&one.old, &one.new) {
                (Some(old), Some(new)) => format!("~ {key}: {} -> {}", old.get(), new.get()),
                (Some(old), None) => format!("- {key}: {}", old.get()),
                (None, new) => format!("+ {key}: {}", new.as_ref().map_or("", |new| new.get())),
            };
            output.line(&show::harmless(&line))?;
        }
        output.flush()
    }
}

/// Sorted by key.
fn between(mut old: Flags, new: Flags) -> Vec<Difference> {
    let mut all: Vec<Difference> = Vec::new();
    for (key, new) in new {
        let old = old.remove(&key);
        let change = match &old {
            None => "added",
            Some(old) if old.get() == new.get() => continue,
            Some(_) => "changed",
        };
        all.push(Difference { key, change, old, new: Some(new) });
    }
    all.extend(old.into_iter().map(|(key, old)| Difference {
        key,
        change: "removed",
        old: Some(old),
        new: None,
    }));
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_changed_and_removed_flags_are_found_and_sorted() {
        let flags = |json| serde_json::from_str::<Flags>(json).unwrap();
        let found =
            between(flags(r#"{"same":1,"b":1,"gone":{"a":1}}"#), flags(r#"{"same":1,"b":1.0,"c":null}"#));
        let found: Vec<_> = found.iter().map(|one| format!("{} {}", one.key, one.change)).collect();
        assert_eq!(found, ["b changed", "c added", "gone removed"]);
    }
}
