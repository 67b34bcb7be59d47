//! Everything known about a snapshot file, its publisher and its link, for `status` and `top`.

mod file;
mod last_error;
mod overridden;
mod problem;
mod publisher;

use std::time::{Duration, SystemTime};

use flagstaff_format::layout;
use flagstaff_reader::{PathState, PublisherState, Reader, Status, TypeCounts};
use serde::Serialize;

pub(crate) use file::FileFacts;
pub(crate) use last_error::LastError;
pub(crate) use overridden::{Overridden, RolledBack};
pub(crate) use problem::{Problem, problems, why_stale};
pub(crate) use publisher::{PublisherFacts, lock_holder};

use crate::show;

/// Its JSON is documented in docs/operations.md. Ages in seconds; null is unknown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    pub(crate) file: String,
    pub(crate) format: u32,
    pub(crate) generation: u64,
    pub(crate) durable_generation: u64,
    pub(crate) flags: u64,
    pub(crate) flag_types: FlagTypes,
    pub(crate) archive_bytes: u64,
    pub(crate) last_publish_bytes: u64,
    pub(crate) last_checkpoint_bytes: u64,
    #[serde(flatten)]
    pub(crate) file_facts: FileFacts,
    pub(crate) published_at: Option<String>,
    pub(crate) published_age: Option<f64>,
    pub(crate) link: &'static str,
    pub(crate) link_age: Option<f64>,
    pub(crate) contact_age: Option<f64>,
    pub(crate) last_error: Option<LastError>,
    /// Why readers do not see the newest payload, and for how long.
    pub(crate) behind: Option<LastError>,
    /// Flags that are set on this host, whatever the source says.
    pub(crate) overrides: Vec<Overridden>,
    pub(crate) rollback: Option<RolledBack>,
    pub(crate) publisher: &'static str,
    pub(crate) publisher_uptime: Option<f64>,
    #[serde(flatten)]
    pub(crate) publisher_facts: PublisherFacts,
    pub(crate) cold: bool,
    pub(crate) stale: bool,
    pub(crate) path: &'static str,
    pub(crate) problems: Vec<Problem>,
}

/// Number of flags of each type.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct FlagTypes {
    pub(crate) bool: u64,
    pub(crate) number: u64,
    pub(crate) string: u64,
    pub(crate) json: u64,
    pub(crate) null: u64,
}

impl FlagTypes {
    fn of(kinds: &TypeCounts) -> FlagTypes {
        FlagTypes {
            bool: kinds.bools,
            number: kinds.numbers,
            string: kinds.strings,
            json: kinds.jsons,
            null: kinds.nulls,
        }
    }

    /// Each type with its number.
    pub(crate) fn each(&self) -> [(u64, &'static str); 5] {
        [
            (self.bool, "bool"),
            (self.number, "number"),
            (self.string, "string"),
            (self.json, "JSON"),
            (self.null, "null"),
        ]
    }
}

impl Facts {
    /// The facts as of now. `identity` is that of the environment which the caller expects, if a key is known.
    pub(crate) fn of(reader: &Reader, status: &Status, identity: Option<[u8; 32]>) -> Facts {
        let seconds = |age: Option<Duration>| age.map(|age| age.as_secs_f64());
        Facts {
            file: reader.path().display().to_string(),
            format: layout::VERSION,
            generation: status.generation.0,
            durable_generation: status.durable.0,
            flags: status.flags,
            flag_types: FlagTypes::of(&reader.type_counts()),
            archive_bytes: status.archive_bytes,
            last_publish_bytes: status.last_publish_bytes,
            last_checkpoint_bytes: status.last_checkpoint_bytes,
            file_facts: FileFacts::of(reader.path(), identity),
            published_at: status.published_at.map(show::time),
            published_age: seconds(published_age(status)),
            link: status.link.name(),
            link_age: seconds(status.link_age),
            contact_age: seconds(contact_age(status)),
            last_error: status.last_failure.map(LastError::of),
            behind: status.behind.map(LastError::of),
            overrides: Overridden::all(reader.path()),
            rollback: RolledBack::of(reader.path()),
            publisher: publisher_name(status.publisher),
            publisher_uptime: seconds(status.publisher_uptime),
            publisher_facts: PublisherFacts::of(reader.path(), status),
            cold: status.is_cold,
            stale: status.is_stale(),
            path: path_name(status.path),
            problems: problems(status),
        }
    }
}

/// `None` for a cold cache, whose flags are not from the last contact.
pub(crate) fn contact_age(status: &Status) -> Option<Duration> {
    status.contact_age.filter(|_| !status.is_cold)
}

fn published_age(status: &Status) -> Option<Duration> {
    SystemTime::now().duration_since(status.published_at?).ok()
}

pub(crate) fn publisher_name(state: PublisherState) -> &'static str {
    match state {
        PublisherState::Alive => "alive",
        PublisherState::Stopped => "stopped",
        PublisherState::Gone => "gone",
        _ => "unknown",
    }
}

pub(crate) fn path_name(state: PathState) -> &'static str {
    match state {
        PathState::Same => "same",
        PathState::Missing => "missing",
        PathState::Stuck => "stuck",
        _ => "unknown",
    }
}
