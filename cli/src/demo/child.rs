//! The demo's child processes are this program: `flagstaff demo-child <pid of the demo> <command line>`, which is not in the help.

use std::ffi::{OsStr, OsString};

use clap::Parser as _;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::reader::DemoReader;
use crate::failure::Failure;

/// The first argument of a child.
pub(super) const CHILD: &str = "demo-child";
/// The command of a reader; any other one is an ordinary command.
pub(super) const READER: &str = "reader";

/// A process of the demo.
#[derive(Debug)]
pub(crate) struct Child {
    parent: Pid,
    arguments: Vec<OsString>,
}

impl Child {
    /// `None`: an ordinary command line.
    pub(crate) fn of(arguments: &[OsString]) -> Option<Child> {
        let [_, word, parent, arguments @ ..] = arguments else { return None };
        let parent = Pid::from_raw(parent.to_str()?.parse().ok()?)?;
        (word == CHILD).then(|| Child { parent, arguments: arguments.to_vec() })
    }

    /// Runs as a reader, or as an ordinary command, which `execute` then runs.
    pub(crate) fn run(
        self,
        execute: impl FnOnce(Vec<OsString>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        end_with_parent(self.parent)?;
        if self.arguments.first().is_some_and(|word| word == READER) {
            return DemoReader::parse_from(self.arguments).run();
        }
        let program = OsStr::new("flagstaff").to_owned();
        execute([program].into_iter().chain(self.arguments).collect())
    }
}

/// From now on the kernel ends this process when the demo ends, however that happens.
fn end_with_parent(parent: Pid) -> Result<(), Failure> {
    let failed = |source| Failure::System { action: "tie this process to the demo", source };
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|error| failed(error.into()))?;
    // It may have ended before the call above.
    let is_there = getppid() == Some(parent);
    is_there.then_some(()).ok_or_else(|| failed(std::io::Error::other("the demo has ended")))
}
