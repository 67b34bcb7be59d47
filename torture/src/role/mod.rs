//! What a child process does. It reports its progress line by line on stdout, and ends when its stdin ends.
//!
//! | role | is |
//! |---|---|
//! | `check`, `pool-reader` | a reader with checked values; one of very many |
//! | `publish`, `write` | a whole publisher at full speed; a writer of prepared archives at full speed |
//! | `rate` | a publisher at a given rate that measures itself |
//! | `stand-by`, `hold` | a publisher that waits for the lock; one that forks while it holds it |
//! | `steps`, `steady`, `succeed` | a publisher that dies or stops at a named step, its reader, its successor |
//! | `poke` | writes to files on command, for a process that looks at them |
//! | `durable` | a publisher that waits for the disk after each publish |
//! | `damage` | a reader of a file that it damages |
//! | `full`, `limited` | a publisher on a full disk; one with a limit on the size of files |

mod damage;
mod disk;
mod lock;
pub(crate) mod poke;
mod publisher;
mod reader;
mod stdio;
mod steps;

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::problem::with_causes;

pub(crate) use damage::payload as damaged_payload;
pub use disk::durable_with;
use stdio::number;
pub use stdio::{Outcome, ending_with_stdin, say};
pub use steps::check_steadily;

/// From now on the kernel sends this process a signal when its parent ends, however that happens.
pub fn end_with_parent(parent: Pid, signal: Signal) -> std::io::Result<()> {
    set_parent_process_death_signal(Some(signal))?;
    // It may have ended before the call above.
    if getppid() == Some(parent) { Ok(()) } else { Err(std::io::Error::other("the parent has ended")) }
}

/// Runs the role that `arguments` name, as a [`crate::Launcher`] writes them: `<pid of the parent> <role> <path> [<argument> ..]`.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [parent, role, path, arguments @ ..] = arguments else {
        say("failed: expected a process id, a role and a path");
        return ExitCode::FAILURE;
    };
    let tied = number(&parent.to_string_lossy()).map_err(Box::<dyn Error>::from).and_then(|parent| {
        let parent = Pid::from_raw(parent).ok_or("a process id is not 0")?;
        // A stopped process takes no other signal.
        Ok(end_with_parent(parent, Signal::KILL)?)
    });
    if let Err(error) = tied {
        say(&format!("failed: {error}"));
        return ExitCode::FAILURE;
    }
    if role != "poke" {
        let _ = ending_with_stdin();
    }
    let arguments: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    play(&role.to_string_lossy(), Path::new(path), &arguments)
}

/// Runs a role. The caller has called [`ending_with_stdin`] if the role ends with stdin.
pub fn play(role: &str, path: &Path, arguments: &[String]) -> ExitCode {
    let outcome = match role {
        "check" => reader::check(path, arguments),
        "pool-reader" => reader::pool_reader(path, arguments),
        "publish" => publisher::publish(path),
        "write" => publisher::write(path),
        "rate" => publisher::at_rate(path, arguments),
        "stand-by" => lock::stand_by(path),
        "hold" => lock::hold(path),
        "steps" => steps::publish(path, arguments),
        "steady" => steps::read(path),
        "succeed" => steps::succeed(path),
        "poke" => poke::poke(path),
        "durable" => disk::durable(path, arguments),
        "damage" => damage::damage(path, arguments),
        "full" => disk::full(path),
        "limited" => disk::limited(path),
        other => Err(format!("there is no role {other}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("wrong: {}", with_causes(&*error)));
            ExitCode::FAILURE
        }
    }
}
