//! The leader of elected clients, killed and stopped at each of its steps, with readers in all of its rivals.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use flagstaff_format::FileId;
use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::sse::ApiKey;
use flagstaff_publisher::{Identity, OpenError, Publisher, PublisherOptions};
use flagstaff_reader::Reader;
use flagstaff_tests::leader_role::FIRST;
use flagstaff_tests::long;
use flagstaff_tests::place::KEY;
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::step_list::{FROM_NOTHING, STREAM};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use flagstaff_torture::steady;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{LEADS, median};

/// Cases that run at the same time. Most of their time is waiting.
const AT_ONCE: usize = 6;

/// How long it takes at most until another process has the lock, on a machine that does much else.
const TAKE_OVER: Duration = Duration::from_secs(5);

/// Steps on the way to the lock, where somebody else may have it.
const WITHOUT_LOCK: &[&str] = &["lock", "lock: the file is open"];

/// What a publisher that is driven by a test does, and a leader does as well, and the stream.
fn steps() -> impl Iterator<Item = &'static str> {
    FROM_NOTHING.iter().chain(STREAM).copied()
}

/// With `FLAGSTAFF_LONG=1` a third process takes part.
fn candidates() -> usize {
    if long::is_wanted() { 3 } else { 2 }
}

/// Where the flags are to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    OnDisk,
    /// The directory of the file cannot be written.
    InMemory,
}

/// A service, and processes that elect one of them to hear it.
struct Stage {
    folder: TempDir,
    path: PathBuf,
    server: FaultServer,
    processes: Vec<Process>,
    /// The one that was asked to end.
    closing: Option<usize>,
    reader: Reader,
}

impl Stage {
    /// Starts them all. `step` and `signal` are for the first that comes there.
    fn new(flags: Flags, step: Option<&str>, signal: &str) -> Stage {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let server = FaultServer::start();
        let key = ApiKey::new(KEY).unwrap();
        fs::write(Identity::sdk_cache_path(&key, folder.path()), steady::payload(1, 10)).unwrap();
        server.publish(&steady::payload(2, 100));
        let (asked, path) = match flags {
            Flags::OnDisk => (folder.path().join("flags.flagstaff"), folder.path().join("flags.flagstaff")),
            Flags::InMemory => {
                let identity = Identity::of(&server.url(), &key);
                (
                    "/proc/no/such/flags.flagstaff".into(),
                    identity.snapshot_path(&folder.path().join("memory")),
                )
            }
        };
        let start = |_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
            command
                .arg("lead")
                .arg(&asked)
                .args(step.map(|step| [step, signal]).into_iter().flatten())
                .env("FLAGSTAFF_TEST_URL", server.url());
            command.env("FLAGSTAFF_TEST_FOLDER", folder.path());
            Process::start(command)
        };
        let processes = (0..candidates()).map(start).collect();
        let reader = Reader::attach(&path);
        Stage { folder, path, server, processes, closing: None, reader }
    }

    /// The process that was killed or stopped, or has ended.
    fn hit(&mut self) -> Option<usize> {
        let find = |stage: &mut Stage| {
            stage.processes.iter_mut().position(|one| one.is_stopped() || !one.is_running())
        };
        // The kernel frees the lock of a process that dies before others hear of its end.
        if self.folder.path().join(FIRST).exists() {
            wait_until("the end or stop of the one at the step", DEADLINE, || find(self).is_some());
        }
        find(self)
    }

    fn leader(&self) -> Option<usize> {
        self.processes.iter().position(|one| one.stderr().contains(LEADS))
    }

    /// Waits for a condition. `Err` with the process that was hit before it came true.
    fn until(&mut self, what: &str, condition: impl Fn(&Stage) -> bool) -> Result<(), usize> {
        let begun = Instant::now();
        while !condition(self) {
            if let Some(hit) = self.hit() {
                return Err(hit);
            }
            assert!(begun.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
        // What was waited for may be what the step comes after.
        self.hit().map_or(Ok(()), Err)
    }

    fn until_n(&mut self, n: u64) -> Result<(), usize> {
        self.until(&format!("n = {n}"), |stage| steady::number(&stage.reader) == Some(n))
    }

    /// Everything that a leader does. `Err` with the process that was hit on the way.
    fn live(&mut self, step: Option<&str>) -> Result<(), usize> {
        let comes_to = |part: &str| step.is_none_or(|step| step.starts_with(part));
        self.until_n(2)?;
        let (sent, before) = (Instant::now(), self.reader.status().contact_age);
        self.server.heartbeat();
        self.until("a sign of life", |stage| {
            let age = stage.reader.status().contact_age;
            before.is_some() && age.is_some_and(|age| age < sent.elapsed())
        })?;
        self.server.publish(&steady::payload(3, 300_000));
        self.until_n(3)?;
        if comes_to("supersede") {
            let key = ApiKey::new(KEY).unwrap();
            // Older flags than were seen: without a file, a new leader would begin with them.
            fs::remove_file(Identity::sdk_cache_path(&key, self.folder.path())).unwrap();
            let old = FileId::at(&self.path);
            fs::remove_file(&self.path).unwrap();
            self.until("a new file", |stage| FileId::at(&stage.path).is_some_and(|now| Some(now) != old))?;
        }
        self.server.publish(&steady::payload(4, 10));
        self.until("n = 4", |stage| {
            let _ = stage.reader.status();
            steady::number(&stage.reader) == Some(4)
        })?;
        self.until("a checkpoint", |stage| stage.reader.status().durable >= stage.reader.generation())?;
        if comes_to("stream: lost") {
            let requests = self.server.requests().len();
            self.server.cut_streams();
            self.until("another stream", |stage| stage.server.requests().len() > requests)?;
        }
        let leader = self.leader().unwrap();
        self.processes[leader].close_stdin();
        self.closing = Some(leader);
        wait_until("the leader's end", DEADLINE, || self.hit() == Some(leader));
        Err(leader)
    }

    /// What is to be true in the end, of all that were not killed: they see the newest flags, have seen nothing wrong, and one has
    /// published.
    fn end(&mut self, step: &str, killed: Option<usize>) {
        let number = |stage: &Stage| steady::number(&stage.reader) == Some(1000);
        wait_until(&format!("{step}: the newest flags"), DEADLINE, || {
            let _ = self.reader.status();
            number(self)
        });
        let rest = |number: &usize| ![killed, self.closing].contains(&Some(*number));
        for number in (0..self.processes.len()).filter(rest) {
            self.processes[number].expect_line("n=1000");
        }
        self.server.wait_for_streams(1, DEADLINE);
        for (number, one) in self.processes.iter_mut().enumerate() {
            one.close_stdin();
            if Some(number) != killed {
                let status = one.wait(DEADLINE);
                assert!(status.success(), "{step}: {status}: {}{}", one.stdout(), one.stderr());
            }
            let said = one.stdout();
            assert!(!said.contains("wrong"), "{step}: {said}");
        }
    }
}

/// Runs `case` for every step, some at a time.
fn each(steps: &[&'static str], case: impl Fn(&'static str) + Sync) {
    let next = Mutex::new(steps.iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(step) = { next.lock().unwrap().next() } {
                    case(step);
                }
            });
        }
    });
}

#[test]
fn every_step_of_a_leader_is_listed_and_every_listed_step_is_reached() {
    let mut stage = Stage::new(Flags::OnDisk, None, "kill");
    let leader = stage.live(None).unwrap_err();
    assert!(stage.processes[leader].wait(DEADLINE).success(), "{}", stage.processes[leader].stderr());
    let said = stage.processes[leader].stdout();
    let mut found: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("step ")).collect();
    let mut listed: Vec<&str> = steps().collect();
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed, "these are the steps, compared with the list");
}

/// Kills the first that comes to `step`, and says after what time another one had the lock.
fn kill_at(flags: Flags, step: &str) -> Duration {
    let mut stage = Stage::new(flags, Some(step), "kill");
    let dead = stage.live(Some(step)).unwrap_err();
    let status = stage.processes[dead].wait(DEADLINE);
    assert_eq!(status.signal(), Some(9), "{step}: was not reached; {}", stage.processes[dead].stderr());
    let others = |stage: &Stage| {
        let rest = stage.processes.iter().enumerate().filter(|(number, _)| *number != dead);
        rest.filter(|(_, one)| one.stderr().contains(LEADS)).map(|(number, _)| number).collect::<Vec<_>>()
    };
    wait_until(&format!("{step}: another leader"), DEADLINE, || !others(&stage).is_empty());
    let (at, _) = stage.processes[others(&stage)[0]].expect_log(LEADS);
    let led_at = SystemTime::now() - at.elapsed();
    let killed_at = fs::metadata(stage.folder.path().join(FIRST)).and_then(|file| file.modified()).unwrap();
    stage.server.wait_for_streams(1, DEADLINE);
    stage.server.publish(&steady::payload(1000, 10));
    wait_until(&format!("{step}: the next publish"), DEADLINE, || {
        let _ = stage.reader.status();
        steady::number(&stage.reader) == Some(1000)
    });
    assert_eq!(others(&stage).len(), 1, "{step}: leaders");
    stage.end(step, Some(dead));
    // On the way to the lock it may have been another one's.
    led_at.duration_since(killed_at).unwrap_or_default()
}

#[test]
fn a_leader_killed_at_any_step_disturbs_no_reader_and_is_succeeded_by_one_other() {
    let (times, begun) = (Mutex::new(Vec::new()), Instant::now());
    let steps: Vec<_> = steps().collect();
    each(&steps, |step| {
        let took = kill_at(Flags::OnDisk, step);
        assert!(took < TAKE_OVER, "{step}: another process had the lock after {took:?}");
        times.lock().unwrap().push(took);
    });
    let times = times.into_inner().unwrap();
    let (slowest, number) = (times.iter().max().copied().unwrap_or_default(), times.len());
    eprintln!(
        "{number} leaders killed in {:.1?}; another one had the lock after {:?} in the median, {slowest:?} at most",
        begun.elapsed(),
        median(times),
    );
}

#[test]
fn a_leader_that_keeps_flags_in_memory_is_succeeded_there() {
    let steps = [
        "open: rename",
        "open: sync directory",
        "publish: store generation word 2",
        "checkpoint: sync",
        "stream: event",
    ];
    each(&steps, |step| {
        let took = kill_at(Flags::InMemory, step);
        eprintln!("killed at {step}: another one had the lock after {took:?}");
        assert!(took < TAKE_OVER, "{step}: {took:?}");
    });
}

#[test]
fn a_leader_stopped_at_any_step_disturbs_no_reader_has_no_rival_and_goes_on() {
    let begun = Instant::now();
    let steps: Vec<_> = steps().collect();
    each(&steps, stop_at);
    eprintln!("{} leaders stopped in {:.1?}", steps.len(), begun.elapsed());
}

fn stop_at(step: &str) {
    let mut stage = Stage::new(Flags::OnDisk, Some(step), "stop");
    let stopped = stage.live(Some(step)).unwrap_err();
    assert!(stage.processes[stopped].is_running(), "{step}: was not reached");
    if !WITHOUT_LOCK.contains(&step) {
        look_on(&stage, step, stopped);
    }
    stage.processes[stopped].signal(Signal::CONT);
    stage.server.publish(&steady::payload(1000, 10));
    stage.end(step, None);
}

/// While the holder of the lock is stopped: nobody takes over, and readers go on with what there is, which grows older.
fn look_on(stage: &Stage, step: &str, stopped: usize) {
    // So that it sees a file that has come just now.
    let _ = stage.reader.status();
    let (mut newest, first) = (0, steady::number(&stage.reader));
    let mut age = Duration::ZERO;
    stage.server.heartbeat();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(100) {
        if steady::number(&stage.reader).is_some() {
            newest = steady::look(&stage.reader, newest).unwrap_or_else(|what| panic!("{step}: {what}"));
            assert_eq!(Some(newest), first, "{step}: somebody has published");
        }
        if let Some(now) = stage.reader.status().contact_age {
            assert!(now > age, "{step}: {now:?} after {age:?}, and the source was not heard");
            age = now;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    match Publisher::open(&stage.path, &PublisherOptions::default()) {
        Err(OpenError::Lock(LockError::Held { .. })) => {}
        other => panic!("{step}: a second publisher: {other:?}"),
    }
    let rivals = stage.processes.iter().enumerate().filter(|(number, _)| *number != stopped);
    for (_, rival) in rivals {
        assert!(!rival.stderr().contains(LEADS), "{step}: a rival took over: {}", rival.stderr());
    }
}
