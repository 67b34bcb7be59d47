//! The program, run once or kept running.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// For whatever must come at all. Generous, because tests share two cores with others.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The program without anything from the environment of the tests.
pub(crate) fn flagstaff<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FLAGSTAFF_")
            || name == "SOASAP_API_KEY"
            || name == "NOTIFY_SOCKET"
        {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a program that has ended left.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the command to its end.
pub(crate) fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap();
    Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the command with something on its stdin.
pub(crate) fn answer_to(command: &mut Command, input: &str) -> Answer {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may end without reading everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with a snapshot file in it, or room for one.
#[derive(Debug)]
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// With flags that have been published and a publisher that is gone.
    pub(crate) fn with(flags: &str) -> Folder {
        let folder = Folder::new();
        let answer = answer(folder.flagstaff(["publish"]).arg(folder.file("flags.json", flags)));
        assert_eq!(answer.code, Some(0), "{answer:?}");
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.path().join("flags.flagstaff")
    }

    /// Writes a file whole: to another name, then over the old one.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let (path, new) = (self.path().join(name), self.path().join(format!("{name}.new")));
        fs::write(&new, content).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    /// The program with the snapshot of this folder.
    pub(crate) fn flagstaff<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = flagstaff(arguments);
        command.env("FLAGSTAFF_FILE", self.snapshot());
        command
    }

    pub(crate) fn run<const N: usize>(&self, arguments: [&str; N]) -> Answer {
        answer(&mut self.flagstaff(arguments))
    }
}

/// A program that runs, killed at the end of the test.
pub(crate) struct Running {
    child: Child,
    out: Lines,
    err: Lines,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Lines::of(child.stdout.take().unwrap());
        let err = Lines::of(child.stderr.take().unwrap());
        Running { child, out, err }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line on stderr that contains `text`.
    pub(crate) fn logs(&mut self, text: &str) -> String {
        self.err.wait_for(text)
    }

    /// Waits for a line on stdout that contains `text`.
    pub(crate) fn says(&mut self, text: &str) -> String {
        self.out.wait_for(text)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "it does not end; log:\n{}", self.err.read.join("\n"));
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// All that it said and logged, after its end.
    pub(crate) fn everything(&mut self) -> String {
        self.out.rest();
        self.err.rest();
        format!("{}\n{}", self.out.read.join("\n"), self.err.read.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub(crate) fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// A pipe in which there is no room for a single byte.
pub(crate) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reading, writing) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writing, true).unwrap();
    while rustix::io::write(&writing, &[b'x'; 512]).is_ok() {}
    while rustix::io::write(&writing, b"x").is_ok() {}
    // The flag is that of the pipe's end, which the program is to find as a shell makes it.
    rustix::io::ioctl_fionbio(&writing, false).unwrap();
    (reading, writing)
}

/// Waits until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Lines that a process writes, as they come.
struct Lines {
    coming: Receiver<String>,
    read: Vec<String>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Lines {
        let (sender, coming) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Lines { coming, read: Vec::new() }
    }

    fn wait_for(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            match self.coming.recv_timeout(LIMIT.saturating_sub(start.elapsed())) {
                Ok(line) => {
                    self.read.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("expected {text:?}, found:\n{}", self.read.join("\n"))
                }
            }
        }
    }

    fn rest(&mut self) {
        self.read.extend(self.coming.iter());
    }
}
