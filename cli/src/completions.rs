//! `flagstaff completions`: what a shell needs to complete the command line.

use clap::Args;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  bash, with the package bash-completion:
    mkdir -p ~/.local/share/bash-completion/completions
    flagstaff completions bash > ~/.local/share/bash-completion/completions/flagstaff
  zsh, with `fpath=(~/.zfunc $fpath)` before `compinit` in ~/.zshrc:
    mkdir -p ~/.zfunc
    flagstaff completions zsh > ~/.zfunc/_flagstaff
  fish:
    mkdir -p ~/.config/fish/completions
    flagstaff completions fish > ~/.config/fish/completions/flagstaff.fish";

/// Print completions for a shell
///
/// Prints to stdout, and neither reads nor writes a file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// `command` is the whole command line.
    pub(crate) fn run(self, mut command: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "flagstaff", &mut script);
        let mut output = Output::lock();
        output.text(&String::from_utf8_lossy(&script))?;
        output.flush()
    }
}
