//! One life: the file, its publisher, the processes with subjects, and what is known of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use vexil_reader::{PathState, Reader};
use vexil_tests::lives::exceptions::TOUCHED;
use vexil_tests::lives::flags::{Content, HOT};
use vexil_tests::lives::host::ask_one_of;
use vexil_tests::lives::subject::Subject;
use vexil_tests::place::{Place, answer};
use vexil_torture::Process;

use crate::clock;
use crate::step::Step;

/// Nothing takes longer than that but what hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Limits on what lives at a time.
const MOST_HOSTS: usize = 5;
const MOST_SUBJECTS: usize = 24;

/// Keys that each subject is asked for after each step.
pub(crate) const READS: usize = 10;

/// What was done and compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) steps: u64,
    pub(crate) reads: u64,
    pub(crate) publishes: u64,
}

struct Host {
    pid: u32,
    to: UnixStream,
    from: BufReader<UnixStream>,
    subjects: Vec<u32>,
    sleeps: bool,
    /// Not of a fork: to be waited for.
    process: Option<Process>,
}

pub(crate) struct World {
    place: Place,
    listener: UnixListener,
    hosts: BTreeMap<u32, Host>,
    press: Option<Process>,
    is_stopped: bool,
    /// What the file of the last publisher may hold: one payload, and one more after a kill in a publish.
    live: Vec<Content>,
    /// What is at the path, as far as it is known; with a payload of seed 0 for no file, or one without flags.
    at_path: Vec<Content>,
    /// The path was touched since a publisher put its file there, so that it may lead elsewhere.
    touched: bool,
    /// Subjects that may have opened what was put there.
    visitors: BTreeSet<u32>,
    /// All contents that these may have found: what lay at the path, and what was current while a host slept, whose file then was marked.
    visited: Vec<Content>,
    /// Visitors of files that lost their name before any publisher saw them.
    lost: BTreeSet<u32>,
    /// Subjects that may have no flags, and so look at the path all the time.
    blank: BTreeSet<u32>,
    copy: Option<Vec<Content>>,
    aside: Option<Vec<Content>>,
    /// The file that was renamed is the publisher's, which goes on in it until it looks at the path.
    aside_is_live: bool,
    serial: u32,
    next: u32,
    random: Rng,
    defect: &'static str,
    pub counts: Counts,
}

type Outcome = Result<(), String>;

impl World {
    pub(crate) fn new(defect: &'static str) -> World {
        let place = Place::new();
        let listener = UnixListener::bind(place.join("hosts")).unwrap();
        World {
            place,
            listener,
            hosts: BTreeMap::new(),
            press: None,
            is_stopped: false,
            live: vec![Content::default()],
            at_path: vec![Content::default()],
            touched: false,
            visitors: BTreeSet::new(),
            visited: Vec::new(),
            lost: BTreeSet::new(),
            blank: BTreeSet::new(),
            copy: None,
            aside: None,
            aside_is_live: false,
            serial: 0,
            next: 0,
            random: Rng::with_seed(7),
            defect,
            counts: Counts::default(),
        }
    }

    /// Takes a step, and asks everybody.
    pub(crate) fn step(&mut self, step: Step) -> Outcome {
        self.counts.steps += 1;
        if std::env::var_os("VEXIL_LIVES_TRACE").is_some() {
            eprintln!(
                "{} {step}: live {}, at path {}",
                self.counts.steps,
                words(&self.live),
                words(&self.at_path)
            );
        }
        self.take(step)?;
        self.check()
    }

    fn take(&mut self, step: Step) -> Outcome {
        match step {
            Step::Publish(size, variety) => self.publish(1, size, variety),
            Step::Burst(count, size, variety) => self.publish(count, size, variety),
            Step::Refused => self.refuse(),
            Step::KillInPublish(size, variety) => self.kill_in_publish(size, variety),
            Step::OneShot(size, variety) => self.one_shot(size, variety),
            Step::Start => self.start(None),
            Step::StartBehind(seconds) => self.start(Some(seconds)),
            Step::Close => self.close(),
            Step::Kill => {
                if let Some(mut press) = self.press.take() {
                    press.kill();
                    self.is_stopped = false;
                    self.may_have_moved();
                }
                Ok(())
            }
            Step::Stop => {
                if let Some(press) = self.press.as_ref().filter(|_| !self.is_stopped) {
                    press.signal(Signal::STOP);
                    self.is_stopped = true;
                    let begun = Instant::now();
                    while !press.is_stopped() && begun.elapsed() < PATIENCE {
                        std::thread::yield_now();
                    }
                }
                Ok(())
            }
            Step::Continue => {
                if let Some(press) = self.press.as_ref().filter(|_| self.is_stopped) {
                    press.signal(Signal::CONT);
                    self.is_stopped = false;
                }
                Ok(())
            }
            Step::Remove => {
                let there = fs::remove_file(self.place.file()).is_ok();
                self.by_hand(there, vec![Content::default()])
            }
            Step::RenameAway => {
                let there = fs::rename(self.place.file(), self.place.join("aside")).is_ok();
                if there {
                    self.aside = Some(self.at_path.clone());
                    self.aside_is_live = !self.touched;
                }
                self.by_hand(there, vec![Content::default()])
            }
            Step::PutBack => {
                let Some(aside) = self.aside.take() else { return Ok(()) };
                self.aside_is_live = false;
                let there = fs::rename(self.place.join("aside"), self.place.file()).is_ok();
                self.by_hand(there, aside)
            }
            Step::Copy => {
                if !self.touched && self.copy_to("copy") {
                    self.copy = Some(self.at_path.clone());
                }
                Ok(())
            }
            Step::Restore => {
                let Some(copy) = self.copy.clone() else { return Ok(()) };
                // The copy stays for the next time.
                sparse_copy(&self.place.join("copy"), &self.place.join("restored"));
                let there = fs::rename(self.place.join("restored"), self.place.file()).is_ok();
                self.by_hand(there, copy)
            }
            Step::Mode(mode) => {
                let _ = fs::set_permissions(self.place.file(), fs::Permissions::from_mode(mode));
                Ok(())
            }
            Step::Open(host) => self.subject(host, "open"),
            Step::Attach(host) => self.subject(host, "attach"),
            Step::Clone(subject) => self.clone_of(subject),
            Step::Drop(subject) => self.drop_of(subject),
            Step::Wait(subject, size, variety) => self.wait(subject, size, variety),
            Step::Host => self.host(),
            Step::Fork(host) => self.fork(host),
            Step::Exec(host) => self.exec(host),
            Step::End(host) => {
                if let Some(mut host) = self.some_host(host).and_then(|id| self.hosts.remove(&id)) {
                    host.end();
                }
                Ok(())
            }
            Step::Sleep(host) => {
                if let Some(host) = self.some_host(host).and_then(|id| self.hosts.get_mut(&id)) {
                    signal(host.pid, Signal::STOP);
                    host.sleeps = true;
                }
                Ok(())
            }
            Step::Wake => {
                for host in self.hosts.values_mut().filter(|host| host.sleeps) {
                    signal(host.pid, Signal::CONT);
                    host.sleeps = false;
                    if self.touched {
                        // Their file may be marked since long, so that they look at the path.
                        self.visitors.extend(&host.subjects);
                    }
                }
                Ok(())
            }
            Step::Pause(milliseconds) => {
                // Time is what this step is about.
                std::thread::sleep(Duration::from_millis(u64::from(milliseconds)));
                Ok(())
            }
            Step::Settle => self.settle(),
        }
    }

    fn content(&mut self, size: u32, variety: u32) -> Content {
        self.serial += 1;
        Content { size, seed: self.serial * 1000 + variety, order: self.serial }
    }

    fn publish(&mut self, count: u32, size: u32, variety: u32) -> Outcome {
        if self.press.is_none() || self.is_stopped {
            return Ok(());
        }
        let contents: Vec<Content> = (0..count).map(|_| self.content(size, variety)).collect();
        let words: Vec<String> = contents.iter().map(|content| content.words()).collect();
        let said = self.press(&format!("publish {}", words.join(" ")), &["published ", "refused "])?;
        if !said.starts_with("published") {
            return Err(format!("a good payload was not published: {said}"));
        }
        self.published(contents[contents.len() - 1]);
        Ok(())
    }

    /// From now on everybody answers that at the next read.
    fn published(&mut self, content: Content) {
        self.counts.publishes += 1;
        self.live = vec![content];
        if self.touched {
            self.at_path = merged(&self.at_path, content);
        } else {
            self.at_path = vec![content];
        }
        self.visited = merged(&self.visited, content);
        self.also_aside(content);
    }

    fn also_aside(&mut self, content: Content) {
        if let Some(aside) = self.aside.as_mut().filter(|_| self.aside_is_live) {
            *aside = merged(aside, content);
        }
    }

    fn refuse(&mut self) -> Outcome {
        if self.press.is_none() || self.is_stopped {
            return Ok(());
        }
        let said = self.press("publish {\"n\":NaN}", &["published ", "refused "])?;
        if said.starts_with("refused") { Ok(()) } else { Err(format!("NaN was taken: {said}")) }
    }

    fn kill_in_publish(&mut self, size: u32, variety: u32) -> Outcome {
        if self.press.is_none() || self.is_stopped {
            return Ok(());
        }
        let content = self.content(size, variety);
        if let Some(mut press) = self.press.take() {
            press.say(&format!("publish {}", content.words()));
            std::thread::sleep(Duration::from_micros(u64::from(variety) * 3));
            press.kill();
        }
        self.live = merged(&self.live, content);
        self.at_path = merged(&self.at_path, content);
        self.visited = merged(&self.visited, content);
        self.also_aside(content);
        self.may_have_moved();
        Ok(())
    }

    fn one_shot(&mut self, size: u32, variety: u32) -> Outcome {
        let content = self.content(size, variety);
        let source = self.place.join("one-shot.json");
        fs::write(&source, content.json()).unwrap();
        let answer = self.place.answer("publish", [&source]);
        match (self.press.is_some(), answer.code) {
            (false, 0) => {
                self.moved_on();
                self.published(content);
                Ok(())
            }
            (true, 1) => Ok(()),
            _ => Err(format!("one-shot publish: {answer:?}")),
        }
    }

    /// A publisher has opened what is at the path.
    fn moved_on(&mut self) {
        self.touched = false;
        self.aside_is_live = false;
        self.visitors.clear();
    }

    /// A publisher that ended may have marked its file and no longer have renamed the new one: then its readers look at the path.
    fn may_have_moved(&mut self) {
        if self.touched {
            self.visitors = self.all_subjects();
        }
    }

    fn all_subjects(&self) -> BTreeSet<u32> {
        self.hosts.values().flat_map(|host| host.subjects.iter().copied()).collect()
    }

    fn start(&mut self, behind: Option<u32>) -> Outcome {
        if self.press.is_some() {
            return Ok(());
        }
        let mut command = Command::new(role());
        command.arg("lives-press").arg(self.place.file());
        if let Some(seconds) = behind
            && !clock::set_behind(&mut command, seconds)
        {
            return Ok(());
        }
        let press = Process::start(command).map_err(|problem| problem.to_string())?;
        press.line("ready ", PATIENCE).map_err(|problem| format!("a publisher does not start: {problem}"))?;
        self.press = Some(press);
        // What is at the path is carried on, and what is behind the second name if nothing good is there.
        let is_none = |content: &Content| content.seed == 0;
        let mut carried = self.at_path.clone();
        if carried.iter().any(is_none) {
            carried = merged_all(&carried, &self.live);
        }
        if !self.live.iter().any(is_none) {
            carried.retain(|content| !is_none(content));
        }
        let content = self.which_of(&carried)?;
        self.moved_on();
        self.serial += 1;
        // It is the newest again, whenever it was published first.
        let content = if is_none(&content) { content } else { Content { order: self.serial, ..content } };
        self.live = vec![content];
        self.at_path = vec![content];
        self.visited = merged(&self.visited, content);
        Ok(())
    }

    /// What is at the path now, of several contents: everybody has to answer the same one.
    fn which_of(&self, contents: &[Content]) -> Result<Content, String> {
        if let [content] = contents {
            return Ok(*content);
        }
        let reader = Reader::open(self.place.file()).map_err(|error| error.to_string())?;
        // By getters.
        let mut subject = Subject::new(std::sync::Arc::new(reader), 0);
        let wrong = |wrong| format!("wrong carried on: {wrong}, of {}", words(contents));
        ask_one_of(&mut subject, contents, 10 * HOT, &mut Rng::with_seed(1)).map_err(wrong)?;
        Ok(subject.at)
    }

    fn close(&mut self) -> Outcome {
        let Some(mut press) = self.press.take() else { return Ok(()) };
        press.signal(Signal::CONT);
        self.is_stopped = false;
        self.may_have_moved();
        press.close_stdin();
        let ended = press.wait(PATIENCE).map_err(|problem| problem.to_string())?;
        if ended.success() {
            Ok(())
        } else {
            Err(format!("the publisher ended with {ended}: {}", press.stderr()))
        }
    }

    /// Tells the publisher something and takes its answer, the newest line of what it said.
    fn press(&mut self, line: &str, answers: &[&str]) -> Result<String, String> {
        let Some(press) = &mut self.press else { return Err("no publisher".to_owned()) };
        let before = press.stdout().lines().count();
        press.say(line);
        let begun = Instant::now();
        loop {
            if let Some(said) = press.stdout().lines().nth(before)
                && answers.iter().any(|answer| said.starts_with(answer))
            {
                return Ok(said.to_owned());
            }
            if begun.elapsed() > PATIENCE || !press.is_running() {
                return Err(format!(
                    "the publisher does not answer {line:?}: {}{}",
                    press.stdout(),
                    press.stderr()
                ));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn by_hand(&mut self, done: bool, found: Vec<Content>) -> Outcome {
        if !done {
            return Ok(());
        }
        if self.touched {
            // Whoever is on what lay there before: nobody can reach that file any more.
            self.lost.extend(&self.visitors);
            if self.press.is_some() {
                // It may have put its file back in between, and marked the one of before.
                self.lost.extend(&self.all_subjects());
                self.visitors = self.all_subjects();
            }
        }
        self.touched = true;
        self.visitors.extend(&self.blank);
        self.at_path = found;
        if self.press.is_some() {
            self.at_path = merged_all(&merged(&self.at_path, Content::default()), &self.live);
        }
        self.visited = merged_all(&self.visited, &self.at_path);
        Ok(())
    }

    /// Waits until the publisher has put its file back.
    fn settle(&mut self) -> Outcome {
        if !self.touched || self.is_stopped {
            return Ok(());
        }
        let Some(press) = &self.press else { return Ok(()) };
        let begun = Instant::now();
        // The second name leads to the publisher's own file only. (It maps one that was put at the path too, to mark it.)
        let name = self.place.file().file_name().unwrap().to_string_lossy().into_owned();
        let second = self.place.join(&format!(".{name}.live"));
        let inode = |path: &std::path::Path| fs::metadata(path).map(|metadata| metadata.ino()).ok();
        let is_back = || {
            let inode =
                inode(self.place.file().as_ref()).filter(|at_path| inode(&second) == Some(*at_path))?;
            let maps = fs::read_to_string(format!("/proc/{}/maps", press.id())).ok()?;
            let inode = format!(" {inode} ");
            Some(maps.lines().any(|line| line.contains(&inode) && !line.contains("(deleted)")))
        };
        while is_back() != Some(true) {
            if begun.elapsed() > TOUCHED {
                return Err(format!("the publisher has not put its file back within {TOUCHED:?}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let reader = Reader::open(self.place.file()).map_err(|error| error.to_string())?;
        if reader.status().path != PathState::Same {
            return Err("the file that was put back leads elsewhere".to_owned());
        }
        self.moved_on();
        // The rule again: its publisher is quiet, and everybody answers the newest.
        self.at_path = self.live.clone();
        Ok(())
    }

    fn copy_to(&self, name: &str) -> bool {
        self.place.file().exists() && sparse_copy(&self.place.file(), &self.place.join(name))
    }

    fn host(&mut self) -> Outcome {
        if self.hosts.len() >= MOST_HOSTS {
            return Ok(());
        }
        let mut command = Command::new(role());
        command.arg("lives-host").arg(self.place.file()).args(["new", self.defect]);
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
        self.hosts.insert(self.next, Host { pid, to, from, subjects, sleeps: false, process });
        Ok(())
    }

    /// One of the hosts that are awake.
    fn some_host(&self, which: u32) -> Option<u32> {
        let awake: Vec<u32> = self.hosts.iter().filter(|(_, host)| !host.sleeps).map(|(id, _)| *id).collect();
        (!awake.is_empty()).then(|| awake[which as usize % awake.len()])
    }

    /// One of their subjects, with its host.
    fn some_subject(&self, which: u32) -> Option<(u32, u32)> {
        let awake = self.hosts.iter().filter(|(_, host)| !host.sleeps);
        let all: Vec<_> = awake.flat_map(|(id, host)| host.subjects.iter().map(|one| (*id, *one))).collect();
        (!all.is_empty()).then(|| all[which as usize % all.len()])
    }

    fn tell(&mut self, host: u32, line: &str) -> Result<String, String> {
        let Some(host) = self.hosts.get_mut(&host) else { return Err("no such host".to_owned()) };
        host.say(line)?;
        let answer = host.answer(line)?;
        if let Some(reads) = answer.strip_prefix("ok ") {
            self.counts.reads += reads.parse::<u64>().unwrap_or_default();
        }
        if answer.starts_with("wrong") { Err(answer) } else { Ok(answer) }
    }

    fn subject(&mut self, which: u32, how: &str) -> Outcome {
        if self.hosts.is_empty() {
            self.host()?;
        }
        let all: usize = self.hosts.values().map(|host| host.subjects.len()).sum();
        let Some(host) = self.some_host(which).filter(|_| all < MOST_SUBJECTS) else { return Ok(()) };
        self.next += 1;
        let id = self.next;
        let answer = self.tell(host, &format!("{how} {id} {}", words(&self.at_path)))?;
        if answer.starts_with("none") {
            return match self.at_path.iter().any(|content| content.seed == 0) {
                true => Ok(()),
                false => Err(format!("no reader: {answer}")),
            };
        }
        if self.touched {
            self.visitors.insert(id);
        }
        if self.at_path.iter().any(|content| content.seed == 0) {
            self.blank.insert(id);
        }
        self.hosts.get_mut(&host).unwrap().subjects.push(id);
        Ok(())
    }

    fn clone_of(&mut self, which: u32) -> Outcome {
        let Some((host, of)) = self.some_subject(which) else { return Ok(()) };
        if self.hosts.values().map(|host| host.subjects.len()).sum::<usize>() >= MOST_SUBJECTS {
            return Ok(());
        }
        self.next += 1;
        let id = self.next;
        self.tell(host, &format!("clone {id} {of}"))?;
        for others in [&mut self.visitors, &mut self.lost, &mut self.blank] {
            if others.contains(&of) {
                others.insert(id);
            }
        }
        self.hosts.get_mut(&host).unwrap().subjects.push(id);
        Ok(())
    }

    fn drop_of(&mut self, which: u32) -> Outcome {
        let Some((host, of)) = self.some_subject(which) else { return Ok(()) };
        self.hosts.get_mut(&host).unwrap().subjects.retain(|id| *id != of);
        self.tell(host, &format!("drop {of}")).map(drop)
    }

    fn wait(&mut self, which: u32, size: u32, variety: u32) -> Outcome {
        let Some((host, subject)) = self.some_subject(which) else { return Ok(()) };
        if self.press.is_none() || self.is_stopped || self.touched {
            return Ok(());
        }
        // What is quiet now has been read by all.
        self.tell(host, &format!("wait {subject}"))?;
        // No payload of no flags, which may be the one of before: that is no change, and wakes nobody.
        let content = self.content(size.max(1), variety);
        let said = self.press(&format!("publish {}", content.words()), &["published ", "refused "])?;
        let woke = self.hosts.get_mut(&host).unwrap().answer("wait")?;
        let milliseconds: u64 =
            woke.strip_prefix("woke ").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        if !said.starts_with("published") || milliseconds > 5000 {
            return Err(format!("frozen: a wait ended after {milliseconds} ms: {said}"));
        }
        self.published(content);
        Ok(())
    }

    fn fork(&mut self, which: u32) -> Outcome {
        let Some(host) = self.some_host(which).filter(|_| self.hosts.len() < MOST_HOSTS) else {
            return Ok(());
        };
        self.tell(host, "fork child")?;
        let subjects = self.hosts[&host].subjects.clone();
        self.accept(subjects, None)
    }

    fn exec(&mut self, which: u32) -> Outcome {
        let Some(host) = self.some_host(which) else { return Ok(()) };
        self.tell(host, "exec again")?;
        let process = self.hosts.remove(&host).and_then(|mut host| host.process.take());
        self.accept(Vec::new(), process)
    }

    /// Asks everybody, all hosts at the same time.
    fn check(&mut self) -> Outcome {
        // A word is never empty.
        let who = |ids: &BTreeSet<u32>| ids.iter().fold("0".to_owned(), |text, id| format!("{text},{id}"));
        let line = format!(
            "check {READS} {} {} {} {} 0,{}",
            self.random.u32(..),
            words(&self.live),
            who(&self.lost),
            who(&self.visitors),
            words(&self.visited)
        );
        let awake = self.hosts.values_mut().filter(|host| !host.sleeps && !host.subjects.is_empty());
        let mut awake: Vec<&mut Host> = awake.collect();
        for host in &mut awake {
            host.say(&line)?;
        }
        let mut outcome = Ok(());
        for host in &mut awake {
            match host.answer(&line)? {
                answer if answer.starts_with("ok ") => {
                    self.counts.reads += answer[3..].parse::<u64>().unwrap_or_default();
                }
                answer => outcome = Err(answer),
            }
        }
        outcome?;
        if !self.touched && self.hosts.values().all(|host| !host.sleeps) {
            // All of them have answered what is in the file at the path.
            self.lost.clear();
            self.visited.clear();
            if self.live.iter().all(|content| content.seed != 0) {
                self.blank.clear();
            }
        }
        Ok(())
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

    fn end(&mut self) {
        signal(self.pid, Signal::KILL);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for host in self.hosts.values_mut() {
            host.end();
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    // One that has ended is found out by whoever waits for its answer.
    let _ = Pid::from_raw(pid as i32).map(|pid| kill_process(pid, signal));
}

fn words(contents: &[Content]) -> String {
    contents.iter().map(|content| content.words()).collect::<Vec<_>>().join(",")
}

fn merged(contents: &[Content], more: Content) -> Vec<Content> {
    merged_all(contents, &[more])
}

fn merged_all(contents: &[Content], more: &[Content]) -> Vec<Content> {
    let mut all = [contents, more].concat();
    all.sort_by_key(|content| content.order);
    all.dedup();
    all
}

/// 256 MiB with holes: by the program that everybody uses.
fn sparse_copy(from: &std::path::Path, to: &std::path::Path) -> bool {
    let mut copy = Command::new("cp");
    copy.args(["--sparse=always", "--preserve=mode"]).args([from, to]);
    let _ = fs::remove_file(to);
    answer(copy).code == 0
}

pub(crate) fn role() -> PathBuf {
    env!("CARGO_BIN_EXE_vexil-test-role").into()
}
