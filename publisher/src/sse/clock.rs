//! Time as the stream sees it, so that tests need not wait.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::stopper::{Stopper, Waited};

/// The time and the wait between tries.
pub trait Clock: Debug + Send {
    /// The time now. It never goes back.
    fn now(&self) -> Instant;

    /// Waits, but ends promptly when the stopper is used.
    fn wait(&self, time: Duration, stopper: &Stopper) -> Waited;
}

/// The clock of the system.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&self, time: Duration, stopper: &Stopper) -> Waited {
        stopper.wait(time)
    }
}
