//! What the background says to the log.
//!
//! A subscriber may take locks, such as that of stderr, and a thread of the parent may have held them at a fork: in the child
//! they are taken for ever. A publisher that logs would then stand still, with the lock of the host. So the threads of the
//! background log nothing by themselves. What they have to say goes through a [`Queue`] to a thread that may stand still.

use std::fmt::Display;
use std::sync::Arc;

use tracing::dispatcher::{Dispatch, with_default};
use vexil_publisher::{Notice, Outcome};

use crate::queue::Queue;

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
            Notice::Refused(error) => Some(Line::Error(format!("serving the last snapshot: {error}"))),
            _ => None,
        }
    }

    fn write(self) {
        match self {
            Line::Info(text) => tracing::info!("{text}"),
            Line::Warning(text) => tracing::warn!("{text}"),
            Line::Error(text) => tracing::error!("{text}"),
        }
    }
}

pub(crate) fn queue() -> Queue<Line> {
    Queue::new("vexil-log", Some(Arc::new(|line: Line, _| line.write())))
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
