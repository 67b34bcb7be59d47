//! The log, on stderr.

use std::env;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

const VARIABLE: &str = "VEXIL_LOG";

/// What is logged unless the variable says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    /// For the publisher and the flag server, whose log is all that they say.
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
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
        .with_writer(io::stderr)
        // A stderr that is closed must not end a publisher: the subscriber would complain about it on stderr, and panic.
        .log_internal_errors(false)
        .init();
    // The HTTP library logs through `log`, and below this level what goes over the wire, where a server may say the key
    // back. No directive of the filter reaches past this. After `init`, which sets it from the filter.
    log::set_max_level(log::LevelFilter::Info);
    Ok(())
}
