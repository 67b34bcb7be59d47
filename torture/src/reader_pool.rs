//! Very many readers with checked values, which share two pipes: one that ends them all, one for their output.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, pipe};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::launcher::Launcher;
use crate::problem::{Problem, fail};
use crate::process_numbers;

/// How a reader spends its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderKind {
    /// Sleeps until something changes, then looks.
    Waits,
    /// Looks every 2 ms, or less often if there are many: all of them together look 5,000 times a second, because real workers
    /// have other work too.
    Polls,
    /// Each look takes 25 ms, in which others publish.
    Slow,
}

impl ReaderKind {
    fn name(self) -> &'static str {
        match self {
            ReaderKind::Waits => "waits",
            ReaderKind::Polls => "polls",
            ReaderKind::Slow => "slow",
        }
    }

    pub(crate) fn of(name: &str) -> Result<ReaderKind, Problem> {
        let all = [ReaderKind::Waits, ReaderKind::Polls, ReaderKind::Slow];
        let found = all.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            Problem::Found(format!("unknown kind of reader {name:?}, expected waits, polls or slow"))
        })
    }
}

#[derive(Debug)]
struct Member {
    number: u32,
    child: Child,
    /// Until when it is stopped.
    stopped: Option<Instant>,
}

impl Member {
    fn signal(&self, signal: Signal) {
        // An error means that it has ended, which `end` reports.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

/// Shortest time from one look of a reader that polls to the next.
const POLL: Duration = Duration::from_millis(2);

/// The same, multiplied by the number of readers.
const POLL_EACH: Duration = Duration::from_micros(200);

/// The output of the readers.
#[derive(Debug, Default)]
struct Received {
    ready: usize,
    done: BTreeMap<u32, (u64, u64)>,
    wrong: Vec<String>,
}

/// Totals of a pool.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReaderPoolReport {
    /// Processes that were started.
    pub started: usize,
    /// Killed on purpose.
    pub killed: usize,
    /// Times that one was stopped and continued.
    pub stopped: usize,
    /// Processes that ended cleanly.
    pub done: usize,
    /// Looks of those processes.
    pub looks: u64,
    /// Whole snapshots that they compared.
    pub snapshots: u64,
    /// KiB of private memory of a reader, on average.
    pub own_memory: u64,
    /// What was wrong.
    pub findings: Vec<String>,
}

/// The readers. They are killed when this is dropped.
#[derive(Debug)]
pub struct ReaderPool {
    launcher: Launcher,
    path: PathBuf,
    kinds: Vec<ReaderKind>,
    seed: u64,
    poll: Duration,
    members: Vec<Member>,
    received: Arc<Mutex<Received>>,
    control: Option<(PipeReader, PipeWriter)>,
    output: Option<PipeWriter>,
    listener: Option<JoinHandle<()>>,
    report: ReaderPoolReport,
}

impl ReaderPool {
    /// Starts `count` readers of `path`, of these kinds in turn.
    pub fn start(
        launcher: &Launcher,
        path: &Path,
        count: usize,
        kinds: &[ReaderKind],
        seed: u64,
    ) -> Result<ReaderPool, Problem> {
        let failed = |source| Problem::Start { program: "a pipe".to_owned(), source };
        let control = pipe().map_err(failed)?;
        let (input, output) = pipe().map_err(failed)?;
        let received = Arc::new(Mutex::new(Received::default()));
        let of_thread = received.clone();
        let listener = thread::spawn(move || listen(input, &of_thread));
        let mut pool = ReaderPool {
            launcher: launcher.clone(),
            path: path.to_owned(),
            kinds: kinds.to_vec(),
            seed,
            poll: POLL.max(POLL_EACH * count as u32),
            members: Vec::new(),
            received,
            control: Some(control),
            output: Some(output),
            listener: Some(listener),
            report: ReaderPoolReport::default(),
        };
        for _ in 0..count {
            pool.add()?;
        }
        Ok(pool)
    }

    fn add(&mut self) -> Result<(), Problem> {
        let number = self.report.started as u32;
        let kind =
            self.kinds.get(number as usize % self.kinds.len().max(1)).map_or("polls", |kind| kind.name());
        let seed = self.seed.wrapping_add(u64::from(number)).to_string();
        let poll = self.poll.as_micros().to_string();
        let mut command =
            self.launcher.command("pool-reader", &self.path, &[&number.to_string(), &seed, kind, &poll]);
        let failed = |source| Problem::Start { program: "a reader".to_owned(), source };
        if let (Some((end, _)), Some(output)) = (&self.control, &self.output) {
            command.stdin(end.try_clone().map_err(failed)?);
            command.stdout(output.try_clone().map_err(failed)?);
            command.stderr(output.try_clone().map_err(failed)?);
        }
        let child = command.spawn().map_err(failed)?;
        self.members.push(Member { number, child, stopped: None });
        self.report.started += 1;
        Ok(())
    }

    /// Waits until all have looked once.
    pub fn wait_ready(&mut self, within: Duration) -> Result<(), Problem> {
        let begun = Instant::now();
        while self.received().ready < self.report.started {
            for member in &mut self.members {
                if let Ok(Some(status)) = member.child.try_wait() {
                    let said = self.received.lock().unwrap_or_else(PoisonError::into_inner).wrong.join("\n");
                    let number = member.number;
                    fail!("reader {number} ended with {status}; {said}");
                }
            }
            if begun.elapsed() > within || !self.received().wrong.is_empty() {
                let received = self.received();
                let said = format!(
                    "{} of {} are ready\n{}",
                    received.ready,
                    self.report.started,
                    received.wrong.join("\n")
                );
                return Err(Problem::Silent { expected: "ready".to_owned(), within, said });
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Disturbs one of them: stops it for up to half a second, or kills it and starts another in its place. Call it again and again.
    pub fn disturb(&mut self, random: &mut Rng) -> Result<(), Problem> {
        let now = Instant::now();
        for member in &mut self.members {
            if member.stopped.is_some_and(|until| until <= now) {
                member.stopped = None;
                member.signal(Signal::CONT);
            }
        }
        let victim = random.usize(..self.members.len().max(1));
        let Some(member) = self.members.get_mut(victim) else { return Ok(()) };
        if random.u8(..4) > 0 {
            if member.stopped.is_none() {
                member.signal(Signal::STOP);
                member.stopped = Some(now + Duration::from_millis(random.u64(..500)));
                self.report.stopped += 1;
            }
            return Ok(());
        }
        let mut member = self.members.swap_remove(victim);
        let _ = member.child.kill();
        let _ = member.child.wait();
        self.report.killed += 1;
        self.add()
    }

    /// How many have reported something wrong.
    pub fn wrong(&self) -> usize {
        self.received().wrong.len()
    }

    /// Ends all of them and returns what they found.
    pub fn end(mut self, within: Duration) -> ReaderPoolReport {
        let own = self
            .members
            .iter()
            .take(20)
            .filter_map(|member| process_numbers::memory(member.child.id(), "RssAnon"));
        let own: Vec<u64> = own.collect();
        self.report.own_memory = own.iter().sum::<u64>() / own.len().max(1) as u64;
        // Stdin of all of them.
        drop(self.control.take());
        drop(self.output.take());
        self.members.iter().for_each(|member| member.signal(Signal::CONT));
        let begun = Instant::now();
        for mut member in std::mem::take(&mut self.members) {
            let number = member.number;
            let status = loop {
                match member.child.try_wait() {
                    Ok(None) if begun.elapsed() < within => thread::sleep(Duration::from_millis(2)),
                    Ok(Some(status)) => break Some(status),
                    _ => break None,
                }
            };
            match status {
                Some(status) if status.success() => {}
                Some(status) => self.report.findings.push(format!("reader {number} ended with {status}")),
                None => {
                    self.report.findings.push(format!("reader {number} does not end"));
                    let _ = member.child.kill();
                    let _ = member.child.wait();
                }
            }
        }
        if let Some(listener) = self.listener.take() {
            // All writers have ended, so it ends.
            let _ = listener.join();
        }
        let received = std::mem::take(&mut *self.received());
        self.report.done = received.done.len();
        self.report.looks = received.done.values().map(|(looks, _)| looks).sum();
        self.report.snapshots = received.done.values().map(|(_, snapshots)| snapshots).sum();
        self.report.findings.splice(..0, received.wrong);
        let expected = self.report.started - self.report.killed;
        if self.report.done != expected && self.report.findings.is_empty() {
            self.report.findings.push(format!("{} of {expected} readers ended cleanly", self.report.done));
        }
        std::mem::take(&mut self.report)
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReaderPool {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}

fn listen(input: PipeReader, received: &Mutex<Received>) {
    for line in BufReader::new(input).lines().map_while(Result::ok) {
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            [_, "ready"] => received.ready += 1,
            [number, "done", looks, snapshots] => {
                if let (Ok(number), Ok(looks), Ok(snapshots)) =
                    (number.parse(), looks.parse(), snapshots.parse())
                {
                    received.done.insert(number, (looks, snapshots));
                }
            }
            // Anything else, such as a panic.
            _ if received.wrong.len() < 20 => received.wrong.push(format!("reader {line}")),
            _ => {}
        }
    }
}
