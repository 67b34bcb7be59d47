//! `flagstaff publish`: publishes one file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use flagstaff_publisher::payload::{DEFAULT_MAX_PAYLOAD, Limits, check_bytes};
use flagstaff_publisher::{Changes, HISTORY, Outcome, Publisher};
use serde::Serialize;

use crate::failure::Failure;
use crate::orders::person;
use crate::output;
use crate::permissions::Permissions;
use crate::snapshot_args::{SnapshotArgs, cannot_publish, make_cache_dir};

const EXAMPLES: &str = "\
Examples:
  flagstaff publish flags.json --file /run/flags.flagstaff
  curl -s https://config.example/flags.json | flagstaff publish - --file /run/flags.flagstaff";

/// Publish the flags of a JSON file once
///
/// The file holds one JSON object with a member for each flag, at most 5 MiB. It is published as a whole or refused as a whole; a
/// refusal leaves the last snapshot as it is. With exit code 0 the snapshot is on the disk. Exit code 1 if another publisher holds
/// the file, or if the disk did not take the snapshot: readers then have it until the next reboot.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Publish {
    /// The JSON file, or - for stdin
    #[arg(value_name = "FLAGS.json")]
    source: PathBuf,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    permissions: Permissions,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    outcome: &'static str,
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Counts<'a>>,
}

/// Counts of all keys, and the first keys by name.
#[derive(Debug, Serialize)]
struct Counts<'a> {
    added: usize,
    removed: usize,
    changed: usize,
    added_keys: &'a [String],
    removed_keys: &'a [String],
    changed_keys: &'a [String],
}

impl<'a> Counts<'a> {
    fn of(changes: &'a Changes) -> Counts<'a> {
        Counts {
            added: changes.added.count,
            removed: changes.removed.count,
            changed: changes.changed.count,
            added_keys: &changes.added.listed,
            removed_keys: &changes.removed.listed,
            changed_keys: &changes.changed.listed,
        }
    }
}

impl Publish {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let target = self.snapshot.target()?;
        let bytes = read(&self.source)?;
        // Before the file is opened: a payload that is refused makes no file.
        check_bytes(&bytes, &Limits::default())
            .map_err(|error| Failure::Payload { path: self.source.clone(), error })?;
        let payload = String::from_utf8_lossy(&bytes);
        make_cache_dir(&target)?;
        let by = format!("flagstaff publish, {}", person());
        let options = self.permissions.options().identity(target.identity()).history(HISTORY).source_name(by);
        let mut publisher =
            Publisher::open(target.path(), &options).map_err(|error| cannot_publish(error, target.path()))?;
        let outcome = publisher.publish(&payload)?;
        let generation = publisher.generation();
        // Waits for the disk.
        publisher.close().map_err(|source| Failure::NotOnDisk { generation, source })?;
        if self.json { output::json(&report(&outcome)) } else { output::line(&sentence(&outcome)) }
    }
}

fn report(outcome: &Outcome) -> Report<'_> {
    match outcome {
        Outcome::Published { generation, flags, archive_bytes, changes, .. } => Report {
            outcome: "published",
            generation: generation.0,
            flags: Some(*flags),
            archive_bytes: Some(*archive_bytes),
            changes: Some(Counts::of(changes)),
        },
        Outcome::Unchanged { generation, .. } => Report {
            outcome: "unchanged",
            generation: generation.0,
            flags: None,
            archive_bytes: None,
            changes: None,
        },
        _ => Report { outcome: "unknown", generation: 0, flags: None, archive_bytes: None, changes: None },
    }
}

fn sentence(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Published { generation, flags, changes, .. } => {
            format!("published generation {generation}: {flags} flags; {changes}")
        }
        Outcome::Unchanged { generation, .. } => {
            format!("unchanged: generation {generation} holds these flags already")
        }
        other => format!("{other:?}"),
    }
}

/// The source's bytes, at most one more than a payload may have.
fn read(source: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |source_error| Failure::Io { action: "read", path: source.to_owned(), source: source_error };
    let mut bytes = Vec::new();
    let most = DEFAULT_MAX_PAYLOAD as u64 + 1;
    let read = if source == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(source).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    match read.map_err(failed)? {
        size if size > DEFAULT_MAX_PAYLOAD => Err(Failure::TooLarge { path: source.to_owned() }),
        _ => Ok(bytes),
    }
}
