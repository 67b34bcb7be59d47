//! What a publisher knows of all this.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flagstaff_format::{Archive, Writer};

use super::guard::{Guard, Suspicion};
use super::held::Held;
use super::inbox::Inbox;
use super::overrides::{Now, Overrides, with_members};
use super::rollback::RolledBack;
use crate::error::PublishError;
use crate::side_files::SideFiles;

/// Where a payload comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the source: the guard looks at it.
    Source,
    /// From the source, and somebody accepted it.
    Accepted,
    /// Made here, of what the source said before.
    Here,
}

/// A publisher's part of this.
#[derive(Debug)]
pub(crate) struct Local {
    guard: Guard,
    pub(super) side_files: SideFiles,
    /// Overrides in force, for the guard, which is asked while the state is locked.
    pub(super) overridden: AtomicUsize,
    /// Locked before the feed, which is locked before the writer.
    pub(super) state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    /// Its files were read. Before, nothing is done.
    pub(super) is_ready: bool,
    pub(super) inbox: Inbox,
    pub(super) held: Option<Held>,
    pub(super) overrides: Overrides,
    pub(super) rollback: Option<RolledBack>,
    /// Why the file of overrides cannot be used. It is left alone, so that nothing in it is lost.
    pub(super) unusable: Option<String>,
    /// The file of overrides does not say yet what is said here.
    pub(super) is_unsaved: bool,
    /// What the source said last, while something of this host is in its place.
    pub(super) source: Option<String>,
}

impl Local {
    pub(crate) fn new(snapshot: &Path, guard: Guard) -> Local {
        let side_files = SideFiles::new(snapshot);
        let state = State {
            is_ready: false,
            inbox: Inbox::of(&side_files),
            held: None,
            overrides: Overrides::default(),
            rollback: None,
            unusable: None,
            is_unsaved: false,
            source: None,
        };
        Local { guard, side_files, overridden: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// Whether the guard holds nothing that gives so many of the flags another value, and leaves the keys alone.
    pub(crate) fn lets_pass(&self, changed: usize, flags: usize) -> bool {
        self.guard.lets_pass(changed, flags)
    }

    /// Refuses an archive that the guard holds.
    pub(crate) fn check(&self, writer: &Writer, after: &Archive) -> Result<(), PublishError> {
        let Some(before) = writer.current_in_place() else { return Ok(()) };
        match self.guard.suspects(&before, after, self.overridden.load(Ordering::Relaxed)) {
            Some(suspicion) => Err(PublishError::Held(Box::new(suspicion))),
            None => Ok(()),
        }
    }

    /// What is suspicious about a payload that comes after another one, neither of which readers see.
    pub(super) fn suspects(&self, before: &Archive, after: &Archive) -> Option<Suspicion> {
        self.guard.suspects(before, after, 0)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // It is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether something of this host is in the place of what the source says, or was until now.
    pub(super) fn is_local(&self) -> bool {
        self.rollback.is_some() || !self.overrides.overrides.is_empty()
    }

    /// A payload of the source, or the rollback in its place, with the overrides in force.
    pub(super) fn merged<'a>(&'a self, payload: &'a str, now: &Now) -> Cow<'a, str> {
        let rollback = self.rollback.as_ref().filter(|rollback| rollback.facts.term.holds(now));
        let payload = rollback.map_or(payload, |rollback| rollback.texts.flags.get());
        let members: Vec<_> =
            self.overrides.in_force(now).map(|one| (one.key.as_str(), one.value.get())).collect();
        with_members(payload, members.into_iter())
    }

    /// Writes the overrides, now or, if that fails, at the next heartbeat.
    pub(super) fn save(&mut self, side_files: &SideFiles) -> io::Result<()> {
        let result = self.overrides.write(side_files);
        self.is_unsaved = result.is_err();
        result
    }
}
