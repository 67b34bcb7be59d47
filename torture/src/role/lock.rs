//! Publishers that stand by, and one that forks.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flagstaff_format::{FileOp, Hooks, Observer, boot};
use flagstaff_publisher::lock::{LockMode, PublisherLock};
use flagstaff_publisher::{Publisher, PublisherOptions, Stopper};

use super::stdio::{Outcome, say, wait_for_the_end};
use crate::fork::fork;

/// Longest life of a forked child, in seconds.
const LIFE: u32 = 60;

/// When the lock was taken, in nanoseconds of the boot clock.
#[derive(Debug, Default)]
struct LockTime(AtomicU64);

impl Observer for LockTime {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        if matches!(step, FileOp::Failpoint("lock: taken")) {
            self.0.store(boot::now().as_nanos() as u64, Relaxed);
        }
        Ok(())
    }
}

/// Waits to become the publisher. Writes when it got the lock and when it could publish, in nanoseconds of the boot clock.
pub(super) fn stand_by(path: &Path) -> Outcome {
    let time = Arc::new(LockTime::default());
    say("waits");
    let options = PublisherOptions::default().watch(Hooks::new(time.clone()));
    let publisher = Publisher::wait_and_open(path, &options, &Stopper::new())?;
    say(&format!("start {} {}", time.0.load(Relaxed), boot::now().as_nanos()));
    wait_for_the_end();
    Ok(publisher.close()?)
}

/// Holds a lock and has a forked child, which lives until stdin ends, or a minute.
pub(super) fn hold(path: &Path) -> Outcome {
    let lock = PublisherLock::try_acquire(path, LockMode::Owner)?;
    let child = fork(LIFE, || {
        // The thread that reads stdin does not exist in the child.
        let mut byte = [0];
        while rustix::io::read(std::io::stdin(), &mut byte).is_ok_and(|bytes| bytes > 0) {}
    })?;
    say(&format!("held {} {:?}", child.as_raw_pid(), lock.isolation()));
    wait_for_the_end();
    Ok(())
}
