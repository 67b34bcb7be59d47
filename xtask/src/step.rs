//! One command of a task, announced before and timed after it runs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// One line per step that failed, in order. Never empty.
#[derive(Debug)]
pub(crate) struct Failures(pub(crate) Vec<String>);

/// Collects failures, so that one run shows all of them.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    failures: Vec<String>,
}

impl Steps {
    /// Runs the command with empty standard input. Returns whether it was good.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> bool {
        let line = command_line(command);
        println!("\n== {name}: {line}");
        let begun = Instant::now();
        // No input: a step that asks something would wait for ever where nobody sits in front of it.
        let ended = command.stdin(Stdio::null()).status();
        let seconds = begun.elapsed().as_secs_f64();
        let problem = match ended {
            Ok(status) if status.success() => {
                println!("== {name}: good, {seconds:.1} s");
                return true;
            }
            Ok(status) => format!("{status}"),
            Err(error) => format!("cannot be started: {error}"),
        };
        eprintln!("== {name}: FAILED ({problem}), {seconds:.1} s");
        self.failures.push(format!("{name}: {problem}; again with: {line}"));
        false
    }

    pub(crate) fn fail(&mut self, message: String) {
        eprintln!("== {message}");
        self.failures.push(message);
    }

    pub(crate) fn finish(self) -> Result<(), Failures> {
        if self.failures.is_empty() { Ok(()) } else { Err(Failures(self.failures)) }
    }
}

/// As it would be typed, with the environment that this task sets.
fn command_line(command: &Command) -> String {
    let mut words: Vec<String> = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    let program = Path::new(command.get_program());
    words.push(program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["clippy", "--", "-D", "it's"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(command_line(&command), r"RUSTDOCFLAGS='-D warnings' cargo clippy -- -D 'it'\''s'");
    }

    #[test]
    fn a_failed_step_is_remembered_and_the_next_one_still_runs() {
        let mut steps = Steps::default();
        assert!(!steps.run("bad", &mut Command::new("false")));
        assert!(!steps.run("missing", &mut Command::new("no-such-program-here")));
        assert!(steps.run("good", &mut Command::new("true")));
        let Failures(failures) = steps.finish().unwrap_err();
        assert_eq!(failures.len(), 2);
        assert!(failures[0].contains("exit status: 1"), "{failures:?}");
        assert!(failures[1].contains("cannot be started"), "{failures:?}");
    }
}
