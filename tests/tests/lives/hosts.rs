//! The processes with subjects: what each holds, and how it is told and asked. See `flagstaff_tests::lives::host` for the other side.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flagstaff_tests::lives::flags::Content;
use flagstaff_torture::Process;
use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes longer than that but what hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Limits on what lives at a time.
const MOST_HOSTS: usize = 5;
const MOST_SUBJECTS: usize = 24;

/// Keys that each subject is asked for after each step.
pub(crate) const READS: usize = 10;

/// Nothing, or how a life went wrong.
pub(crate) type Outcome = Result<(), String>;

/// One process.
pub(crate) struct Host {
    pub(crate) pid: u32,
    to: UnixStream,
    from: BufReader<UnixStream>,
    pub(crate) subjects: Vec<u32>,
    pub(crate) sleeps: bool,
    /// Not of a fork: to be waited for.
    process: Option<Process>,
}

/// What came of opening a subject.
pub(crate) enum Opened {
    /// It has this number.
    Subject(u32),
    /// There is none, and why.
    Nothing(String),
    /// There are enough.
    Enough,
}

/// All of them.
pub(crate) struct Hosts {
    file: PathBuf,
    defect: &'static str,
    listener: UnixListener,
    pub(crate) all: BTreeMap<u32, Host>,
    next: u32,
    /// Answers that were compared.
    pub(crate) reads: u64,
}

impl Hosts {
    /// None yet. They connect to a socket beside the file.
    pub(crate) fn new(file: PathBuf, defect: &'static str) -> Hosts {
        let listener = UnixListener::bind(file.with_file_name("hosts")).unwrap();
        Hosts { file, defect, listener, all: BTreeMap::new(), next: 0, reads: 0 }
    }

    /// Starts one more.
    pub(crate) fn start(&mut self) -> Outcome {
        if self.all.len() >= MOST_HOSTS {
            return Ok(());
        }
        let mut command = Command::new(role());
        command.arg("lives-host").arg(&self.file).args(["new", self.defect]);
        let process = Process::start(command).map_err(|problem| problem.to_string())?;
        self.accept(Vec::new(), Some(process))
    }

    /// Takes the connection of a new host.
    fn accept(&mut self, subjects: Vec<u32>, process: Option<Process>) -> Outcome {
        let (to, _) = self.listener.accept().map_err(|error| error.to_string())?;
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut from = BufReader::new(to.try_clone().unwrap());
        let mut line = String::new();
        from.read_line(&mut line).map_err(|error| error.to_string())?;
        let pid = line.trim().rsplit(' ').next().and_then(|word| word.parse().ok());
        let pid = pid.ok_or_else(|| format!("a host says {line:?}"))?;
        self.next += 1;
        self.all.insert(self.next, Host { pid, to, from, subjects, sleeps: false, process });
        Ok(())
    }

    /// One of the hosts that are awake.
    fn some_host(&self, which: u32) -> Option<u32> {
        let awake: Vec<u32> = self.all.iter().filter(|(_, host)| !host.sleeps).map(|(id, _)| *id).collect();
        (!awake.is_empty()).then(|| awake[which as usize % awake.len()])
    }

    /// One of their subjects, with its host.
    pub(crate) fn some_subject(&self, which: u32) -> Option<(u32, u32)> {
        let awake = self.all.iter().filter(|(_, host)| !host.sleeps);
        let all: Vec<_> = awake.flat_map(|(id, host)| host.subjects.iter().map(|one| (*id, *one))).collect();
        (!all.is_empty()).then(|| all[which as usize % all.len()])
    }

    /// All subjects, also those of hosts that sleep.
    pub(crate) fn subjects(&self) -> BTreeSet<u32> {
        self.all.values().flat_map(|host| host.subjects.iter().copied()).collect()
    }

    /// The processes that sleep.
    pub(crate) fn sleeping(&self) -> impl Iterator<Item = u32> {
        self.all.values().filter(|host| host.sleeps).map(|host| host.pid)
    }

    /// Whether a process that is awake has one of these subjects.
    pub(crate) fn has_awake(&self, which: &BTreeSet<u32>) -> bool {
        self.all.values().any(|host| !host.sleeps && host.subjects.iter().any(|id| which.contains(id)))
    }

    /// Whether none sleeps.
    pub(crate) fn are_awake(&self) -> bool {
        self.all.values().all(|host| !host.sleeps)
    }

    /// Tells one host something, and takes its answer.
    pub(crate) fn tell(&mut self, host: u32, line: &str) -> Result<String, String> {
        let Some(host) = self.all.get_mut(&host) else { return Err("no such host".to_owned()) };
        host.say(line)?;
        let answer = host.answer(line)?;
        self.reads += compared(&answer)?;
        Ok(answer)
    }

    /// The answer to what it was told before.
    pub(crate) fn answer(&mut self, host: u32, asked: &str) -> Result<String, String> {
        let Some(host) = self.all.get_mut(&host) else { return Err("no such host".to_owned()) };
        host.answer(asked)
    }

    /// Opens a subject, which answers one of the contents.
    pub(crate) fn open(&mut self, which: u32, how: &str, contents: &str) -> Result<Opened, String> {
        if self.all.is_empty() {
            self.start()?;
        }
        let has_room = self.subjects().len() < MOST_SUBJECTS;
        let Some(host) = self.some_host(which).filter(|_| has_room) else { return Ok(Opened::Enough) };
        self.next += 1;
        let id = self.next;
        let answer = self.tell(host, &format!("{how} {id} {contents}"))?;
        if answer.starts_with("none") {
            return Ok(Opened::Nothing(answer));
        }
        self.all.get_mut(&host).unwrap().subjects.push(id);
        Ok(Opened::Subject(id))
    }

    /// Clones the reader of a subject. Answers of which, and the clone's number.
    pub(crate) fn clone_of(&mut self, which: u32) -> Result<Option<(u32, u32)>, String> {
        let has_room = self.subjects().len() < MOST_SUBJECTS;
        let Some((host, of)) = self.some_subject(which).filter(|_| has_room) else { return Ok(None) };
        self.next += 1;
        let id = self.next;
        self.tell(host, &format!("clone {id} {of}"))?;
        self.all.get_mut(&host).unwrap().subjects.push(id);
        Ok(Some((of, id)))
    }

    /// Drops a subject.
    pub(crate) fn drop_of(&mut self, which: u32) -> Result<Option<u32>, String> {
        let Some((host, of)) = self.some_subject(which) else { return Ok(None) };
        self.all.get_mut(&host).unwrap().subjects.retain(|id| *id != of);
        self.tell(host, &format!("drop {of}"))?;
        Ok(Some(of))
    }

    /// A host forks.
    pub(crate) fn fork(&mut self, which: u32) -> Outcome {
        let Some(host) = self.some_host(which).filter(|_| self.all.len() < MOST_HOSTS) else {
            return Ok(());
        };
        self.tell(host, "fork child")?;
        let subjects = self.all[&host].subjects.clone();
        self.accept(subjects, None)
    }

    /// A host executes itself anew.
    pub(crate) fn exec(&mut self, which: u32) -> Outcome {
        let Some(host) = self.some_host(which) else { return Ok(()) };
        self.tell(host, "exec again")?;
        let process = self.all.remove(&host).and_then(|mut host| host.process.take());
        self.accept(Vec::new(), process)
    }

    /// A host is killed.
    pub(crate) fn end(&mut self, which: u32) {
        if let Some(host) = self.some_host(which).and_then(|id| self.all.remove(&id)) {
            signal(host.pid, Signal::KILL);
        }
    }

    /// A host sleeps.
    pub(crate) fn sleep(&mut self, which: u32) {
        if let Some(host) = self.some_host(which).and_then(|id| self.all.get_mut(&id)) {
            signal(host.pid, Signal::STOP);
            host.sleeps = true;
        }
    }

    /// All that sleep wake up. Answers their subjects.
    pub(crate) fn wake(&mut self) -> BTreeSet<u32> {
        let mut woken = BTreeSet::new();
        for host in self.all.values_mut().filter(|host| host.sleeps) {
            signal(host.pid, Signal::CONT);
            host.sleeps = false;
            woken.extend(&host.subjects);
        }
        woken
    }

    /// Says a line to all that are awake and have subjects, at the same time.
    pub(crate) fn say_all(&mut self, line: &str) -> Outcome {
        self.asked().try_for_each(|host| host.say(line))
    }

    /// Takes the answers to a line that all were told.
    pub(crate) fn answers(&mut self, line: &str) -> Outcome {
        let (mut reads, mut outcome) = (0, Ok(()));
        for host in self.asked() {
            match compared(&host.answer(line)?) {
                Ok(more) => reads += more,
                Err(wrong) => outcome = Err(wrong),
            }
        }
        self.reads += reads;
        outcome
    }

    /// Takes one line of each of them, which has to be this.
    pub(crate) fn all_say(&mut self, expected: &str, asked: &str) -> Outcome {
        for host in self.asked() {
            let said = host.answer(asked)?;
            if said != expected {
                return Err(said);
            }
        }
        Ok(())
    }

    fn asked(&mut self) -> impl Iterator<Item = &mut Host> {
        self.all.values_mut().filter(|host| !host.sleeps && !host.subjects.is_empty())
    }

    /// Asks all subjects: each answers one of `now`, those in `visitors` also one of `more`, or what they did before.
    pub(crate) fn check(
        &mut self,
        seed: u32,
        now: &[Content],
        lost: &BTreeSet<u32>,
        visitors: &BTreeSet<u32>,
        more: &[Content],
    ) -> Outcome {
        // A word is never empty.
        let who = |ids: &BTreeSet<u32>| ids.iter().fold("0".to_owned(), |text, id| format!("{text},{id}"));
        let (now, more) = (words(now), words(more));
        let line = format!("check {READS} {seed} {now} {} {} 0,{more}", who(lost), who(visitors));
        self.say_all(&line)?;
        self.answers(&line)
    }
}

impl Host {
    fn say(&mut self, line: &str) -> Outcome {
        writeln!(self.to, "{line}").map_err(|error| format!("a host has ended: {error}"))
    }

    fn answer(&mut self, asked: &str) -> Result<String, String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(bytes) if bytes > 0 => Ok(line.trim_end().to_owned()),
            Ok(_) => {
                let said = self.process.as_ref().map(Process::stderr).unwrap_or_default();
                Err(format!("crashed: a host has ended at {asked:?}: {said}"))
            }
            Err(error) => Err(format!("hangs: a host does not answer {asked:?}: {error}")),
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in self.all.values() {
            signal(host.pid, Signal::KILL);
        }
    }
}

/// The number of answers in `ok <number>`.
fn compared(answer: &str) -> Result<u64, String> {
    if answer.starts_with("wrong") {
        return Err(answer.to_owned());
    }
    Ok(answer.strip_prefix("ok ").and_then(|reads| reads.parse().ok()).unwrap_or_default())
}

fn signal(pid: u32, signal: Signal) {
    // One that has ended is found out by whoever waits for its answer.
    let _ = Pid::from_raw(pid as i32).map(|pid| kill_process(pid, signal));
}

/// Contents as a word of a command.
pub(crate) fn words(contents: &[Content]) -> String {
    contents.iter().map(|content| content.words()).collect::<Vec<_>>().join(",")
}

/// 256 MiB with holes: by the program that everybody uses.
pub(crate) fn sparse_copy(from: &Path, to: &Path) -> bool {
    let mut copy = Command::new("cp");
    copy.args(["--sparse=always", "--preserve=mode"]).args([from, to]);
    let _ = std::fs::remove_file(to);
    flagstaff_tests::place::answer(copy).code == 0
}

pub(crate) fn role() -> PathBuf {
    env!("CARGO_BIN_EXE_flagstaff-test-role").into()
}
