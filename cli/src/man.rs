//! `flagstaff man`: manual pages, for packages. Not in the help.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;

/// Write a manual page for each command into a directory
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// A directory that exists, for example target/man
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    /// `command` is the whole command line.
    pub(crate) fn run(self, command: clap::Command) -> Result<(), Failure> {
        let failed =
            |source| Failure::Io { action: "write manual pages to", path: self.folder.clone(), source };
        // So that it is the same on every machine, whatever the width of the terminal.
        clap_mangen::generate_to(command.disable_help_subcommand(true), &self.folder).map_err(failed)
    }
}
