//! Publishers killed and stopped at each of their steps, under the eyes of readers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use vexil_publisher::lock::{Cancel, LockError};
use vexil_publisher::{OpenError, Options, Publisher};
use vexil_reader::Reader;
use vexil_tests::process::Process;
use vexil_tests::steady;
use vexil_tests::wait::{DEADLINE, wait_until};
use vexil_torture::boots::make_old;

/// What a publisher does, from a cache of the SDK without a snapshot file to a clean end. A step that is not here, or here
/// and never reached, fails the test: then all of them are tried.
const FROM_NOTHING: &[&str] = &[
    "checkpoint",
    "checkpoint: reserve checkpoint",
    "checkpoint: store durable",
    "checkpoint: store reserved",
    "checkpoint: store reserved 2",
    "checkpoint: sync",
    "checkpoint: write archive of checkpoint",
    "checkpoint: write frame of checkpoint",
    "end",
    "end: the last checkpoint is written",
    "end: the lock is given back",
    "import",
    "import: the cache is read",
    "lock",
    "lock: held",
    "lock: taken",
    "lock: the file is open",
    "open",
    "open: create",
    "open: mode",
    "open: open",
    "open: remove",
    "open: rename",
    "open: reserve header",
    "open: reserve slot",
    "open: reserve slot 2",
    "open: size",
    "open: store generation word",
    "open: store reserved",
    "open: store reserved 2",
    "open: sync",
    "open: sync directory",
    "open: write header",
    "publish",
    "publish: reserve slot",
    "publish: reserve slot 2",
    "publish: store event word",
    "publish: store generation word",
    "publish: store generation word 2",
    "publish: store places",
    "publish: store reserved",
    "publish: store reserved 2",
    "publish: write archive of slot",
    "publish: write frame of slot",
    "start",
    "supersede",
    "supersede: create",
    "supersede: mode",
    "supersede: open",
    "supersede: owner",
    "supersede: remove",
    "supersede: rename",
    "supersede: reserve checkpoint",
    "supersede: reserve header",
    "supersede: reserve slot",
    "supersede: reserve slot 2",
    "supersede: size",
    "supersede: store durable",
    "supersede: store event word",
    "supersede: store generation word",
    "supersede: store generation word 2",
    "supersede: store places",
    "supersede: store reserved",
    "supersede: store reserved 2",
    "supersede: store reserved 3",
    "supersede: sync",
    "supersede: sync directory",
    "supersede: write archive of checkpoint",
    "supersede: write archive of slot",
    "supersede: write frame of checkpoint",
    "supersede: write frame of slot",
    "supersede: write header",
];

/// What it does besides, if it finds a file from before a reboot.
const FROM_BEFORE_A_REBOOT: &[&str] = &[
    "take over",
    "take over: create",
    "take over: mode",
    "take over: open",
    "take over: open 2",
    "take over: owner",
    "take over: remove",
    "take over: rename",
    "take over: reserve checkpoint",
    "take over: reserve header",
    "take over: reserve slot",
    "take over: reserve slot 2",
    "take over: size",
    "take over: store durable",
    "take over: store event word",
    "take over: store generation word",
    "take over: store generation word 2",
    "take over: store places",
    "take over: store reserved",
    "take over: store reserved 2",
    "take over: store reserved 3",
    "take over: sync",
    "take over: sync directory",
    "take over: write archive of checkpoint",
    "take over: write archive of slot",
    "take over: write frame of checkpoint",
    "take over: write frame of slot",
    "take over: write header",
];

/// How long it takes at most until the next publisher has published.
const TAKE_OVER: Duration = Duration::from_secs(1);

/// A folder in memory, where that is possible: the time of a real disk is not what this is about.
struct Stage {
    folder: TempDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Nothing,
    BeforeReboot,
}

impl Stage {
    fn new(start: Start) -> Stage {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let stage = Stage { folder };
        fs::write(stage.folder.path().join("cache.json"), steady::payload(1, 10)).unwrap();
        if start == Start::BeforeReboot {
            let mut publisher = Publisher::open(stage.path(), &Options::default()).unwrap();
            let _ = publisher.publish(&steady::payload(1, 10)).unwrap();
            publisher.close().unwrap();
            make_old(&stage.path()).unwrap();
        }
        stage
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("flags.vexil")
    }

    fn role(&self, role: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vexil-test-role"));
        command.arg(role).arg(self.path()).args(arguments);
        Process::start(command)
    }

    /// A process that reads, ready to see what comes.
    fn reader(&self) -> Process {
        let reader = self.role("steady", &[]);
        reader.expect_line("ready");
        reader
    }
}

/// The steps of a publisher that nobody disturbs, in order.
fn steps(start: Start) -> Vec<String> {
    let stage = Stage::new(start);
    let mut publisher = stage.role("steps", &[]);
    publisher.expect_line("ended");
    assert!(publisher.wait(DEADLINE).success(), "{}", publisher.stderr());
    publisher.stdout().lines().filter_map(|line| Some(line.strip_prefix("step ")?.to_owned())).collect()
}

/// All steps with the start that leads there.
fn all() -> impl Iterator<Item = (Start, &'static str)> {
    let from = |start, steps: &'static [&'static str]| steps.iter().map(move |step| (start, *step));
    from(Start::Nothing, FROM_NOTHING).chain(from(Start::BeforeReboot, FROM_BEFORE_A_REBOOT))
}

#[test]
fn every_step_of_a_publisher_is_listed_and_every_listed_step_is_reached() {
    let nothing = steps(Start::Nothing);
    let mut reboot = steps(Start::BeforeReboot);
    reboot.retain(|step| !nothing.contains(step));
    for (start, mut found, listed) in
        [(Start::Nothing, nothing, FROM_NOTHING), (Start::BeforeReboot, reboot, FROM_BEFORE_A_REBOOT)]
    {
        let mut listed = listed.to_vec();
        // Threads take turns as they like.
        found.sort_unstable();
        listed.sort_unstable();
        assert_eq!(found, listed, "{start:?}: these are the steps, compared with the list");
    }
}

#[test]
fn a_publisher_killed_at_any_step_disturbs_no_reader_and_is_succeeded_within_a_second() {
    let (mut slowest, mut kills, begun) = (Duration::ZERO, 0, Instant::now());
    for (start, step) in all() {
        let stage = Stage::new(start);
        let mut reader = stage.reader();
        let mut publisher = stage.role("steps", &[step]);
        let status = publisher.wait(DEADLINE);
        assert_eq!(status.signal(), Some(9), "{step}: was not reached; {}", publisher.stderr());
        let died = Instant::now();

        let mut next = Publisher::wait_and_open(stage.path(), &Options::default(), &Cancel::new()).unwrap();
        let before = next.generation();
        let _ = next.publish(&steady::payload(1000, 10)).unwrap();
        let took = died.elapsed();
        assert!(next.generation() > before && took < TAKE_OVER, "{step}: taken over in {took:?}");
        slowest = slowest.max(took);
        reader.expect_line("n=1000");
        end(&mut reader, step);
        next.close().unwrap();
        kills += 1;
    }
    let took = begun.elapsed();
    eprintln!("{kills} kills in {took:.1?}; the slowest next publisher had published after {slowest:.1?}");
}

#[test]
fn a_publisher_stopped_at_any_step_disturbs_no_reader_has_no_rival_and_goes_on() {
    let begun = Instant::now();
    let steps: Vec<_> = all().collect();
    // Most of the time goes into waiting for the file to be made anew.
    std::thread::scope(|scope| {
        for quarter in 0..4 {
            let steps = steps.iter().skip(quarter).step_by(4);
            scope.spawn(move || steps.for_each(|(start, step)| stop_at(*start, step)));
        }
    });
    eprintln!("{} stops in {:.1?}", steps.len(), begun.elapsed());
}

fn stop_at(start: Start, step: &str) {
    let stage = Stage::new(start);
    let mut reader = stage.reader();
    let mut publisher = stage.role("steps", &[step, "stop"]);
    wait_until(step, DEADLINE, || publisher.is_stopped() || !publisher.is_running());
    assert!(publisher.is_running(), "{step}: was not reached; {}", publisher.stderr());

    // Readers go on with what there is.
    let here = Reader::attach(stage.path());
    let mut newest = 0;
    for _ in 0..200 {
        if steady::number(&here).is_some() {
            newest = steady::look(&here, newest).unwrap_or_else(|what| panic!("{step}: {what}"));
        }
    }
    if !["lock", "lock: the file is open"].contains(&step) {
        match Publisher::open(stage.path(), &Options::default()) {
            Err(OpenError::Lock(LockError::Held { .. })) => {}
            other => panic!("{step}: a second publisher: {other:?}"),
        }
    }
    publisher.signal(Signal::CONT);
    assert!(publisher.wait(DEADLINE).success(), "{step}: {}", publisher.stderr());
    reader.expect_line("n=5");
    end(&mut reader, step);
}

/// The reader has seen nothing wrong until its end.
fn end(reader: &mut Process, step: &str) {
    reader.close_stdin();
    let status = reader.wait(DEADLINE);
    assert!(status.success(), "{step}: {}{}", reader.stdout(), reader.stderr());
}
