//! Commands to whoever publishes: gives them, and says what became of them.

use std::path::Path;
use std::time::Duration;

use flagstaff_publisher::{Command, Done, send};
use nix::unistd::geteuid;
use serde::Serialize;

use crate::failure::Failure;
use crate::host::user_name;
use crate::output;

/// A publisher takes a command at once; one that is busy, or starts, needs longer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize)]
struct Report<'a> {
    generation: u64,
    done: &'a str,
    has_publisher: bool,
}

/// Gives a command to the publisher of a snapshot file.
pub(crate) fn give(path: &Path, command: Command) -> Result<Done, Failure> {
    Ok(send(path, command, &person(), PATIENCE)?)
}

/// Who runs this.
pub(crate) fn person() -> String {
    let user = user_name(geteuid().as_raw());
    // Root is nobody in particular.
    match std::env::var("SUDO_USER") {
        Ok(person) if geteuid().is_root() && !person.is_empty() => format!("{person} as {user}"),
        _ => user,
    }
}

/// After something that ends by itself.
pub(crate) fn say_that_nobody_ends_it(done: &Done) {
    if !done.has_publisher {
        crate::log::say(
            "flagstaff: no publisher lives: it ends only after one is started, such as `flagstaff run`",
        );
    }
}

/// Prints what was done.
pub(crate) fn said(done: &Done, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let Done { generation, text, has_publisher, .. } = done;
        return output::json(&Report { generation: *generation, done: text, has_publisher: *has_publisher });
    }
    output::line(&format!(
        "{}; readers have generation {}",
        flagstaff_publisher::printable(&done.text),
        done.generation
    ))
}
