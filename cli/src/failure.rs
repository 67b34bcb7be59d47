//! What goes wrong, what is said about it, and the exit code.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use flagstaff_publisher::payload::{DEFAULT_MAX_PAYLOAD, PayloadError};
use flagstaff_publisher::sse::{ApiKeyError, EndpointError};
use flagstaff_publisher::{CloseError, PublishError, RunError, with_causes};

use crate::log;

/// Why a command does not end with exit code 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no snapshot file named; give --file, or an API key with FLAGSTAFF_API_KEY or --api-key-file")]
    NoFile,
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
    Open(#[from] flagstaff_reader::OpenError),
    #[error("nothing has been published to {} yet", path.display())]
    NothingPublished { path: PathBuf },
    #[error("no flag {key:?} in generation {generation} of {}", path.display())]
    NoFlag { key: String, generation: flagstaff_reader::Generation, path: PathBuf },
    #[error("flag {key:?} is {found}, expected {expected}")]
    OtherKind { key: String, found: &'static str, expected: &'static str },
    #[error("flags may be stale: {0}")]
    Stale(String),
    #[error("{}: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{found} changes within {seconds} s, expected {expected}")]
    TooFewChanges { found: u64, expected: u64, seconds: f64 },

    #[error(transparent)]
    Publisher(#[from] flagstaff_publisher::OpenError),
    #[error("payload refused: {0}")]
    Payload(#[from] PayloadError),
    #[error("payload refused: {} has more than {DEFAULT_MAX_PAYLOAD} bytes; publish fewer or smaller flags", path.display())]
    TooLarge { path: PathBuf },
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("readers have generation {generation} in memory, but it would not survive a reboot: {source}")]
    NotOnDisk { generation: flagstaff_reader::Generation, source: CloseError },
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
    #[error("findings: {findings}; the report says how to see each again")]
    Tortured { findings: usize },
    #[error("interrupted: what was not tried is not known to hold")]
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

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Failure::NoFile
            | Failure::NoKey
            | Failure::NoCacheDir
            | Failure::ApiKey(_)
            | Failure::BaseUrl(_)
            | Failure::LogFilter { .. }
            | Failure::Token { .. }
            | Failure::NoTerminal
            | Failure::BadOption { .. } => 2,
            Failure::Serve(error) if error.is_wrong_use() => 2,
            // Whoever reads our output has read enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            _ => 1,
        }
    }

    /// Whether a default may stand in for the answer.
    pub(crate) fn is_a_no(&self) -> bool {
        matches!(self, Failure::NoFlag { .. } | Failure::OtherKind { .. } | Failure::NothingPublished { .. })
    }

    /// Writes what is wrong to stderr and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let code = self.code();
        if code != 0 {
            log::say(&format!("flagstaff: {}", with_causes(self)));
        }
        ExitCode::from(code)
    }
}
