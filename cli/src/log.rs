//! The log, on stderr.

use std::env;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

const VARIABLE: &str = "VEXIL_LOG";

/// What is logged unless the variable says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    /// For the publisher, whose log is all that it says.
    Info,
    /// For commands that answer on stdout.
    Warn,
}

/// Starts the log.
pub(crate) fn start(level: Level) -> Result<(), Failure> {
    let default = match level {
        Level::Info => "info",
        Level::Warn => "warn",
    };
    let wanted = env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let wanted = wanted.unwrap_or_else(|| default.to_owned());
    let filter =
        EnvFilter::try_new(&wanted).map_err(|source| Failure::LogFilter { found: wanted, source })?;
    let mut filter = filter;
    for library in ["ureq=info", "ureq_proto=info"] {
        // Below this they log what goes over the wire, and a server may say the key back.
        let directive =
            library.parse().map_err(|source| Failure::LogFilter { found: library.to_owned(), source })?;
        filter = filter.add_directive(directive);
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
        .with_writer(io::stderr)
        // A stderr that is closed must not end a publisher: the subscriber would complain about it on stderr, and panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}
