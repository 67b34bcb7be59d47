//! The thread that owns the locked file.
//!
//! Ownership of the lock travels as a [`Grant`] through a channel. Whoever drops the grant releases the lock: the
//! `PublisherLock`, or the channel itself when the waiter has gone away.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{Builder, JoinHandle};

use flagstaff_format::Hooks;

use super::lock_file::{self, LockMode, Wait};
use super::private_table::Isolation;
use super::waiter::{Event, Grant, Told, Waiter};

/// Small, because hosts that lock all their memory pay for it in full. The thread needs a few KiB.
const STACK_BYTES: usize = 128 * 1024;

pub(super) struct Job {
    pub(super) path: PathBuf,
    pub(super) mode: LockMode,
    pub(super) wait: Wait,
    pub(super) isolate: fn() -> io::Result<()>,
    pub(super) watch: Hooks,
}

pub(super) struct LockThread {
    pub(super) release: Sender<Infallible>,
    pub(super) handle: Option<JoinHandle<()>>,
}

impl LockThread {
    /// Returns after the file is closed.
    pub(super) fn release(self) {
        drop(self.release);
        // An error is a panic in the thread, whose unwinding has closed the file as well.
        if let Some(handle) = self.handle {
            handle.join().ok();
        }
    }
}

pub(super) fn spawn(job: Job, waiter: Arc<Waiter>) -> io::Result<JoinHandle<()>> {
    Builder::new().name("flag-lock".into()).stack_size(STACK_BYTES).spawn(move || run(&job, Report(waiter)))
}

fn run(job: &Job, report: Report) {
    let isolation = match (job.isolate)() {
        Ok(()) => Isolation::PrivateTable,
        Err(error) => Isolation::SharedTable { os_error: error.raw_os_error().unwrap_or(0) },
    };
    let (file, id) = match lock_file::lock(&job.path, job.mode, job.wait, &job.watch) {
        Ok(locked) => locked,
        Err(error) => {
            report.0.tell(Event::Failed(error));
            return;
        }
    };
    let (release, released) = mpsc::channel();
    // If nobody wants it any more, the grant is dropped here or in the channel, and the wait below ends at once.
    if report.0.tell(Event::Held(Grant { release, id, isolation })) == Told::Owner {
        drop(report);
        // Nothing is ever sent. The only way out is that the grant's sender is dropped.
        let Err(mpsc::RecvError) = released.recv();
    }
    drop(file);
}

/// Tells the owner that the thread is over even if it panics; it would wait for ever otherwise.
struct Report(Arc<Waiter>);

impl Drop for Report {
    fn drop(&mut self) {
        self.0.tell(Event::Ended);
    }
}
