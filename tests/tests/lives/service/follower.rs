//! The command `flagstaff run`: it follows the stream of the service, or a file, and its log may go where nobody reads.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_torture::Process;
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::process::Signal;

use super::Service;
use crate::hosts::{Outcome, PATIENCE};
use crate::step::Step;

/// It is killed when this is dropped.
pub(super) struct Follower {
    process: Process,
    is_stopped: bool,
    /// Both ends of its stderr, full.
    _unread: Option<File>,
}

impl Follower {
    /// SIGSTOP.
    pub(super) fn stop(&mut self) {
        self.process.signal(Signal::STOP);
        self.is_stopped = true;
    }

    /// SIGCONT.
    pub(super) fn go_on(&mut self) {
        self.process.signal(Signal::CONT);
        self.is_stopped = false;
    }

    /// SIGTERM, and a clean end.
    pub(super) fn close(mut self) -> Outcome {
        self.go_on();
        // From then on a stop is a clean one.
        let status = format!("/proc/{}/status", self.process.id());
        let catches = |text: &str| {
            let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default() & 1 << 14
                != 0
        };
        let begun = Instant::now();
        while !std::fs::read_to_string(&status).is_ok_and(|text| catches(&text)) && begun.elapsed() < PATIENCE
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.process.signal(Signal::TERM);
        let ended = self.process.wait(PATIENCE).map_err(|problem| problem.to_string())?;
        if ended.success() { Ok(()) } else { Err(format!("`run` ended with {ended}: {}", self.log())) }
    }

    /// Its process, if that goes on.
    pub(super) fn awake(&self) -> Option<u32> {
        (!self.is_stopped).then(|| self.process.id())
    }

    /// Its process, if that is stopped.
    pub(super) fn stopped(&self) -> Option<u32> {
        self.is_stopped.then(|| self.process.id())
    }

    /// What it said where somebody reads.
    pub(super) fn log(&self) -> String {
        self.process.stderr()
    }
}

impl Service {
    /// One at a time.
    pub(super) fn start(&mut self, how: &Step) -> Outcome {
        if self.run.is_some() {
            return Ok(());
        }
        let mut run = match how {
            Step::StartOther(_) => {
                let mut run = self.place.flagstaff("run");
                run.arg("--source").arg(self.place.join("source.json"));
                run
            }
            _ => self.place.run_command(&self.server.url()),
        };
        // The oracle of these lives expects every good payload to be published.
        run.args(["--guard", "off"]);
        let mut unread = None;
        if *how == Step::StartUnread {
            let pipe = self.place.join("log");
            unread = Some(full_pipe(&pipe));
            run = with_log(&run, &pipe);
        }
        let process = Process::start(run).map_err(|problem| problem.to_string())?;
        self.run = Some(Follower { process, is_stopped: false, _unread: unread });
        Ok(())
    }
}

/// A named pipe with no room for a single byte, held open.
fn full_pipe(path: &Path) -> File {
    // Of one before.
    let _ = std::fs::remove_file(path);
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
    let flags = OFlags::NONBLOCK.bits() as i32;
    let mut pipe = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    for block in [4096, 1] {
        while pipe.write(&vec![b'x'; block]).is_ok_and(|bytes| bytes > 0) {}
    }
    assert_eq!(pipe.write(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
    pipe
}

/// The same program, with that as its stderr.
fn with_log(command: &Command, log: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>\"$0\""]).arg(log).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}
