//! The lock that makes one process per snapshot file the publisher.
//!
//! ```no_run
//! use flagstaff_publisher::lock::{Cancel, LockMode, PublisherLock};
//!
//! let lock = PublisherLock::acquire("/run/flagstaff/flags.flagstaff.lock", LockMode::Owner, &Cancel::new())?;
//! // This process is the publisher until `lock` is dropped or the process ends.
//! # drop(lock);
//! # Ok::<(), flagstaff_publisher::lock::LockError>(())
//! ```
//!
//! # Guarantees
//! - At most one holder per lock file, also between two locks in one process.
//! - The lock is free as soon as its process is dead or has called `exec`, even while forked children live on.
//! - A waiter sleeps in the kernel and is woken by it. Nothing polls.
//! - A forked child neither holds the lock nor can release it.
//! - The lock file is never unlinked here. If somebody else removes it, [`PublisherLock::still_at_path`] says so.
//!
//! # How
//! `flock` belongs to an open file description, and `fork` copies every descriptor of the calling thread's table. So the
//! lock file is opened by a thread that first gave itself an empty descriptor table. No fork can copy from that table,
//! nobody else can unlock or close what is in it, and it dies with the process. Signals are blocked in that thread,
//! because a handler that writes to a pipe of the process would find another descriptor, or none, under its number.
//!
//! # Limits
//! - Where the kernel or a seccomp filter forbids a private table (Linux before 5.9), the lock still excludes everybody
//!   else, in this process too, but a forked child inherits the descriptor: if the holder dies first, the lock stays
//!   taken until the child ends or calls `exec`. [`PublisherLock::isolation`] tells, so that it can be logged.
//! - All waits of a process for the same lock share one thread (128 KiB of address space), which a cancel leaves asleep in the kernel
//!   until the lock is free; waits that begin meanwhile take part in it. If nobody wants the lock when it comes, the thread gives it
//!   back at once, and a `try_acquire` in just that moment answers [`LockError::Held`].
//! - A child that was forked in the moment in which another thread began a wait has a thread for each of its waits.
//! - Whoever may open the lock file can hold the lock. Hence the modes of [`LockMode`].
//! - Network file systems: `flock` may not reach other hosts.
//!
//! Files: `lock_file` opens and checks, `thread` holds, `waiter` is who wants it, and shares a thread, `private_table` calls the kernel.

mod cancel;
mod error;
mod lock_file;
#[allow(unsafe_code, reason = "close_range and the signal mask have no safe wrapper")]
mod private_table;
mod thread;
mod waiter;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

pub use cancel::Cancel;
pub use error::{LockError, UnsafeLockFile};

use flagstaff_format::{Epoch, Hooks};

use lock_file::FileId;
use thread::{Event, Job, LockThread, Wait};
use waiter::Place;

/// Who may become the publisher, as the permissions of a lock file made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LockMode {
    /// 0600: only the owner of the file.
    #[default]
    Owner,
    /// 0660: also the members of the file's group. In a sticky world-writable directory a file of another owner is
    /// refused all the same.
    Group,
}

/// How well the lock is kept from forked children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Children never hold it.
    PrivateTable,
    /// Children inherit it until they end or call `exec`, because the private table was refused with this errno.
    SharedTable {
        /// The raw operating system error, for example `ENOSYS`.
        os_error: i32,
    },
}

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

    /// Waits for the lock, asleep in the kernel, until it is free or `cancel` is called.
    ///
    /// # Errors
    /// [`LockError::Cancelled`] promptly after a cancel; the other variants, but never [`LockError::Held`], if the file
    /// cannot be used.
    pub fn acquire(path: impl AsRef<Path>, mode: LockMode, cancel: &Cancel) -> Result<Self, LockError> {
        Self::watched(path.as_ref(), mode, Some(cancel), &Hooks::default())
    }

    /// As the two above: with something to cancel it waits. Each step is shown to `watch`.
    pub(crate) fn watched(
        path: &Path,
        mode: LockMode,
        cancel: Option<&Cancel>,
        watch: &Hooks,
    ) -> Result<Self, LockError> {
        let wait = if cancel.is_some() { Wait::InKernel } else { Wait::No };
        Self::start(path, mode, wait, cancel, private_table::enter, watch)
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
        cancel: Option<&Cancel>,
        isolate: fn() -> io::Result<()>,
        watch: &Hooks,
    ) -> Result<Self, LockError> {
        // Absolute, so that a later change of directory does not change what `still_at_path` looks at.
        let path = std::path::absolute(path)
            .map_err(|source| LockError::Open { path: path.to_path_buf(), source })?;
        let (report, events) = mpsc::channel();
        // Registered before the wait starts: a cancel from here on is an event that is received below.
        let _registered = cancel.map(|cancel| cancel.register(report.clone()));
        if cancel.is_some_and(Cancel::is_cancelled) {
            return Err(LockError::Cancelled { path });
        }
        loop {
            let job = Job { path: path.clone(), mode, wait, isolate, watch: watch.clone() };
            let spawn = |waiter| thread::spawn(job, waiter);
            let place = match wait {
                Wait::No => Place::alone(&path, mode, report.clone(), spawn),
                Wait::InKernel => Place::shared(&path, mode, report.clone(), spawn),
            };
            let place = place.map_err(|source| LockError::Thread { path: path.clone(), source })?;
            return match events.recv() {
                Ok(Event::Again) => continue,
                Ok(Event::Held(grant)) => {
                    let thread = LockThread { release: grant.release, handle: place.into_thread() };
                    let (id, isolation) = (grant.id, grant.isolation);
                    Ok(Self { path, id, isolation, made: Epoch::now(), thread: Some(thread) })
                }
                Ok(Event::Failed(error)) => Err(error),
                Ok(Event::Cancelled) => {
                    place.give_up();
                    Err(LockError::Cancelled { path })
                }
                Ok(Event::Ended) | Err(mpsc::RecvError) => {
                    let source = io::Error::other("the lock thread ended without an answer");
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
