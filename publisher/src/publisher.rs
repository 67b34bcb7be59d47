//! A publisher: the lock, the file, and what was published last.

mod opening;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_format::counters::Event;
use flagstaff_format::{FailureKind, Generation, LinkState, status, unix_micros};

use crate::error::{CloseError, OpenError, PublishError};
use crate::heartbeat::Heartbeat;
use crate::history::Keeper;
use crate::lock::PublisherLock;
use crate::options::PublisherOptions;
use crate::outcome::Outcome;
use crate::payload::Limits;
use crate::shared::Shared;
use crate::snapshot_location::{behind_links, lock_path};
use crate::stopper::Stopper;

/// How long a clean stop waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes into one file, as the only one on this host.
#[derive(Debug)]
pub struct Publisher {
    /// `None` once it is closed.
    heartbeat: Option<Heartbeat>,
    keeper: Option<Keeper>,
    shared: Arc<Shared>,
    path: PathBuf,
    options: PublisherOptions,
}

impl Publisher {
    /// Takes the lock and opens or makes the file at `path`. Whatever is good in it stays available. Without a file, an SDK
    /// cache named in the options is published as a start.
    ///
    /// # Errors
    /// [`OpenError`]: another publisher holds the lock, or the file cannot be used.
    ///
    /// ```
    /// # use flagstaff_publisher::{Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("flags.flagstaff");
    /// let publisher = Publisher::open(&path, &PublisherOptions::default())?;
    /// assert!(Publisher::open(&path, &PublisherOptions::default()).is_err(), "one publisher per file");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: impl AsRef<Path>, options: &PublisherOptions) -> Result<Publisher, OpenError> {
        let (asked, path) = (path.as_ref(), &behind_links(path.as_ref()));
        let lock = PublisherLock::watched(&lock_path(path), options.lock_mode, None, &options.watch)?;
        Publisher::with_lock(path, asked, options, lock)
    }

    /// As [`Publisher::open`], but waits for the lock, asleep, until it is free or `stopper` is used.
    ///
    /// # Errors
    /// As [`Publisher::open`], and [`crate::lock::LockError::Stopped`].
    ///
    /// ```
    /// # use flagstaff_publisher::{Publisher, PublisherOptions, Stopper};
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("flags.flagstaff");
    /// // Another thread, such as one that waits for signals, calls `stop` on a clone of it.
    /// let stopper = Stopper::new();
    /// let publisher = Publisher::wait_and_open(&path, &PublisherOptions::default(), &stopper)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_and_open(
        path: impl AsRef<Path>,
        options: &PublisherOptions,
        stopper: &Stopper,
    ) -> Result<Publisher, OpenError> {
        let (asked, path) = (path.as_ref(), &behind_links(path.as_ref()));
        let lock =
            PublisherLock::watched(&lock_path(path), options.lock_mode, Some(stopper), &options.watch)?;
        Publisher::with_lock(path, asked, options, lock)
    }

    /// Publishes a payload: checked, in memory for all readers when this returns, on the disk soon.
    ///
    /// # Errors
    /// [`PublishError`]: the last snapshot stays. With [`PublishError::File`] the payload is kept and tried again, about every 5
    /// seconds, until readers see it, or another one comes, or this is dropped. Meanwhile the file says that readers are behind.
    ///
    /// ```
    /// # use flagstaff_publisher::{Outcome, Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let mut publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// match publisher.publish(r#"{"new-checkout": true, "cart-limit": 50}"#)? {
    ///     Outcome::Published { generation, changes, .. } => println!("generation {generation}: {changes}"),
    ///     Outcome::Unchanged { .. } => println!("the same flags as before"),
    ///     _ => {}
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish(&mut self, payload: &str) -> Result<Outcome, PublishError> {
        self.publish_of(payload, unix_micros())
    }

    fn publish_of(&mut self, payload: &str, published_at: u64) -> Result<Outcome, PublishError> {
        // In this order: a forked child takes no lock of its parent's.
        if !self.shared.lock.is_mine() || self.has_lost_lock() {
            return Err(PublishError::LockLost { path: self.lock_path().to_owned() });
        }
        self.shared.receive(payload, published_at)
    }

    /// The generation that readers see; 0 if nothing has been published.
    ///
    /// ```
    /// # use flagstaff_publisher::{Generation, Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let mut publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// assert_eq!(publisher.generation(), Generation(0));
    /// publisher.publish("{}")?;
    /// assert_eq!(publisher.generation(), Generation(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.shared.writer().generation()
    }

    /// Records in the file the state of the link to the source, for status and health checks. [`run`](crate::run) does so by itself. The
    /// same state again does not make it younger.
    ///
    /// ```
    /// # use flagstaff_publisher::{LinkState, Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// publisher.set_link(LinkState::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_link(&self, state: LinkState) {
        self.shared.set_link(state);
    }

    /// Records in the file what failed last. [`Publisher::publish`] records by itself what it did not publish. Without the lock nothing is
    /// written: the file may be that of another publisher.
    ///
    /// ```
    /// # use flagstaff_publisher::{FailureKind, Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// publisher.set_failure(FailureKind::Timeout);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_failure(&self, kind: FailureKind) {
        // In this order: a forked child takes no lock of its parent's.
        if self.shared.lock.is_mine() && !self.has_lost_lock() {
            self.shared.failed(&self.shared.writer(), kind);
        }
    }

    /// Records that the source sent a payload that is refused unseen, so that readers do not have the newest.
    pub(crate) fn refuse(&self, why: FailureKind) {
        if self.shared.lock.is_mine() && !self.has_lost_lock() {
            self.shared.refuse(why);
        }
    }

    /// Counts a stream that was opened.
    pub(crate) fn connected(&self) {
        self.shared.counted.add(Event::Connected, 1);
    }

    /// Whether a payload waits until the file can take it.
    pub(crate) fn has_waiting(&self) -> bool {
        self.shared.has_waiting()
    }

    /// The outcome of a payload that the file could take later; returned once.
    pub(crate) fn take_caught_up(&self) -> Option<Outcome> {
        self.shared.take_caught_up()
    }

    /// Records in the file that the source gave a sign of life.
    ///
    /// ```
    /// # use flagstaff_publisher::{Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// // Whenever something came from the source, also if it was no payload.
    /// publisher.touch();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn touch(&self) {
        status::touch_contact(self.shared.writer().status_words());
    }

    /// The lock file.
    ///
    /// ```
    /// # use flagstaff_publisher::{Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// assert!(publisher.lock_path().ends_with("flags.flagstaff.lock"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lock_path(&self) -> &Path {
        self.shared.lock.path()
    }

    /// Whether somebody removed or replaced the lock file, so that this publisher should end.
    ///
    /// ```
    /// # use flagstaff_publisher::{Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// assert!(!publisher.has_lost_lock());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_lost_lock(&self) -> bool {
        self.shared.lock_lost.load(Ordering::Acquire)
    }

    /// Writes the last checkpoint, waiting at most 5 s for the disk, and gives the lock back. Dropping does the same, but
    /// cannot say whether the flags are on the disk. In a forked child neither does anything.
    ///
    /// # Errors
    /// [`CloseError`]: readers have the last flags in memory, but those may not survive a reboot.
    ///
    /// ```
    /// # use flagstaff_publisher::{Publisher, PublisherOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let mut publisher = Publisher::open(folder.path().join("flags.flagstaff"), &PublisherOptions::default())?;
    /// publisher.publish(r#"{"new-checkout": true}"#)?;
    /// publisher.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(mut self) -> Result<(), CloseError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), CloseError> {
        let (Some(heartbeat), keeper) = (self.heartbeat.take(), self.keeper.take()) else { return Ok(()) };
        if !self.shared.lock.is_mine() {
            // In a forked child there is no such thread to wait for, and any lock may have been copied while it was taken.
            std::mem::forget((heartbeat, keeper));
            return Ok(());
        }
        let watch = &self.options.watch;
        watch.failpoint("end");
        let start = Instant::now();
        let timeout = || CloseError::Timeout { path: self.path.clone(), patience: PATIENCE };
        // A heartbeat thread that hangs holds the writer, so nothing more can be written to the file.
        let ended = heartbeat.stop(PATIENCE);
        // Checked again: another publisher may have started since the last heartbeat.
        if !self.shared.has_lock() {
            return Err(CloseError::LockLost { path: self.lock_path().to_owned() });
        }
        if let Some(keeper) = keeper {
            keeper.stop(PATIENCE.saturating_sub(start.elapsed()));
        }
        let written = self.shared.checkpointer.stop(PATIENCE.saturating_sub(start.elapsed()));
        if ended.is_err() {
            return Err(timeout());
        }
        watch.failpoint("end: the last checkpoint is written");
        let writer = self.shared.writer();
        self.shared.counted.write(writer.status_words());
        status::set_stopped(writer.status_words());
        drop(writer);
        watch.failpoint("end: the lock is given back");
        match written {
            Ok(written) => Ok(written?),
            Err(_) => Err(timeout()),
        }
    }

    /// The publishing thread has something to do.
    pub(crate) fn works(&self) {
        self.shared.begins_work();
    }

    /// The publishing thread waits for its source.
    pub(crate) fn waits(&self) {
        self.shared.ends_work();
    }

    /// Shows a step to an observer.
    pub(crate) fn failpoint(&self, name: &'static str) {
        self.options.watch.failpoint(name);
    }

    pub(crate) fn limits(&self) -> Limits {
        self.options.limits
    }

    /// Stops `stopper` when the lock is lost, or at once if it is lost already.
    pub(crate) fn stop_on_loss(&self, stopper: &Stopper) {
        *self.shared.stop_on_loss.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopper.clone());
        // The heartbeat thread stops it only once, perhaps before it was set.
        if self.has_lost_lock() {
            stopper.stop();
        }
    }
}

impl Drop for Publisher {
    /// As [`Publisher::close`], with the log instead of a result.
    fn drop(&mut self) {
        match self.end() {
            // The thread that writes checkpoints has logged what the disk said.
            Ok(()) | Err(CloseError::Disk(_)) => {}
            Err(error) => tracing::error!(%error, "the last flags may be lost at a power failure"),
        }
    }
}
