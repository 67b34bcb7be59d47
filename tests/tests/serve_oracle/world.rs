//! A server with two environments, all who use it, and what is seen of them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_reader::Reader;
use flagstaff_tests::flag_server::FlagServer;
use flagstaff_tests::place::{KEY, Place, flagstaff};
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::DEADLINE;
use rustix::process::Signal;
use serde_json::Value;

use crate::client::Api;
use crate::ear::{Ear, Stage};
use crate::editor::{beside, edit};
use crate::judge::judge;
use crate::record::{Asked, Edited, Outcome, Record, State};
use crate::step::{Action, ENVIRONMENTS, Step};

const KEYS: [&str; ENVIRONMENTS] = [KEY, "second-environment"];

/// An edit by hand that is neither in the file nor served after so long a rest is gone: the file is looked at twice in half of it.
const REST: Duration = Duration::from_millis(1200);

/// A follower that was cut off again and again waits for a minute at most, see docs/stream.md.
const LONGEST_PAUSE: Duration = Duration::from_secs(75);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// What was done in a run that found nothing.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub bursts: usize,
    pub requests: usize,
    pub edits: usize,
    pub changes: usize,
    pub refused: usize,
    pub events: usize,
    pub kills: usize,
    /// Bursts after which readers of the follower had what was served; in the others it was waiting to connect again.
    pub followed: usize,
}

/// A run that found something.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub burst: usize,
    pub what: String,
}

#[derive(Debug)]
pub(crate) struct World {
    place: Place,
    files: [PathBuf; ENVIRONMENTS],
    server: FlagServer,
    address: SocketAddr,
    stage: Arc<Stage>,
    /// For each environment two streams of flags and one of the page.
    ears: Vec<[Ear; 3]>,
    records: Vec<Record>,
    follower: Process,
    reader: Reader,
    /// When readers of the follower last had what was served.
    followed: Instant,
    tally: Tally,
}

/// What the actors of a burst saw.
#[derive(Debug, Default)]
struct Seen {
    asked: Vec<(usize, Asked)>,
    edited: Vec<(usize, Edited)>,
    wrong: Vec<String>,
}

impl World {
    pub(crate) fn new() -> World {
        let place = Place::new();
        let files = [place.join("first.json"), place.join("second.json")];
        for (file, link) in files.iter().zip(["first-link.json", "second-link.json"]) {
            fs::write(file, "{\n  \"shared-0\": 0,\n  \"shared-1\": \"zero\"\n}\n").unwrap();
            symlink(file, place.join(link)).unwrap();
        }
        let stage = Arc::new(Stage::default());
        stage.life.store(1, Ordering::SeqCst);
        let server = FlagServer::start_command(serve(&files, 0));
        let address = server.address;
        let ears = KEYS.map(|key| {
            ["/api/v1/flags/live", "/api/v1/flags/live", "/api/v1/page/live"]
                .map(|path| Ear::open(address, key, path, &stage))
        });
        // A random life may remove all flags, and the follower is to have what the server says.
        let mut follower = place.run_command(&server.url());
        follower.args(["--guard", "off"]);
        let follower = Process::start(follower);
        let reader = Reader::attach(place.file());
        let began: State = serde_json::from_str("{\"shared-0\": 0, \"shared-1\": \"zero\"}").unwrap();
        let record = Record { began, ..Record::default() };
        World {
            place,
            files,
            server,
            address,
            stage,
            ears: ears.into(),
            records: vec![record.clone(), record],
            follower,
            reader,
            followed: Instant::now(),
            tally: Tally::default(),
        }
    }

    /// Does the steps, burst by burst, until there are none left or the time is over.
    pub(crate) fn run(&mut self, steps: &[Step], until: Instant) -> Result<Tally, Found> {
        for burst in steps.chunk_by(|one, other| one.burst == other.burst) {
            if Instant::now() >= until {
                break;
            }
            let number = burst[0].burst;
            self.burst(burst).map_err(|what| Found { burst: number, what })?;
            self.tally.bursts += 1;
        }
        Ok(self.tally)
    }

    /// What was seen since the server was started.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    fn life(&self) -> u64 {
        self.stage.life.load(Ordering::SeqCst)
    }

    fn api(&self, environment: usize) -> Api {
        Api { address: self.address, key: KEYS[environment] }
    }

    fn burst(&mut self, steps: &[Step]) -> Result<(), String> {
        let seen = Mutex::new(Seen::default());
        let killed = AtomicBool::new(false);
        let mut actors: Vec<_> = steps.iter().map(|step| step.actor).collect();
        actors.sort();
        actors.dedup();
        thread::scope(|scope| {
            for actor in actors {
                let own = steps.iter().filter(move |step| step.actor == actor);
                let (world, seen, killed) = (&*self, &seen, &killed);
                scope.spawn(move || own.for_each(|step| world.act(step, seen, killed)));
            }
        });
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.tally.requests += seen.asked.len();
        self.tally.edits += seen.edited.len();
        for (_, asked) in &seen.asked {
            match &asked.outcome {
                Outcome::Made { changes, .. } => self.tally.changes += changes.len(),
                Outcome::Refused { .. } => self.tally.refused += 1,
                _ => {}
            }
        }
        for (environment, asked) in seen.asked {
            self.records[environment].asked.push(asked);
        }
        for (environment, edited) in seen.edited {
            self.records[environment].edited.push(edited);
        }
        self.records[0].wrong.extend(seen.wrong);
        if killed.into_inner() {
            self.server.process.kill();
            self.tally.kills += 1;
            self.start_again(steps[0].burst)?;
        }
        for environment in 0..ENVIRONMENTS {
            self.settle(environment);
            judge(&self.records[environment]).map_err(|what| format!("environment {environment}: {what}"))?;
        }
        self.follow()
    }

    fn act(&self, step: &Step, seen: &Mutex<Seen>, killed: &AtomicBool) {
        let note = |change: &mut dyn FnMut(&mut Seen)| {
            change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        };
        match &step.action {
            Action::Edit { style, what, spoiled } => {
                match edit(&self.files[step.environment], step, *style, what, *spoiled, killed) {
                    Ok(edited) => note(&mut |seen| seen.edited.push((step.environment, edited.clone()))),
                    Err(wrong) => note(&mut |seen| seen.wrong.push(wrong.clone())),
                }
            }
            _ if killed.load(Ordering::SeqCst) => {}
            Action::Freeze(lasts) => {
                thread::sleep(step.pause);
                self.server.process.signal(Signal::STOP);
                thread::sleep(*lasts);
                self.server.process.signal(Signal::CONT);
            }
            Action::Kill => {
                thread::sleep(step.pause);
                killed.store(true, Ordering::SeqCst);
                self.server.process.signal(Signal::KILL);
            }
            Action::Second { by_link } => {
                if let Err(wrong) = self.second(step, *by_link) {
                    note(&mut |seen| seen.wrong.push(wrong.clone()));
                }
            }
            _ => {
                thread::sleep(step.pause);
                if let Some(asked) = self.api(step.environment).ask(step) {
                    note(&mut |seen| seen.asked.push((step.environment, asked.clone())));
                }
            }
        }
    }

    /// Another server of a file that has one refuses to start, and says who has it.
    fn second(&self, step: &Step, by_link: bool) -> Result<(), String> {
        thread::sleep(step.pause);
        let link = ["first-link.json", "second-link.json"][step.environment];
        let file = if by_link { self.place.join(link) } else { self.files[step.environment].clone() };
        let mut second = Process::start(flagstaff_tests::flag_server::command([file]));
        let begun = Instant::now();
        while second.is_running() {
            if second.stdout().contains("http://") {
                return Err(format!("step {}: a second server was started on the same file", step.place));
            }
            if begun.elapsed() > DEADLINE {
                return Err(format!("step {}: a second server neither starts nor ends", step.place));
            }
            thread::sleep(PAUSE);
        }
        let code = second.wait(DEADLINE).code();
        let said = second.stderr();
        let first = self.server.process.id().to_string();
        if code == Some(0) || !said.contains(&first) {
            return Err(format!(
                "step {}: a second server does not name the first one, {first}: {said}",
                step.place
            ));
        }
        Ok(())
    }

    /// Starts the server that was killed, and judges the life that is over.
    fn start_again(&mut self, burst: usize) -> Result<(), String> {
        let life = self.life();
        let all_ended = || self.ears.iter().flatten().all(|ear| ear.of(life).iter().all(|heard| heard.ended));
        wait(DEADLINE, all_ended);
        let before: Vec<_> = self.files.iter().map(read).collect();
        self.stage.life.store(life + 1, Ordering::SeqCst);
        self.server = FlagServer::start_command(serve(&self.files, self.address.port()));
        for (environment, before) in before.into_iter().enumerate() {
            let mut old = std::mem::take(&mut self.records[environment]);
            self.hear(environment, life, &mut old);
            old.killed_in = Some(burst);
            old.beside = beside(&self.files[environment]);
            let api = self.api(environment);
            let is_there =
                || api.flags().is_some_and(|served| read(&self.files[environment]).as_ref() == Some(&served));
            wait(DEADLINE, is_there);
            old.served = api.flags().unwrap_or_default();
            old.file = read(&self.files[environment]).unwrap_or_default();
            let has_changed = api.history().is_some_and(|(revision, _)| revision > 0);
            let began = if has_changed { before.unwrap_or_default() } else { old.served.clone() };
            self.records[environment] = Record { began, ..Record::default() };
            judge(&old).map_err(|what| format!("environment {environment}, killed: {what}"))?;
        }
        self.ears.iter().flatten().for_each(|ear| ear.forget(life));
        Ok(())
    }

    /// Waits until the world has come to rest, and notes what it looks like then.
    fn settle(&mut self, environment: usize) {
        let (life, api) = (self.life(), self.api(environment));
        let begun = Instant::now();
        let mut rests_since = None;
        loop {
            let mut record = std::mem::take(&mut self.records[environment]);
            self.hear(environment, life, &mut record);
            let (revision, history) = api.history().unwrap_or_default();
            record.history = history;
            record.served = api.flags().unwrap_or_default();
            record.file = read(&self.files[environment]).unwrap_or_default();
            let newest = |stream: &Vec<(u64, State)>| stream.last().is_some_and(|last| last.0 == revision);
            let rests = record.file == record.served
                && record.log.len() as u64 == revision
                && record.streams.len() >= 3
                && record.streams.iter().all(newest);
            let has_all = record.edited.iter().all(|edited| {
                record.log.iter().any(|entry| {
                    entry
                        .changes
                        .get(&edited.key)
                        .is_some_and(|change| change.1.as_ref() == Some(&edited.value))
                })
            });
            self.records[environment] = record;
            rests_since = if rests { rests_since.or(Some(Instant::now())) } else { None };
            if (rests && has_all)
                || rests_since.is_some_and(|since| since.elapsed() > REST)
                || begun.elapsed() > DEADLINE
            {
                break;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Takes over what was heard of one life of the server.
    fn hear(&mut self, environment: usize, life: u64, record: &mut Record) {
        record.streams.clear();
        for (place, ear) in self.ears[environment].iter().enumerate() {
            for heard in ear.of(life) {
                record.wrong.extend(heard.wrong);
                if place == 2 && heard.log.len() >= record.log.len() {
                    record.log = heard.log;
                }
                record.streams.push(heard.events);
            }
        }
        self.tally.events += record.streams.iter().map(Vec::len).sum::<usize>() / ENVIRONMENTS;
    }

    /// Waits until who reads the snapshot of `flagstaff run` has what the first environment has.
    fn follow(&mut self) -> Result<(), String> {
        let served = &self.records[0].served;
        let has_all = || {
            let snapshot = self.reader.snapshot();
            snapshot.len() == served.len()
                && served.iter().all(|(key, value)| match value {
                    Value::String(text) => snapshot.get_str(key.as_str()) == Some(text),
                    value => Some(snapshot.get_number(key.as_str())) == value.as_f64(),
                })
        };
        if has_all() || (self.is_followed() && wait(DEADLINE, has_all)) {
            self.followed = Instant::now();
            self.tally.followed += 1;
            return Ok(());
        }
        if !self.is_followed() && self.followed.elapsed() < LONGEST_PAUSE {
            return Ok(());
        }
        Err(format!(
            "readers of the follower do not have what is served: {:?}; {}",
            self.reader.snapshot(),
            self.follower.stderr()
        ))
    }

    /// Whether the follower has a stream.
    fn is_followed(&self) -> bool {
        self.api(0)
            .get("/api/v1/clients")
            .is_some_and(|clients| clients.body.contains("\"user_agent\":\"flagstaff"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stage.over.store(true, Ordering::SeqCst);
        self.server.process.kill();
        self.ears.iter_mut().flatten().for_each(Ear::join);
    }
}

fn serve(files: &[PathBuf; ENVIRONMENTS], port: u16) -> Command {
    // A life of the server begins with revision 0 here. That the history survives a restart is shown in `server/history.rs`.
    for file in files {
        let name = format!(".{}.flagstaff-history", file.file_name().unwrap_or_default().display());
        let _ = fs::remove_file(file.with_file_name(name));
    }
    let mut command = flagstaff();
    // An editor may have moved a file away when the server is started again.
    command.args(["serve", "--create", "--port", &port.to_string(), "--api-key", KEYS[0], "--environment"]);
    command.arg(format!("{}={}", KEYS[1], files[1].display())).arg(&files[0]);
    command
}

fn read(file: &PathBuf) -> Option<State> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

fn wait(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}
