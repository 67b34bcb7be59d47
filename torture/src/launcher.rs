//! Starts a role as a process.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::problem::Problem;
use crate::process::Process;

/// A program that plays roles, see [`crate::role::main`]. Start processes on a thread that lives as long as they do: the kernel ties
/// a child to the thread that made it.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Launcher {
    /// Starts `program` with `arguments` before all others.
    pub fn new<A: Into<OsString>>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Launcher {
        Launcher { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// The command of a role. Its process group is its own, so that Ctrl-C goes to the parent alone, which then ends its children.
    pub fn command(&self, role: &str, path: &Path, arguments: &[&str]) -> Command {
        self.dressed(Command::new(&self.program), role, path, arguments)
    }

    /// As [`Launcher::command`], started by another command, which must `exec` the program without a fork.
    pub(crate) fn behind(&self, mut command: Command, role: &str, path: &Path) -> Command {
        command.arg(&self.program);
        self.dressed(command, role, path, &[])
    }

    fn dressed(&self, mut command: Command, role: &str, path: &Path, arguments: &[&str]) -> Command {
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("FLAGSTAFF_") || name == "SOASAP_API_KEY" {
                command.env_remove(name);
            }
        }
        command.args(&self.arguments).arg(std::process::id().to_string()).arg(role).arg(path);
        command.args(arguments).process_group(0);
        command
    }

    /// Starts a role.
    pub fn start(&self, role: &str, path: &Path, arguments: &[&str]) -> Result<Process, Problem> {
        Process::start(self.command(role, path, arguments))
    }
}
