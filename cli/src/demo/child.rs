//! How this program is one of the demo's processes: `flagstaff demo-child <pid of the demo> <command line>`.
//!
//! Not a part of the command line that people see, in help and completions.

use std::ffi::{OsStr, OsString};

use clap::Parser as _;
use flagstaff_torture::role::end_with_parent;
use rustix::process::{Pid, Signal};

use super::reader::DemoReader;
use crate::args::Cli;
use crate::failure::Failure;

/// The word that says so.
pub(super) const CHILD: &str = "demo-child";
/// The command line of a reader; every other one is an ordinary command.
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

    pub(crate) fn run(self) -> Result<(), Failure> {
        self.end_with_parent()?;
        if self.arguments.first().is_some_and(|word| word == READER) {
            return DemoReader::parse_from(self.arguments).run();
        }
        let program = OsStr::new("flagstaff").to_owned();
        crate::execute(Cli::parse_from([program].into_iter().chain(self.arguments)))
    }

    /// From now on the kernel ends this process when the demo ends, however that happens.
    fn end_with_parent(&self) -> Result<(), Failure> {
        end_with_parent(self.parent, Signal::TERM)
            .map_err(|source| Failure::System { action: "tie this process to the demo", source })
    }
}
