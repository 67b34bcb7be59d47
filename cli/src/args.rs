//! The command line. The arguments of each command stand with the command.

use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use flagstaff_format::layout;

use crate::accept::Accept;
use crate::completions::Completions;
use crate::demo::Demo;
use crate::dump::Dump;
#[cfg(feature = "metrics")]
use crate::exporter::Exporter;
use crate::get::Get;
use crate::history;
use crate::log::{Format, Level};
use crate::man::Man;
use crate::overriding::SetOverride;
use crate::publish::Publish;
use crate::rollback::Rollback;
use crate::run::Run;
use crate::serve::Serve;
use crate::status::Status;
#[cfg(feature = "top")]
use crate::top::Top;
#[cfg(feature = "torture")]
use crate::torture::Torture;
use crate::verify::Verify;
use crate::watch::Watch;

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (snapshot format {})", env!("CARGO_PKG_VERSION"), layout::VERSION));

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  a negative result: missing flag, no snapshot, stale, damaged, refused, another publisher
  2  wrong use: arguments, API key, base URL

Errors:
  The last line on stderr. With --json it is an object: {\"error\": {\"kind\": \"no_flag\", \"message\": \"..\", \"exit_code\": 1}}

Environment:
  FLAGSTAFF_FILE, FLAGSTAFF_CACHE_DIR, FLAGSTAFF_BASE_URL, FLAGSTAFF_API_KEY or SOASAP_API_KEY: the same as the options
  FLAGSTAFF_LOG: what is logged to stderr, for example debug or flagstaff_publisher=trace

Examples:
  FLAGSTAFF_API_KEY=... flagstaff run
  flagstaff run --source flags.json --file /run/flags.flagstaff
  flagstaff get new-checkout --file /run/flags.flagstaff
  flagstaff status --check --max-age 60s --file /run/flags.flagstaff";

/// Feature flags in shared memory: one publisher per host, every other process reads them from one mapped file.
#[derive(Debug, Parser)]
#[command(name = "flagstaff", version = VERSION.as_str(), propagate_version = true, max_term_width = 110)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Get(Get),
    Dump(Dump),
    Watch(Watch),
    Status(Status),
    #[cfg(feature = "top")]
    Top(Top),
    Verify(Verify),
    Publish(Publish),
    #[command(name = "override")]
    Override(SetOverride),
    Accept(Accept),
    Log(history::Log),
    Show(history::Show),
    Diff(history::Diff),
    Rollback(Rollback),
    Serve(Serve),
    #[cfg(feature = "metrics")]
    Exporter(Exporter),
    Demo(Demo),
    #[cfg(feature = "torture")]
    Torture(Torture),
    Completions(Completions),
    #[command(hide = true)]
    Man(Man),
}

impl Command {
    /// What is logged, and how.
    pub(crate) fn log(&self) -> (Level, Format) {
        match self {
            Command::Run(Run { log_format, .. }) | Command::Serve(Serve { log_format, .. }) => {
                (Level::Info, *log_format)
            }
            _ => (Level::Warn, Format::Text),
        }
    }

    /// Whether errors are JSON as well.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Command::Get(Get { json, .. })
            | Command::Dump(Dump { json, .. })
            | Command::Watch(Watch { json, .. })
            | Command::Status(Status { json, .. })
            | Command::Verify(Verify { json, .. })
            | Command::Override(SetOverride { json, .. })
            | Command::Accept(Accept { json, .. })
            | Command::Log(history::Log { json, .. })
            | Command::Diff(history::Diff { json, .. })
            | Command::Rollback(Rollback { json, .. })
            | Command::Publish(Publish { json, .. }) => *json,
            #[cfg(feature = "top")]
            Command::Top(Top { json, .. }) => *json,
            #[cfg(feature = "torture")]
            Command::Torture(Torture { json, .. }) => *json,
            _ => false,
        }
    }
}
