//! `flagstaff completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  flagstaff completions bash > ~/.local/share/bash-completion/completions/flagstaff
  flagstaff completions zsh > ~/.zfunc/_flagstaff
  flagstaff completions fish > ~/.config/fish/completions/flagstaff.fish";

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "flagstaff", &mut script);
        let mut output = Output::lock();
        output.text(&String::from_utf8_lossy(&script))?;
        output.flush()
    }
}
