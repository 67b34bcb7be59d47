//! The log, on stderr.
//!
//! A thread that logs never waits for the reader of stderr: lines go through a bounded queue to a thread of their own, which may be
//! blocked by a full pipe. Lines that do not fit are counted, and the number is logged when there is room again.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flagstaff_publisher::{Queue, printable};
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{FormatFields, format};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

const VARIABLE: &str = "FLAGSTAFF_LOG";

/// Lines in the queue, at most.
const MOST_WAITING: usize = 1024;

/// How long the end of the program waits until its last lines are read.
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
    /// For the publisher and the flag server, whose log is their only output.
    Info,
    /// For commands whose result goes to stdout.
    Warn,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people: time, level, message, then name=value
    #[default]
    Text,
    /// For machines: one JSON object per line, with timestamp, level, message, event and further members
    Json,
}

/// A filter that cannot be used: the text, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct BadFilter(pub(crate) String, pub(crate) ParseError);

/// Starts the log.
pub(crate) fn start(level: Level, format: Format) -> Result<(), BadFilter> {
    let default = match level {
        Level::Info => "info",
        Level::Warn => "warn",
    };
    let wanted = env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let wanted = wanted.unwrap_or_else(|| default.to_owned());
    let filter = wanted.parse::<Targets>().map_err(|error| BadFilter(wanted, error))?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()))
        .with_writer(|| Line)
        // A stderr that is closed must not end a publisher: the subscriber would complain about it on stderr, and panic.
        .log_internal_errors(false);
    match format {
        Format::Text => subscriber.fmt_fields(ForPeople).finish().with(filter).init(),
        // A value in JSON can neither end the line nor move the cursor: control characters are escaped.
        Format::Json => {
            let subscriber = subscriber.json().flatten_event(true);
            subscriber.with_current_span(false).with_span_list(false).finish().with(filter).init();
        }
    }
    // The HTTP library logs through `log`; below this level it logs what goes over the wire, where a server may return the
    // key. No directive of the filter reaches past this. After `init`, which sets it from the filter.
    log::set_max_level(log::LevelFilter::Info);
    Ok(())
}

/// The message, then `name=value`. Durations are fields in seconds.
struct ForPeople;

impl<'w> FormatFields<'w> for ForPeople {
    fn format_fields<R: RecordFields>(&self, writer: format::Writer<'w>, fields: R) -> fmt::Result {
        let mut line = FieldsOfLine { writer, is_first: true, result: Ok(()) };
        fields.record(&mut line);
        line.result
    }
}

struct FieldsOfLine<'w> {
    writer: format::Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Visit for FieldsOfLine<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match (field.name().strip_suffix("_seconds"), Duration::try_from_secs_f64(value)) {
            (Some(name), Ok(duration)) => self.write(name, &duration),
            _ => self.write(field.name(), &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field.name(), value);
    }
}

impl FieldsOfLine<'_> {
    fn write(&mut self, name: &str, value: &dyn fmt::Debug) {
        // The message says as much.
        if self.result.is_err() || name == "event" {
            return;
        }
        let space = if std::mem::take(&mut self.is_first) { "" } else { " " };
        // Keys, names of files, and responses of servers: none of it may end the line or move the cursor.
        let value = format!("{value:?}");
        let value = printable(&value);
        self.result = match name {
            "message" => write!(self.writer, "{space}{value}"),
            name => write!(self.writer, "{space}{name}={value}"),
        };
    }
}

/// Writes a line to stderr, behind those of the log.
pub(crate) fn say(text: &str) {
    LINES.push(format!("{}\n", printable(text)).into_bytes());
}

/// Waits until the queue is written, as long as the end of a program may take.
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
