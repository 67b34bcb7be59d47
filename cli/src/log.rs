//! The log, on stderr.
//!
//! Whoever logs never waits for whoever reads: lines go through a bounded queue to a thread that may stand still, with a full pipe for
//! example. What did not fit is counted, and said when there is room again.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flagstaff_publisher::{Queue, printable};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format;

use crate::failure::Failure;

const VARIABLE: &str = "FLAGSTAFF_LOG";

/// Lines that wait for a reader of stderr.
const MOST_WAITING: usize = 1024;

/// How long the end of the program waits for somebody who reads its last lines.
const PATIENCE: Duration = Duration::from_millis(500);

static LINES: LazyLock<Queue<Vec<u8>>> = LazyLock::new(|| {
    let write = |line: Vec<u8>, dropped| {
        let mut stderr = io::stderr().lock();
        // Without a stderr there is nobody to tell.
        let _ = match dropped {
            0 => Ok(()),
            dropped => {
                writeln!(
                    stderr,
                    "flagstaff: {dropped} lines of this log were dropped, because nobody read it"
                )
            }
        };
        let _ = stderr.write_all(&line);
    };
    Queue::new("flag-log", MOST_WAITING, Some(Arc::new(write)))
});

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
    let field = |writer: &mut format::Writer<'_>, field: &tracing::field::Field, value: &dyn fmt::Debug| {
        // Keys, names of files, and what servers answer: none of it may end the line or move the cursor.
        let value = format!("{value:?}");
        match field.name() {
            "message" => write!(writer, "{}", printable(&value)),
            name => write!(writer, "{name}={}", printable(&value)),
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
        .fmt_fields(format::debug_fn(field).delimited(" "))
        .with_writer(|| Line)
        // A stderr that is closed must not end a publisher: the subscriber would complain about it on stderr, and panic.
        .log_internal_errors(false)
        .init();
    // The HTTP library logs through `log`, and below this level what goes over the wire, where a server may say the key
    // back. No directive of the filter reaches past this. After `init`, which sets it from the filter.
    log::set_max_level(log::LevelFilter::Info);
    Ok(())
}

/// Says a line on stderr that does not come from the log, behind what does.
pub(crate) fn say(text: &str) {
    LINES.push(format!("{}\n", printable(text)).into_bytes());
}

/// Waits for what waits, as long as the end of a program may take.
pub(crate) fn finish() {
    LINES.flush(PATIENCE);
}

/// Takes one line of the log: the subscriber writes each in one piece.
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
