//! A stdout, a terminal or a service manager that reads nothing, or is gone.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::termios::{LocalModes, tcgetattr};

use crate::program::{Answer, Folder, answer, full_pipe, kill, until};

/// More than any stop takes on a loaded machine.
const SOON: Duration = Duration::from_secs(10);

/// A child that is killed at the end of the test.
struct Started(Child);

impl Started {
    fn end(&mut self) -> ExitStatus {
        until("it ends", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }

    /// Sends a signal and waits for the end.
    fn ends_after(&mut self, signal: Signal) -> ExitStatus {
        let start = Instant::now();
        kill(self.0.id(), signal);
        let status = self.end();
        assert!(start.elapsed() < SOON, "{status} after {:?}", start.elapsed());
        status
    }

    /// Waits until some thread of it waits for room in a pipe.
    fn waits_for_its_reader(&self) {
        let tasks = format!("/proc/{}/task", self.0.id());
        let waits = |task: io::Result<fs::DirEntry>| {
            let at = fs::read_to_string(task.unwrap().path().join("wchan"));
            at.is_ok_and(|at| at.contains("pipe_write"))
        };
        until("it waits for its reader", || fs::read_dir(&tasks).unwrap().any(waits));
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn publish(folder: &Folder, n: u64) {
    let source = folder.file("flags.json", &format!(r#"{{"n":{n}}}"#));
    let answer = answer(folder.flagstaff(["publish"]).arg(source));
    assert_eq!(answer.code, Some(0), "{answer:?}");
}

/// What a shell calls `flagstaff ... | sleep 100`.
#[test]
fn a_command_whose_answer_nobody_reads_holds_up_nobody_and_ends_with_the_first_sigterm() {
    let folder = Folder::with(r#"{"n":0}"#);
    let source = folder.file("own.json", r#"{"n":0,"own":1}"#);
    let source = source.to_str().unwrap();
    let commands: [&[&str]; 8] = [
        &["watch"],
        &["watch", "--json"],
        &["top", "--json"],
        &["status"],
        &["status", "--json"],
        &["dump"],
        &["get", "n"],
        &["publish", source],
    ];
    for (n, arguments) in (1..).zip(commands) {
        let (_reading, writing) = full_pipe();
        let mut command = folder.flagstaff(arguments);
        let mut started = Started(command.stdout(writing).stderr(Stdio::null()).spawn().unwrap());
        started.waits_for_its_reader();
        // Also `publish` has given everything back by now.
        publish(&folder, n);
        assert_eq!(folder.run(["get", "n"]).out, format!("{n}\n"), "{arguments:?}");
        assert_eq!(started.ends_after(Signal::TERM).signal(), Some(Signal::TERM.as_raw()), "{arguments:?}");
    }
}

/// What it says, with a stdout whose reader is gone.
fn without_reader(mut command: Command) -> Answer {
    let (reading, writing) = io::pipe().unwrap();
    drop(reading);
    let child = command.stdout(writing).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    Answer { code: output.status.code(), out: String::new(), err: String::from_utf8(output.stderr).unwrap() }
}

/// Whoever reads the output has read enough: exit code 0, and not a word.
#[test]
fn a_command_whose_reader_is_gone_ends_with_0_and_without_a_word() {
    let folder = Folder::with(r#"{"n":0}"#);
    let large: Vec<_> = (0..20_000).map(|i| format!(r#""flag-{i}":"some text""#)).collect();
    let large = folder.file("large.json", &format!("{{{}}}", large.join(",")));
    assert_eq!(answer(folder.flagstaff(["publish"]).arg(&large)).code, Some(0));
    let other = folder.file("other.json", r#"{"n":1}"#);
    let commands: [&[&str]; 12] = [
        &["watch"],
        &["watch", "--json"],
        &["top", "--json"],
        &["status"],
        &["status", "--json"],
        &["dump"],
        &["dump", "--pretty"],
        &["get", "flag-1"],
        &["verify"],
        &["completions", "bash"],
        &["--help"],
        &["publish", other.to_str().unwrap()],
    ];
    for arguments in commands {
        let answer = without_reader(folder.flagstaff(arguments));
        assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
    assert_eq!(folder.run(["get", "n"]).out, "1\n", "it was published all the same");
    let server = without_reader(folder.flagstaff(["serve", "--port", "0"]));
    assert_eq!(server.code, Some(0), "{server:?}");
    assert!(!server.err.contains("panicked"), "{server:?}");
}

#[test]
fn a_watch_whose_reader_leaves_later_ends_with_the_next_change() {
    let folder = Folder::with(r#"{"n":0}"#);
    let mut command = folder.flagstaff(["watch"]);
    let mut watch = Started(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(watch.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("generation 1"), "{line}");
    publish(&folder, 1);
    assert_eq!(watch.end().code(), Some(0));
    assert_eq!(io::read_to_string(watch.0.stderr.take().unwrap()).unwrap(), "");
}

/// Symptom: `flagstaff serve` with a stdout that nobody read could not be stopped. Cause: it waited for the reader of its first line, and listened
/// to signals behind that. Fix: another thread writes the line.
#[test]
fn a_flag_server_whose_address_nobody_reads_can_be_stopped() {
    let folder = Folder::new();
    let (_reading, writing) = full_pipe();
    let mut command = folder.flagstaff(["serve", "--port", "0"]);
    let mut server = Started(command.stdout(writing).stderr(Stdio::null()).spawn().unwrap());
    server.waits_for_its_reader();
    assert_eq!(server.ends_after(Signal::TERM).code(), Some(0));
}

/// Symptom: `flagstaff top` on a terminal that took no more bytes (stopped with Ctrl-S, a dead ssh) could not be stopped: the signal was
/// seen between two pictures only. Fix: a second after the signal it ends without another byte, with the modes of the terminal as they were.
#[test]
fn a_live_screen_on_a_terminal_that_takes_nothing_can_be_stopped() {
    let folder = Folder::with(r#"{"n":0}"#);
    let (pty, pts) = pty_process::blocking::open().unwrap();
    pty.resize(pty_process::Size::new(24, 80)).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK;
    let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap();
    let back = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
    // The kernel moves bytes from one buffer to another behind it: until there is no room for a while.
    let quiet = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    while poll(&mut [PollFd::new(&back, PollFlags::OUT)], Some(&quiet)).unwrap() > 0 {
        while rustix::io::write(&back, &[b'x'; 64]).is_ok() {}
        while rustix::io::write(&back, b"x").is_ok() {}
    }

    let program = folder.flagstaff(["top"]);
    let command = pty_process::blocking::Command::new(program.get_program());
    let command =
        command.args(program.get_args()).env("TERM", "xterm").env("FLAGSTAFF_FILE", folder.snapshot());
    let mut top = Started(command.spawn(pts).unwrap());
    let modes = || tcgetattr(pty.as_fd()).unwrap().local_modes;
    until("it has taken the terminal", || !modes().contains(LocalModes::ICANON));
    assert_eq!(top.ends_after(Signal::TERM).code(), Some(0));
    assert!(modes().contains(LocalModes::ICANON | LocalModes::ECHO), "{:?}", modes());
}

/// Symptom: a publisher whose service manager read nothing published nothing, and no SIGTERM ended it. Cause: it waited for room in the
/// socket of the service manager, before its first publish, and in the thread that hears signals. Fix: it waits 0.2 s, and stops first.
#[test]
fn a_service_manager_that_reads_nothing_holds_up_neither_publishing_nor_a_stop() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"n":1}"#);
    let socket = folder.path().join("notify");
    let _manager = UnixDatagram::bind(&socket).unwrap();
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"x", &socket).is_ok() {}

    let mut command = folder.flagstaff(["run", "--source"]);
    command.arg(source).env("NOTIFY_SOCKET", &socket).stdout(Stdio::null()).stderr(Stdio::null());
    let mut publisher = Started(command.spawn().unwrap());
    until("the flags are there", || folder.run(["get", "n"]).out == "1\n");
    assert_eq!(publisher.ends_after(Signal::TERM).code(), Some(0));
}

/// The orderly end hangs in a connection that nobody answers, for up to a second. The next signal does not wait for that.
#[test]
fn a_second_sigterm_ends_a_publisher_whose_orderly_end_hangs() {
    // A listener that accepts nothing, with more connections than it queues: the next one waits for its time limit.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut queued = Vec::new();
    while let Ok(client) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(client);
    }
    let folder = Folder::new();
    let mut command = folder.flagstaff(["run", "--connect-timeout", "60", "--base-url"]);
    command.arg(format!("http://{address}")).env("FLAGSTAFF_API_KEY", "k");
    // With a log that nobody reads, whose last lines are another wait of the orderly end.
    let (_reading, writing) = full_pipe();
    let mut publisher = Started(command.stdout(Stdio::null()).stderr(writing).spawn().unwrap());
    until("the link is being made", || folder.run(["status", "--json"]).out.contains("connecting"));
    let start = Instant::now();
    // Signals that come before the first one is handled are one.
    while publisher.0.try_wait().unwrap().is_none() {
        kill(publisher.0.id(), Signal::TERM);
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = publisher.end();
    println!("{status} after {:?}", start.elapsed());
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()), "{status}");
    assert!(start.elapsed() < SOON);
}

/// Symptom: a process that got SIGBUS stood still in its handler when nobody read stderr. Cause: a write that waits.
///
/// Another one: sometimes it was ended by the signal itself, without exit code. Cause: more than one thread met the missing pages, and after the first
/// the default action was set. Fix: it is not.
#[test]
fn a_publisher_of_a_file_that_is_cut_off_ends_although_nobody_reads_why() {
    for _ in 0..5 {
        cut_off_a_publisher();
    }
}

fn cut_off_a_publisher() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"a":1}"#);
    let (_reading, writing) = full_pipe();
    let mut command = folder.flagstaff(["run", "--source"]);
    let mut publisher = Started(command.arg(source).stdout(Stdio::null()).stderr(writing).spawn().unwrap());
    until("flags", || folder.run(["get", "a"]).out == "1\n");
    let start = Instant::now();
    crate::shortening::shorten(&folder.snapshot());
    assert_eq!(publisher.end().code(), Some(1));
    println!("ended after {:?}", start.elapsed());
    assert!(start.elapsed() < SOON);
}

/// A file that is full is no reason to wait either: what cannot be written is said, with exit code 1.
#[test]
fn an_answer_that_cannot_be_written_is_a_failure_with_its_reason() {
    let folder = Folder::with(r#"{"n":0}"#);
    for arguments in [&["status"][..], &["dump"], &["watch"], &["top", "--json"], &["get", "n"]] {
        let mut command = folder.flagstaff(arguments);
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("cannot write to stdout: No space left") && !said.contains("panicked"),
            "{said}"
        );
    }
}
