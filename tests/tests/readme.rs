//! The shell blocks of README.md, pasted one after the other into one terminal, print what README.md says; so do those of the tutorial
//! that needs no Python.
//!
//! Blocks after a `<!-- command: NAME -->` are left out, because they build: `.ci/run` reads and runs `run` and `test`, and
//! `python/tests/test_readme.py` the block `python`. `cargo install --path cli` is replaced too: the command that is already built
//! is put where cargo would install it. The flag server gets a free port instead of 7878.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use flagstaff_tests::blocks::{Step, matches, steps_of};
use rustix::process::{Pid, Signal, kill_process_group};

const INSTALL: &str = "cargo install --path cli --locked\n";
const EXPORT: &str = "export PATH=\"$HOME/.cargo/bin:$PATH\"\n";
const PORT: &str = "7878";
const DEADLINE: Duration = Duration::from_secs(60);

/// One shell in a fresh folder. All that it has started ends with it.
struct Terminal {
    shell: Child,
    keyboard: ChildStdin,
    screen: Receiver<String>,
    folder: tempfile::TempDir,
}

impl Terminal {
    fn open() -> Terminal {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("bash")
            .args(["--noprofile", "--norc", "-eu"])
            .current_dir(&folder)
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        let (sender, screen) = mpsc::channel();
        let output = BufReader::new(shell.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Terminal { keyboard: shell.stdin.take().unwrap(), shell, screen, folder }
    }

    /// Pastes a block and waits until all that it should print is there, also what processes in the background print.
    fn paste(&mut self, script: &str, expected: &[String]) {
        let end = "== the block is over ==";
        self.keyboard.write_all(format!("{script}\necho '{end}'\n").as_bytes()).unwrap();
        let (mut found, mut is_over) = (Vec::new(), false);
        while !(is_over && matches(expected, &found)) {
            match self.screen.recv_timeout(DEADLINE) {
                Ok(line) if line == end => is_over = true,
                Ok(line) => found.push(line),
                Err(error @ (RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected)) => {
                    let stderr = fs::read_to_string(self.folder.path().join("stderr")).unwrap();
                    panic!("{error}\n{script}\nexpected {expected:#?}\nfound {found:#?}\nstderr:\n{stderr}");
                }
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.shell), Signal::KILL);
        let _ = self.shell.wait();
    }
}

/// Pastes `first` and all blocks of a document, and returns how many those are.
fn paste_all(document: &str, first: &str) -> usize {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut terminal = Terminal::open();
    // Where cargo would install it.
    let installed = terminal.folder.path().join(".cargo/bin");
    fs::create_dir_all(&installed).unwrap();
    symlink(fs::canonicalize(flagstaff_tests::binary()).unwrap(), installed.join("flagstaff")).unwrap();

    terminal.paste(first, &[]);
    let steps: Vec<Step> = steps_of(document).into_iter().filter(|step| step.name.is_none()).collect();
    for step in &steps {
        let script = step.script.replace(INSTALL, "").replace(PORT, &port);
        let script = script.replace("flagstaff serve ", &format!("flagstaff serve --port {port} "));
        let expected: Vec<String> = step.expected.iter().map(|line| line.replace(PORT, &port)).collect();
        terminal.paste(&script, &expected);
    }
    steps.len()
}

#[test]
fn the_blocks_of_the_readme_can_be_pasted_one_after_the_other_and_print_what_it_says() {
    let install = format!("{INSTALL}{EXPORT}");
    assert_eq!(steps_of("README.md").iter().filter(|step| step.script.contains(&install)).count(), 1);
    assert!(paste_all("README.md", "") >= 4);
}

#[test]
fn the_blocks_of_the_tutorial_for_rust_can_be_pasted_one_after_the_other() {
    assert_eq!(paste_all("docs/tutorial-rust-prefork.md", EXPORT), 3);
}

#[test]
fn the_readme_names_the_commands_that_others_run() {
    let names: Vec<String> = steps_of("README.md").into_iter().filter_map(|step| step.name).collect();
    assert_eq!(names, ["run", "python", "test"]);
}
