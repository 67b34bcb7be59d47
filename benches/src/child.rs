//! Other processes of a benchmark: this program again in a role, told and heard line by line.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Outcome;

/// A process that is killed when this is dropped.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // An error is a process that has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program in one of its roles.
pub(crate) fn role(role: &str) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

/// A role that reads and writes lines; killed when this is dropped.
pub(crate) struct Talk {
    process: Killed,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    pub(crate) fn start(command: &mut Command) -> Outcome<Talk> {
        let mut child = command.spawn()?;
        let (to, from) = (child.stdin.take().ok_or("no stdin")?, child.stdout.take().ok_or("no stdout")?);
        Ok(Talk { process: Killed(child), to, from: BufReader::new(from).lines() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }

    pub(crate) fn say(&mut self, line: impl std::fmt::Display) -> Outcome<()> {
        Ok(writeln!(self.to, "{line}")?)
    }

    /// The next line of the process.
    pub(crate) fn line(&mut self) -> Outcome<String> {
        Ok(self.from.next().ok_or("a process of the benchmark ended")??)
    }
}

/// Writes a line for the process that started this one.
pub(crate) fn answer(line: impl std::fmt::Display) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// KiB in a field of a kernel's file about a process.
pub(crate) fn kib(file: &str, field: &str) -> Outcome<f64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
