//! The part of a client that belongs to one process: the handles on its threads. A forked child has its own and never looks at its parent's,
//! whose locks may have been copied while they were taken.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_publisher::{Queue, Stopper, Waited};

use crate::callback::{self, ErrorCallback};
use crate::error::CloseError;
use crate::log::{self, Line, MOST_WAITING};
use crate::report::ErrorContext;

/// How long to wait before a thread that could not be started is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How long a close waits for a background that has not begun.
const START_LIMIT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) errors: Queue<ErrorContext>,
    pub(crate) log: Queue<Line>,
    /// Ends the wait for the lock, and every other wait in the background but that of the stream.
    closing: Stopper,
    /// Ends the present stream. Another one for each, because a publisher that loses its lock uses it up.
    turn: Mutex<Stopper>,
    background: Mutex<Background>,
    changed: Condvar,
    is_started: AtomicBool,
    watches: AtomicBool,
    watches_path: AtomicBool,
}

#[derive(Debug)]
enum Background {
    Missing {
        tried: Option<Instant>,
    },
    /// It has done nothing yet. In a child it may stay so: the standard library takes a lock when a thread begins, and a
    /// thread of the parent that began or ended in the moment of the fork has it for ever.
    Starting,
    Running,
    Ended(Result<(), CloseError>),
}

impl Process {
    pub(crate) fn new(on_error: Option<&ErrorCallback>) -> Process {
        Process {
            errors: Queue::new("flag-errors", MOST_WAITING, on_error.cloned().map(callback::handler)),
            log: log::queue(on_error.is_some()),
            closing: Stopper::new(),
            turn: Mutex::new(Stopper::new()),
            background: Mutex::new(Background::Missing { tried: None }),
            changed: Condvar::new(),
            is_started: AtomicBool::new(false),
            watches: AtomicBool::new(false),
            watches_path: AtomicBool::new(false),
        }
    }

    /// Starts the background with `spawn`, unless it is there, or could not be started just now.
    pub(crate) fn start(&self, spawn: impl FnOnce() -> std::io::Result<()>) {
        let mut background = self.background();
        let Background::Missing { tried } = &*background else { return };
        if tried.is_some_and(|tried| tried.elapsed() < TRY_AGAIN) {
            return;
        }
        *background = match spawn() {
            Ok(()) => {
                self.is_started.store(true, Release);
                Background::Starting
            }
            Err(error) => {
                self.log.push(Line::error(
                    "cannot start a thread; flags are not kept fresh by this process",
                    &error,
                ));
                Background::Missing { tried: Some(Instant::now()) }
            }
        };
    }

    /// Whether there is a background thread, or was one.
    pub(crate) fn is_started(&self) -> bool {
        self.is_started.load(Acquire)
    }

    /// True for the first caller only.
    pub(crate) fn becomes_watcher(&self) -> bool {
        !self.watches.swap(true, AcqRel)
    }

    /// True for the first caller only.
    pub(crate) fn becomes_path_watch(&self) -> bool {
        !self.watches_path.swap(true, AcqRel)
    }

    /// The handle that stops the next stream.
    pub(crate) fn next_turn(&self) -> Stopper {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // A stop that comes between two turns counts for the next one.
        if !self.closing.is_stopped() {
            *turn = Stopper::new();
        }
        turn.clone()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_stopped()
    }

    /// The handle that is stopped when the client is closed in this process.
    pub(crate) fn closing(&self) -> Stopper {
        self.closing.clone()
    }

    /// Waits in the background. False if the client is being closed.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        self.closing.wait(time) == Waited::Elapsed
    }

    /// Tells the threads to end.
    pub(crate) fn stop(&self) {
        self.closing.stop();
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).stop();
        self.errors.close();
    }

    /// Called by the background first.
    pub(crate) fn has_begun(&self) {
        *self.background() = Background::Running;
        self.changed.notify_all();
    }

    /// Called by the background last.
    pub(crate) fn has_ended(&self, ending: Result<(), CloseError>) {
        self.log.finish();
        *self.background() = Background::Ended(ending);
        self.changed.notify_all();
    }

    /// Waits for the end of the background, at most `limit`.
    pub(crate) fn wait_for_end(&self, limit: Duration) -> Result<(), CloseError> {
        let begun = Instant::now();
        let starts = |background: &mut Background| matches!(background, Background::Starting);
        let background = self
            .changed
            .wait_timeout_while(self.background(), limit.min(START_LIMIT), starts)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let left = limit.saturating_sub(begun.elapsed());
        let runs = |background: &mut Background| matches!(background, Background::Running);
        let background =
            self.changed.wait_timeout_while(background, left, runs).unwrap_or_else(PoisonError::into_inner).0;
        match &*background {
            Background::Running => Err(CloseError::Timeout { limit }),
            // One that still is to begin finds that it is to end, before it does anything.
            Background::Missing { .. } | Background::Starting => Ok(()),
            Background::Ended(ending) => ending.clone(),
        }
    }

    fn background(&self) -> MutexGuard<'_, Background> {
        // Nobody panics while holding it.
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
