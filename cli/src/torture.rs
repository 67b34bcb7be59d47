//! `flagstaff torture`: checks this machine and this file system.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use clap::builder::PossibleValuesParser;
use flagstaff_torture::{CHECKS, Launcher, Plan, Report, Verdict, role};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::output::{self, Output};

/// The hidden first argument of a child process.
const CHILD: &str = "torture-child";

/// How long the running check may take to end after a signal.
const PATIENCE: Duration = Duration::from_secs(3);

const EXAMPLES: &str = "\
Examples:
  flagstaff torture /var/lib/flagstaff
  flagstaff torture /dev/shm --seconds 300
  flagstaff torture . --only lock --only mapping --json | jq .checks";

/// Check this machine and file system: kill publishers, start many readers, damage files
///
/// Starts publishers and readers as child processes, in a new folder inside DIR that is removed at the end, also after Ctrl-C. Exit
/// code 1 if anything is found; each finding comes with the command that repeats its check. Other files in DIR are not touched,
/// and its disk is not filled: the checks take up to about 100 MiB.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Torture {
    /// An existing directory on the file system that will hold the snapshot file
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// About how long it takes
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,

    /// Repeat the random choices of another run; scheduling still differs [default: another seed each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Only this check, after the first one; can be given several times
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(CHECKS.iter().map(|check| check.name)))]
    only: Vec<String>,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs as a child process, if this is the command line of one.
pub(crate) fn child(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, word, arguments @ ..] = arguments else { return None };
    (word == CHILD).then(|| role::main(arguments))
}

impl Torture {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if !self.folder.is_dir() {
            return Err(Failure::BadOption {
                option: "DIR",
                found: self.folder.display().to_string(),
                expected: "a directory that exists: a new one might be on another file system".to_owned(),
            });
        }
        let program =
            env::current_exe().map_err(|source| Failure::System { action: "find this program", source })?;
        let plan = Plan::new(&self.folder)
            .seconds(self.seconds)
            .seed(self.seed.unwrap_or_else(any_seed))
            .only(self.only.clone());
        let stop = listen(&plan.workplace())?;
        let launcher = Launcher::new(program, [CHILD]);
        let report = plan.run(&launcher, &stop, &progress);
        if self.json {
            output::json(&report)?;
        } else {
            print(&report)?;
        }
        let findings = report.checks.iter().map(|check| check.findings.len()).sum();
        match report.is_good() {
            true => Ok(()),
            false if findings > 0 => Err(Failure::Findings { findings }),
            false => Err(Failure::Interrupted),
        }
    }
}

/// Short, so that it is easy to type.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() ^ u128::from(std::process::id())) as u64 % 1_000_000
}

/// Progress goes to stderr, because stdout has the report.
fn progress(line: &str) {
    let mut stderr = io::stderr().lock();
    // Without a stderr there is still the report.
    let _ = match stderr.is_terminal() {
        true => writeln!(stderr, "\x1b[2m{line}\x1b[0m"),
        false => writeln!(stderr, "{line}"),
    };
}

/// A signal ends the running check and leaves the others out. If that check does not end in time, this process ends: its children end
/// with it, and the folder is removed here.
fn listen(workplace: &Path) -> Result<Arc<AtomicBool>, Failure> {
    let failed = |action| move |source| Failure::System { action, source };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed("listen for signals"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let (of_thread, workplace) = (stop.clone(), workplace.to_owned());
    let watch = move || {
        for _ in signals.forever() {
            if !of_thread.swap(true, Ordering::Relaxed) {
                progress("stops; the remaining checks are not run");
                let workplace = workplace.clone();
                thread::spawn(move || {
                    thread::sleep(PATIENCE);
                    let _ = std::fs::remove_dir_all(workplace);
                    std::process::exit(1);
                });
            }
        }
    };
    let started = thread::Builder::new().name("flag-signals".to_owned()).spawn(watch);
    started.map_err(failed("start a thread"))?;
    Ok(stop)
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut output = Output::lock();
    output.line(&format!("{}, seed {}, {:.0} s\n", report.folder, report.seed, report.seconds))?;
    for check in &report.checks {
        let verdict = match check.verdict {
            Verdict::Good => "good",
            Verdict::Bad => "BAD",
            _ => "not run",
        };
        output.line(&format!("{:<12} {verdict:<8} {}", check.name, check.about))?;
        for did in &check.did {
            output.line(&format!("             - {did}"))?;
        }
        for note in &check.notes {
            output.line(&format!("             ! {note}"))?;
        }
        for finding in &check.findings {
            output.line(&format!("             FOUND: {finding}"))?;
            output.line(&format!("             again with: {}", check.again))?;
        }
    }
    let count: usize = report.checks.iter().map(|check| check.findings.len()).sum();
    let last = match count {
        0 if report.interrupted => "interrupted: nothing found so far".to_owned(),
        0 => "nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    output.line(&format!("\n{last}"))?;
    output.flush()
}
