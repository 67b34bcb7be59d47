//! The processes of the demo: one publisher, some readers.

use std::env;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use super::child::{CHILD, READER};
use super::message::Message;

/// Number of reader processes.
pub(super) const READERS: usize = 4;

/// A process, killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn kill(&mut self) {
        // Fails only for a process that has ended.
        let _ = self.0.kill();
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.0.wait();
    }
}

/// Starts the processes. Use it on the main thread only: the kernel ties a child to the thread that made it.
#[derive(Debug)]
pub(super) struct Starter {
    program: PathBuf,
    folder: PathBuf,
}

impl Starter {
    pub(super) fn new(folder: &Path) -> io::Result<Starter> {
        Ok(Starter { program: env::current_exe()?, folder: folder.to_owned() })
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.join("flags.flagstaff")
    }

    /// The log of all publishers.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("publisher.log")
    }

    pub(super) fn publisher(&self, url: &str, api_key: &str) -> io::Result<Process> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command();
        command.args(["run", "--base-url", url, "--file"]);
        command.arg(self.snapshot()).env("FLAGSTAFF_API_KEY", api_key);
        command.stdout(Stdio::null()).stderr(log).spawn().map(Process)
    }

    /// Starts a reader. Its messages are sent with its number; `None` is its end.
    pub(super) fn reader(
        &self,
        number: usize,
        messages: Sender<(usize, Option<Message>)>,
    ) -> io::Result<Process> {
        let mut command = self.command();
        command.args([READER, "--number", &number.to_string(), "--file"]);
        let mut child = command.arg(self.snapshot()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        let process = Process(child);
        thread::Builder::new().name(format!("demo-reader-{number}")).spawn(move || {
            let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines());
            for message in lines.map_while(Result::ok).filter_map(|line| Message::parse(&line)) {
                if messages.send((number, Some(message))).is_err() {
                    return;
                }
            }
            // An error means that the demo is over.
            let _ = messages.send((number, None));
        })?;
        Ok(process)
    }

    /// The command, in a process group of its own: Ctrl-C goes to the demo, which then ends its children.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("FLAGSTAFF_") || name == "SOASAP_API_KEY" {
                command.env_remove(name);
            }
        }
        command.args([CHILD, &std::process::id().to_string()]);
        command.stdin(Stdio::null()).process_group(0);
        command
    }
}
