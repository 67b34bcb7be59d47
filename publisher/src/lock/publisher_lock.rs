//! The publisher lock as its holder has it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use flagstaff_format::{Epoch, Hooks};

use super::error::LockError;
use super::lock_file::{FileId, LockMode, Wait};
use super::private_table::{self, Isolation};
use super::thread::{self, Job, LockThread};
use super::waiter::{Claim, Event};
use crate::stopper::Stopper;

/// The exclusive right to publish to one snapshot file, until dropped.
///
/// Dropping it closes the lock file before `drop` returns. In a forked child the copy is dead: dropping it does nothing.
#[must_use = "the lock is released when this is dropped"]
pub struct PublisherLock {
    path: PathBuf,
    id: FileId,
    isolation: Isolation,
    made: Epoch,
    /// Taken out by `drop` only.
    thread: Option<LockThread>,
}

impl PublisherLock {
    /// Takes the lock if it is free now. The file is made if it is missing; its directory must exist.
    ///
    /// # Errors
    /// [`LockError::Held`] if another publisher has it, in this process or elsewhere; the other variants if the file
    /// cannot be used.
    pub fn try_acquire(path: impl AsRef<Path>, mode: LockMode) -> Result<Self, LockError> {
        Self::watched(path.as_ref(), mode, None, &Hooks::default())
    }

    /// Waits for the lock, asleep in the kernel, until it is free or `stopper` is used.
    ///
    /// # Errors
    /// [`LockError::Stopped`] promptly after a stop; the other variants, but never [`LockError::Held`], if the file
    /// cannot be used.
    pub fn acquire(path: impl AsRef<Path>, mode: LockMode, stopper: &Stopper) -> Result<Self, LockError> {
        Self::watched(path.as_ref(), mode, Some(stopper), &Hooks::default())
    }

    /// As the two above: with a stopper it waits. Each step is shown to `watch`.
    pub(crate) fn watched(
        path: &Path,
        mode: LockMode,
        stopper: Option<&Stopper>,
        watch: &Hooks,
    ) -> Result<Self, LockError> {
        let wait = if stopper.is_some() { Wait::InKernel } else { Wait::No };
        Self::start(path, mode, wait, stopper, private_table::enter, watch)
    }

    /// True in the process that took the lock, false in its forked children. Costs one load.
    pub fn is_mine(&self) -> bool {
        self.made == Epoch::now()
    }

    /// Whether the locked file is still the one at its path, for a check once a second.
    ///
    /// If not, somebody removed or replaced it, and another publisher can lock the new one: stop publishing, drop this
    /// and acquire again.
    ///
    /// # Errors
    /// If the path cannot be examined; a missing file is `Ok(false)`.
    pub fn still_at_path(&self) -> io::Result<bool> {
        Ok(FileId::at(&self.path)? == Some(self.id))
    }

    /// The lock file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How well the lock is kept from forked children.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// `isolate` runs first in the lock thread. A parameter so that a test can refuse the private table.
    fn start(
        path: &Path,
        mode: LockMode,
        wait: Wait,
        stopper: Option<&Stopper>,
        isolate: fn() -> io::Result<()>,
        watch: &Hooks,
    ) -> Result<Self, LockError> {
        // Absolute, so that a later change of directory does not change what `still_at_path` looks at.
        let path = std::path::absolute(path)
            .map_err(|source| LockError::Open { path: path.to_path_buf(), source })?;
        let (report, events) = mpsc::channel();
        // Registered before the wait starts: a stop from here on is an event that is received below.
        let _registration = match stopper {
            Some(stopper) => {
                let events = report.clone();
                // An error means that this wait has just ended by itself.
                let on_stop = move || drop(events.send(Event::Stopped));
                Some(stopper.register(on_stop).ok_or_else(|| LockError::Stopped { path: path.clone() })?)
            }
            None => None,
        };
        loop {
            let job = Job { path: path.clone(), mode, wait, isolate, watch: watch.clone() };
            let spawn = |waiter| thread::spawn(job, waiter);
            let claim = match wait {
                Wait::No => Claim::alone(&path, mode, report.clone(), spawn),
                Wait::InKernel => Claim::shared(&path, mode, report.clone(), spawn),
            };
            let claim = claim.map_err(|source| LockError::Thread { path: path.clone(), source })?;
            return match events.recv() {
                Ok(Event::Again) => continue,
                Ok(Event::Held(grant)) => {
                    let thread = LockThread { release: grant.release, handle: claim.into_thread() };
                    let (id, isolation) = (grant.id, grant.isolation);
                    Ok(Self { path, id, isolation, made: Epoch::now(), thread: Some(thread) })
                }
                Ok(Event::Failed(error)) => Err(error),
                Ok(Event::Stopped) => {
                    claim.give_up();
                    Err(LockError::Stopped { path })
                }
                Ok(Event::Ended) | Err(mpsc::RecvError) => {
                    let source = io::Error::other("the lock thread ended before it took the lock");
                    Err(LockError::Thread { path, source })
                }
            };
        }
    }
}

impl Drop for PublisherLock {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.is_mine() {
            thread.release();
        } else {
            // The thread does not exist in a forked child, and the channel's lock may have been copied while taken.
            std::mem::forget(thread);
        }
    }
}

impl fmt::Debug for PublisherLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherLock")
            .field("path", &self.path)
            .field("isolation", &self.isolation)
            .field("is_mine", &self.is_mine())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::EPERM))
    }

    #[test]
    fn without_a_private_table_the_lock_still_excludes_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock =
            PublisherLock::start(&path, LockMode::Owner, Wait::No, None, refused, &Hooks::default()).unwrap();
        assert_eq!(lock.isolation(), Isolation::SharedTable { os_error: libc::EPERM });
        let second = PublisherLock::start(&path, LockMode::Owner, Wait::No, None, refused, &Hooks::default());
        assert!(matches!(second, Err(LockError::Held { .. })), "{second:?}");
        let third = PublisherLock::try_acquire(&path, LockMode::Owner);
        assert!(matches!(third, Err(LockError::Held { .. })), "{third:?}");
        drop(lock);
        drop(PublisherLock::try_acquire(&path, LockMode::Owner).unwrap());
    }
}
