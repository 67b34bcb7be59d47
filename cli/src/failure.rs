//! What goes wrong: its message, its kind for machines, and the exit code.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use flagstaff_format::WriteError;
use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::payload::{DEFAULT_MAX_PAYLOAD, PayloadError};
use flagstaff_publisher::sse::{ApiKeyError, EndpointError};
use flagstaff_publisher::{CloseError, CommandError, PublishError, RunError, with_causes};
use flagstaff_reader::OpenError;
use serde::Serialize;

use crate::host::{Need, denied};
use crate::log::BadFilter;

/// Why a command does not end with exit code 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("no snapshot file named; give --file, or an API key with FLAGSTAFF_API_KEY or --api-key-file")]
    NoFile,
    #[error(
        "no snapshot file was found; looked at what processes have mapped, and into {places}; name one with --file"
    )]
    NoneFound { places: String },
    #[error("no API key; set FLAGSTAFF_API_KEY, or give --api-key-file")]
    NoKey,
    #[error("no cache directory known for this user; give --cache-dir or --file")]
    NoCacheDir,
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    #[error(transparent)]
    BaseUrl(#[from] EndpointError),
    #[error(
        "variable FLAGSTAFF_LOG is {found:?}, expected a filter such as debug or flagstaff_publisher=trace"
    )]
    LogFilter { found: String, source: tracing_subscriber::filter::ParseError },
    #[error("{option} is {found:?}, expected {expected}")]
    BadOption { option: &'static str, found: String, expected: String },

    #[error(transparent)]
    Open(OpenError),
    #[error(
        "{} is a JSON file, not a snapshot; publish it with `flagstaff publish {} --file {}`, and give that snapshot as --file",
        path.display(), path.display(), path.with_extension("flagstaff").display()
    )]
    JsonFile { path: PathBuf },
    #[error("nothing has been published to {} yet", path.display())]
    NothingPublished { path: PathBuf },
    #[error("no flag {key:?} in generation {generation} of {}{}", path.display(), did_you_mean(close))]
    NoFlag { key: String, generation: flagstaff_reader::Generation, path: PathBuf, close: Vec<String> },
    #[error("flag {key:?} is {found}, expected {expected}")]
    OtherKind { key: String, found: &'static str, expected: &'static str },
    #[error("flags may be stale: {0}")]
    Stale(String),
    #[error("{}: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{found} changes within {seconds} s, expected {expected}")]
    TooFewChanges { found: u64, expected: u64, seconds: f64 },

    #[error(transparent)]
    Publisher(flagstaff_publisher::OpenError),
    #[error(
        "publisher lock {} is held by another publisher{by}; stop that one first, or use `flagstaff run`, which waits and takes over",
        lock.display()
    )]
    Held { lock: PathBuf, by: String },
    #[error("payload refused: {}", refused(path, error))]
    Payload { path: PathBuf, error: PayloadError },
    #[error("payload refused: {} has more than {DEFAULT_MAX_PAYLOAD} bytes; publish fewer or smaller flags", path.display())]
    TooLarge { path: PathBuf },
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("readers have generation {generation} in memory, but it would not survive a reboot: {source}")]
    NotOnDisk { generation: flagstaff_reader::Generation, source: CloseError },
    #[error("no payload is held for {}", path.display())]
    NothingHeld { path: PathBuf },
    #[error("snapshot {number} of the history of {} cannot be read; `flagstaff log` lists those that can", path.display())]
    NotInHistory { number: u64, path: PathBuf, source: io::Error },
    #[error("there is no flag {} in snapshot {number}", crate::show::key(key))]
    NotInSnapshot { key: String, number: u64 },
    #[error("{} holds no flags: expected a snapshot file, or one JSON object with a member for each flag", path.display())]
    NoFlags { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Run(#[from] RunError),

    #[error(transparent)]
    Serve(#[from] flagstaff_server::StartError),
    #[error("{origin} does not hold a usable token")]
    Token { origin: String, source: flagstaff_server::TokenError },

    #[error(
        "stdout is no terminal that can show a live screen; use `flagstaff top --json --count 1`, or `flagstaff status`"
    )]
    NoTerminal,
    #[error("demo: {0}")]
    Demo(String),
    #[error("{findings} findings; the report has a command for each that runs its check again")]
    Findings { findings: usize },
    #[error("interrupted: the checks that were left out may fail")]
    Interrupted,

    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {action}")]
    System { action: &'static str, source: io::Error },
    #[error("cannot write to stdout")]
    Output(#[source] io::Error),
    #[error("cannot write a value as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<BadFilter> for Failure {
    fn from(BadFilter(found, source): BadFilter) -> Failure {
        Failure::LogFilter { found, source }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        match error {
            // Its own advice is to remove the file.
            OpenError::NotASnapshot { path, .. } if is_json(&path) => Failure::JsonFile { path },
            error => Failure::Open(error),
        }
    }
}

/// A failure for machines, on stderr.
#[derive(Debug, Serialize)]
struct Report<'a> {
    error: ErrorReport<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorReport<'a> {
    kind: &'static str,
    message: String,
    exit_code: u8,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    did_you_mean: &'a [String],
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            // The reader of stdout has read enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Failure::Serve(error) if error.is_wrong_use() => 2,
            _ if ["usage", "no_file", "no_api_key", "no_cache_dir", "api_key", "base_url", "token"]
                .contains(&self.kind()) =>
            {
                2
            }
            _ => 1,
        }
    }

    /// One word for machines. It stays, the message may change.
    fn kind(&self) -> &'static str {
        match self {
            Failure::Usage(_)
            | Failure::BadOption { .. }
            | Failure::LogFilter { .. }
            | Failure::NoTerminal => "usage",
            Failure::NoFile => "no_file",
            Failure::NoneFound { .. } => "none_found",
            Failure::NoKey => "no_api_key",
            Failure::NoCacheDir => "no_cache_dir",
            Failure::ApiKey(_) => "api_key",
            Failure::BaseUrl(_) => "base_url",
            Failure::Token { .. } => "token",
            _ if self.denied_path().is_some() => "permission_denied",
            Failure::Open(OpenError::Missing { .. }) => "no_snapshot",
            Failure::Open(_) | Failure::JsonFile { .. } => "not_a_usable_snapshot",
            Failure::NothingPublished { .. } => "nothing_published",
            Failure::NoFlag { .. } => "no_flag",
            Failure::OtherKind { .. } => "other_type",
            Failure::Stale(_) => "stale",
            Failure::Damaged { .. } => "damaged",
            Failure::TooFewChanges { .. } => "too_few_changes",
            Failure::Held { .. } => "held",
            Failure::Payload { .. } | Failure::TooLarge { .. } => "payload_refused",
            Failure::Publish(PublishError::Payload(_) | PublishError::Build(_)) => "payload_refused",
            Failure::Publisher(_) | Failure::Publish(_) | Failure::Run(_) => "publisher",
            Failure::NothingHeld { .. } => "nothing_held",
            Failure::NotInHistory { .. } => "not_in_history",
            Failure::NotInSnapshot { .. } => "not_in_snapshot",
            Failure::NoFlags { .. } => "no_flags",
            Failure::Command(_) => "command",
            Failure::NotOnDisk { .. } => "not_on_disk",
            Failure::Serve(_) => "serve",
            Failure::Demo(_) => "demo",
            Failure::Findings { .. } => "findings",
            Failure::Interrupted => "interrupted",
            Failure::Io { .. } | Failure::System { .. } | Failure::Output(_) => "io",
            Failure::Json(_) => "json",
        }
    }

    /// Whether `get --default` may stand in for the value.
    pub(crate) fn is_missing_value(&self) -> bool {
        matches!(self, Failure::NoFlag { .. } | Failure::OtherKind { .. } | Failure::NothingPublished { .. })
    }

    /// The message with its causes, and why a file may not be used.
    pub(crate) fn text(&self) -> String {
        let mut text = with_causes(self);
        if let Some(why) = self.denied_path().and_then(|(path, need)| denied(path, need)) {
            text.push_str("; ");
            text.push_str(&why);
        }
        text
    }

    /// The same as one line of JSON.
    pub(crate) fn json(&self) -> String {
        let did_you_mean = if let Failure::NoFlag { close, .. } = self { close.as_slice() } else { &[] };
        let (kind, message, exit_code) = (self.kind(), self.text(), self.code());
        let report = Report { error: ErrorReport { kind, message, exit_code, did_you_mean } };
        // Numbers and texts alone cannot fail.
        serde_json::to_string(&report).unwrap_or_default()
    }

    /// The file that this user may not use, if that is what went wrong.
    fn denied_path(&self) -> Option<(&Path, Need)> {
        use flagstaff_publisher::OpenError as CannotPublish;
        let (path, need, source) = match self {
            Failure::Open(OpenError::Io { path, source, .. }) => (path, Need::Read, source),
            Failure::Io { path, source, .. } => (path, Need::Read, source),
            Failure::Publisher(CannotPublish::Lock(LockError::Open { path, source }))
            | Failure::Publisher(CannotPublish::File(WriteError::Io { path, source, .. }))
            | Failure::Publish(PublishError::File(WriteError::Io { path, source, .. })) => {
                (path, Need::Write, source)
            }
            Failure::Publisher(CannotPublish::File(WriteError::Open(OpenError::Io {
                path, source, ..
            }))) => (path, Need::Write, source),
            _ => return None,
        };
        (source.kind() == io::ErrorKind::PermissionDenied).then_some((path.as_path(), need))
    }
}

fn did_you_mean(keys: &[String]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
    match keys.as_slice() {
        [] => String::new(),
        [key] => format!("; did you mean {key}?"),
        [keys @ .., last] => format!("; did you mean {} or {last}?", keys.join(", ")),
    }
}

/// What is wrong with a payload, with its file and the position in it, each once.
fn refused(path: &Path, error: &PayloadError) -> String {
    let path = if path == Path::new("-") { "stdin".into() } else { path.display().to_string() };
    match error {
        PayloadError::NotJson { line, column, source } => {
            // The parser names the position too.
            let what = source.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            format!("{path}, line {line}, column {column}: not valid JSON: {what}")
        }
        PayloadError::NotUtf8 { at, .. } => {
            format!("{path}, byte {at}: not UTF-8; save it as UTF-8")
        }
        error => format!("{path}: {error}"),
    }
}

/// Whether a file looks like JSON: flags that were not published yet.
fn is_json(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_end(&mut start));
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start();
    read.is_ok() && start.first().is_some_and(|first| b"{[".contains(first))
}
