//! Publishers killed and stopped at each of their steps, under the eyes of readers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::{OpenError, Publisher, PublisherOptions, Stopper};
use flagstaff_reader::Reader;
use flagstaff_tests::process::Process;
use flagstaff_tests::step_list::{FROM_BEFORE_A_REBOOT, FROM_NOTHING};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use flagstaff_torture::boots::make_old;
use flagstaff_torture::steady;
use rustix::process::Signal;
use tempfile::TempDir;

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
            let mut publisher = Publisher::open(stage.path(), &PublisherOptions::default()).unwrap();
            publisher.publish(&steady::payload(1, 10)).unwrap();
            publisher.close().unwrap();
            make_old(&stage.path()).unwrap();
        }
        stage
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("flags.flagstaff")
    }

    fn role(&self, role: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
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

        let mut next =
            Publisher::wait_and_open(stage.path(), &PublisherOptions::default(), &Stopper::new()).unwrap();
        let before = next.generation();
        next.publish(&steady::payload(1000, 10)).unwrap();
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
        match Publisher::open(stage.path(), &PublisherOptions::default()) {
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
