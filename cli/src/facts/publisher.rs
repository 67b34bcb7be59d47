//! Who publishes: the process that holds the publisher lock, as far as the kernel tells.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use flagstaff_publisher::lock_path;
use flagstaff_reader::{PublisherState, Status};
use serde::Serialize;

use crate::host::{Holder, Inode, Process, holder_of, is_mapped_by};

/// The publisher as a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct PublisherFacts {
    pub(crate) publisher_process: Option<Process>,
    /// Why it is not known, or does not fit what the file says.
    pub(crate) publisher_note: Option<String>,
    /// Process ids of those that would take over.
    pub(crate) publishers_waiting: Vec<u32>,
}

impl PublisherFacts {
    pub(super) fn of(path: &Path, status: &Status) -> PublisherFacts {
        let (holder, problem) = match std::fs::metadata(lock_path(path)) {
            Ok(metadata) => {
                let lock = Inode { device: metadata.dev(), number: metadata.ino() };
                (holder_of(lock, |pid| is_mapped_by(path, pid)), None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Holder::default(), None),
            Err(error) => (Holder::default(), Some(format!("the lock file cannot be looked at: {error}"))),
        };
        let process = holder.pid.and_then(Process::of);
        PublisherFacts {
            publisher_note: problem.or_else(|| note(status.publisher, process.is_some()).map(str::to_owned)),
            publisher_process: process,
            publishers_waiting: holder.waiting,
        }
    }
}

fn note(state: PublisherState, is_seen: bool) -> Option<&'static str> {
    match (state, is_seen) {
        (PublisherState::Alive, false) => {
            Some("its process is not visible from here: another container or PID namespace")
        }
        (PublisherState::Gone, true) => {
            Some("a process holds the lock but shows no sign of life: is it stopped?")
        }
        (PublisherState::Stopped, true) => {
            Some("a process holds the lock and is starting, or publishes by hand")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_that_cannot_be_seen_is_told_from_one_that_is_not_there() {
        assert!(note(PublisherState::Alive, false).is_some_and(|note| note.contains("PID namespace")));
        assert!(note(PublisherState::Gone, true).is_some_and(|note| note.contains("no sign of life")));
        assert_eq!(note(PublisherState::Alive, true), None);
        assert_eq!(note(PublisherState::Gone, false), None);
        assert_eq!(note(PublisherState::Stopped, false), None);
    }
}
