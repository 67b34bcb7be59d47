//! The log of the background.
//!
//! A subscriber may take locks, such as that of stderr, and a thread of the parent may have held them at a fork: in the child
//! they are taken for ever. A publisher that logs would then stand still, with the lock of the host. So the threads of the
//! background log nothing by themselves. Their lines go through a [`Queue`] to a thread that may stand still.
//!
//! Where a program has no subscriber and no callback, an error is printed, at most once a minute: somebody has to act on it, and a program that
//! never heard of either would run with its defaults for ever.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flagstaff_publisher::{Level, Notice, Queue, printable, with_causes};
use tracing::dispatcher::{Dispatch, get_default, with_default};
use tracing::subscriber::NoSubscriber;

/// Lines, and errors, that wait for a subscriber or a callback that is busy.
pub(crate) const MOST_WAITING: usize = 64;

/// Time between two errors that are printed, at least.
const PRINTED_EVERY: Duration = Duration::from_secs(60);

/// One line.
#[derive(Debug)]
pub(crate) enum Line {
    Info(String),
    Warning(String),
    Error(String),
}

impl Line {
    pub(crate) fn error(what: &str, error: &dyn std::error::Error) -> Line {
        Line::Error(format!("{what}: {}", with_causes(error)))
    }

    /// `None`: nothing to say.
    pub(crate) fn of_notice(notice: &Notice<'_>) -> Option<Line> {
        Some(match notice.level()? {
            Level::Info => Line::Info(notice.to_string()),
            Level::Warning => Line::Warning(notice.to_string()),
            _ => Line::Error(notice.to_string()),
        })
    }

    fn write(self) {
        // It may quote keys and servers, and a subscriber may write line ends as they are.
        match self {
            Line::Info(text) => tracing::info!("{}", printable(&text)),
            Line::Warning(text) => tracing::warn!("{}", printable(&text)),
            Line::Error(text) => tracing::error!("{}", printable(&text)),
        }
    }
}

/// `is_heard`: there is a callback for errors.
pub(crate) fn queue(is_heard: bool) -> Queue<Line> {
    let printed = Mutex::new(None);
    let write = move |line: Line, dropped| {
        if let Line::Error(text) = &line
            && !is_heard
            && get_default(Dispatch::is::<NoSubscriber>)
        {
            print(text, &printed);
        }
        if dropped > 0 {
            tracing::warn!("{dropped} lines of this log were dropped, because it was busy");
        }
        line.write();
    };
    Queue::new("flag-log", MOST_WAITING, Some(Arc::new(write)))
}

/// Only the thread of the log waits if stderr does.
fn print(text: &str, last: &Mutex<Option<Instant>>) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= PRINTED_EVERY) {
        *last = Some(Instant::now());
        let _ = writeln!(std::io::stderr(), "flagstaff: {}", printable(text));
    }
}

/// Runs `work` without a log.
pub(crate) fn silently<T>(work: impl FnOnce() -> T) -> T {
    with_default(&Dispatch::none(), work)
}
