//! The publisher's process: the one that holds the publisher lock, as far as the kernel tells.

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
    /// Why it is not known, or contradicts the file.
    pub(crate) publisher_note: Option<String>,
    /// Process ids of publishers that wait to take over.
    pub(crate) publishers_waiting: Vec<u32>,
}

impl PublisherFacts {
    pub(super) fn of(path: &Path, status: &Status) -> PublisherFacts {
        let (holder, problem) = match holder(path) {
            Ok(holder) => (holder, None),
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

/// The process that holds the publisher lock of a snapshot file, if it can be seen.
pub(crate) fn lock_holder(path: &Path) -> Option<Process> {
    holder(path).ok()?.pid.and_then(Process::of)
}

fn holder(path: &Path) -> io::Result<Holder> {
    let metadata = std::fs::metadata(lock_path(path))?;
    let lock = Inode { device: metadata.dev(), number: metadata.ino() };
    Ok(holder_of(lock, |pid| is_mapped_by(path, pid)))
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
