//! The log of the background.
//!
//! A subscriber may take locks, such as that of stderr, and a thread of the parent may have held them at a fork: in the child
//! they are taken for ever. A publisher that logs would then stand still, with the lock of the host. So the threads of the
//! background log nothing by themselves. Their lines go through a [`Queue`] to a thread that may stand still.

use std::sync::Arc;

use flagstaff_publisher::{Level, Notice, Queue, printable, with_causes};
use tracing::dispatcher::{Dispatch, with_default};

/// Lines, and errors, that wait for a subscriber or a callback that is busy.
pub(crate) const MOST_WAITING: usize = 64;

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

pub(crate) fn queue() -> Queue<Line> {
    let write = |line: Line, dropped| {
        if dropped > 0 {
            tracing::warn!("{dropped} lines of this log were dropped, because it was busy");
        }
        line.write();
    };
    Queue::new("flag-log", MOST_WAITING, Some(Arc::new(write)))
}

/// Runs `work` without a log.
pub(crate) fn silently<T>(work: impl FnOnce() -> T) -> T {
    with_default(&Dispatch::none(), work)
}
