//! What the background says to the log.
//!
//! A subscriber may take locks, such as that of stderr, and a thread of the parent may have held them at a fork: in the child
//! they are taken for ever. A publisher that logs would then stand still, with the lock of the host. So the threads of the
//! background log nothing by themselves. What they have to say goes through a [`Queue`] to a thread that may stand still.

use std::fmt::Display;
use std::sync::Arc;

use flagstaff_publisher::{Notice, Outcome, Queue, Refusals, printable};
use tracing::dispatcher::{Dispatch, with_default};

use crate::process::MOST_WAITING;

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
    pub(crate) fn of_notice(notice: &Notice<'_>, refusals: &mut Refusals) -> Option<Line> {
        match notice {
            Notice::Payload(Outcome::Published { generation, flags, changes, took, .. }) => Some(Line::Info(
                format!("published generation {generation}: {flags} flags; {changes}; in {took:?}"),
            )),
            Notice::Lost(failure) => {
                let text = format!("no stream; serving the last snapshot: {}", with_causes(failure));
                // A wrong key, for one, does not pass by itself: somebody has to do something.
                Some(if failure.is_transient() { Line::Warning(text) } else { Line::Error(text) })
            }
            // No cause: it may quote a value.
            Notice::Refused(error) => match refusals.one_more()? {
                0 => Some(Line::Error(format!("serving the last snapshot: {error}"))),
                more => Some(Line::Error(format!(
                    "serving the last snapshot: {error} ({more} more refusals were not shown)"
                ))),
            },
            _ => None,
        }
    }

    fn write(self) {
        // Keys, and what servers answer, are in it, and what the subscriber does with a line end is not known.
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

/// The message with those of its causes that it does not contain already.
fn with_causes(error: &dyn std::error::Error) -> impl Display {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = text + ": " + &more;
        }
        cause = error.source();
    }
    text
}
