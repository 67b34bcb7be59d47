//! The command line. The arguments of each command stand with the command.

use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use flagstaff_format::layout;

use crate::completions::Completions;
use crate::demo::Demo;
use crate::dump::Dump;
use crate::get::Get;
use crate::publish::Publish;
use crate::run::Run;
use crate::serve::Serve;
use crate::status::Status;
use crate::top::Top;
use crate::torture::Torture;
use crate::verify::Verify;
use crate::watch::Watch;

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (snapshot format {})", env!("CARGO_PKG_VERSION"), layout::VERSION));

const EXIT_CODES: &str = "\
Exit codes:
  0  good
  1  the answer is no: missing flag, no snapshot, stale, damaged, refused, another publisher
  2  wrong use: arguments, API key, base URL

Environment:
  FLAGSTAFF_FILE, FLAGSTAFF_CACHE_DIR, FLAGSTAFF_BASE_URL, FLAGSTAFF_API_KEY or SOASAP_API_KEY: as the options
  FLAGSTAFF_LOG: what goes to stderr, for example debug or flagstaff_publisher=trace

Examples:
  FLAGSTAFF_API_KEY=... flagstaff run
  flagstaff run --source flags.json --file /run/flags.flagstaff
  flagstaff get new-checkout --file /run/flags.flagstaff
  flagstaff status --check --max-age 60s --file /run/flags.flagstaff";

/// Feature flags in shared memory: one publisher per host, every other process reads them from one mapped file.
#[derive(Debug, Parser)]
#[command(name = "flagstaff", version = VERSION.as_str(), propagate_version = true, max_term_width = 110)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true)]
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
    Top(Top),
    Verify(Verify),
    Publish(Publish),
    Serve(Serve),
    Demo(Demo),
    Torture(Torture),
    Completions(Completions),
}
