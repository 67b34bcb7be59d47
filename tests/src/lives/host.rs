//! A process with subjects. It connects to the test, does what it is told line by line, and answers each line with one.
//!
//! | it is told | it answers |
//! |---|---|
//! | `open N contents`, `attach N contents`, `client N contents URL`, `clone N OF` | `ok READS`: subject `N` answers one of the contents; `none WHY` |
//! | `drop N` | `ok 0` |
//! | `check READS SEED contents lost visitors more` | `ok READS`: each subject answers one of the contents at its next read, and none that came |
//! | | before what it answered last. The lost ones (`N,..`) ask for their status first, which looks at the path. Visitors may answer |
//! | | what they did before, and `more` contents |
//! | `race SEED contents` | `races`; after the next line `ok READS`: meanwhile each answer was of one of the contents, in order |
//! | `wait N` | `waits`, then `woke MILLISECONDS` |
//! | `fork NAME`, `exec NAME` | `ok 0`; the child, or the new program, connects by itself |
//!
//! A `wrong ..` instead of `ok` says which subject answered what.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a role that cannot play fails its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use flagstaff_reader::Reader;

use super::exceptions::NO_FILE;
use super::expected::Wrong;
use super::flags::Content;
use super::race::race;
use super::subject::Subject;
use crate::place::KEY;

/// Longest life of a forked host, in seconds: a test that is killed leaves nothing behind for ever.
const LIFE: u32 = 3 * 3600;

/// How long a wait for a change lasts at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keys that a new subject is asked for.
const FIRST_READS: usize = 6;

/// The name of a planted defect: readers open a copy of the file, which stays as it is.
const STALE: &str = "stale";

struct Host<'a> {
    path: &'a Path,
    subjects: BTreeMap<u32, Subject>,
    defect: String,
}

/// Plays a host with subjects of `path` that connects as `name` to the socket beside it.
///
/// # Panics
/// If it is told something that it does not know.
pub fn host(path: &Path, name: &str, defect: &str) {
    let mut host = Host { path, subjects: BTreeMap::new(), defect: defect.to_owned() };
    host.serve(name);
}

/// A planted defect: of the keys that the feed names a host does not hear the first.
const DEAF: &str = "deaf";

/// What subjects may answer.
struct Allowed {
    now: Vec<Content>,
    /// Their file may have lost its name before any publisher saw it.
    lost: BTreeSet<u32>,
    /// They may have opened a file that somebody put at the path.
    visitors: BTreeSet<u32>,
    more: Vec<Content>,
}

impl Host<'_> {
    fn serve(&mut self, name: &str) {
        let mut stream = UnixStream::connect(self.path.with_file_name("hosts")).unwrap();
        writeln!(stream, "{name} {}", std::process::id()).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(line)) = lines.next() {
            let words: Vec<&str> = line.split(' ').collect();
            let answer = match words[0] {
                "wait" => {
                    let reader = self.subjects[&number(words[1])].reader();
                    let seen = reader.generation();
                    writeln!(stream, "waits").unwrap();
                    let begun = Instant::now();
                    let _ = reader.wait_for_change(seen, PATIENCE);
                    format!("woke {}", begun.elapsed().as_millis())
                }
                "race" => {
                    writeln!(stream, "races").unwrap();
                    let raced = self.race(number(words[1]), &parsed(words[2]), &stream);
                    let _ = lines.next();
                    raced.unwrap_or_else(|wrong| format!("wrong {wrong}").replace('\n', " "))
                }
                "fork" => {
                    // The child has its own connection; that of its parent is closed there.
                    flagstaff_torture::fork(LIFE, || {
                        let (subjects, defect) = (std::mem::take(&mut self.subjects), self.defect.clone());
                        Host { path: self.path, subjects, defect }.serve(words[1]);
                    })
                    .unwrap();
                    "ok 0".to_owned()
                }
                "exec" => {
                    writeln!(stream, "ok 0").unwrap();
                    let program = std::env::current_exe().unwrap();
                    let mut command = Command::new(program);
                    panic!(
                        "{}",
                        command.arg("lives-host").arg(self.path).args([words[1], &self.defect]).exec()
                    );
                }
                _ => match self.command(&words) {
                    Ok(answer) => answer,
                    Err(wrong) => format!("wrong {wrong}").replace('\n', " "),
                },
            };
            if writeln!(stream, "{answer}").is_err() {
                return;
            }
        }
    }

    fn command(&mut self, words: &[&str]) -> Result<String, Wrong> {
        match *words {
            ["open", id, contents] => match Reader::open(self.place()) {
                Ok(reader) => self.add(number(id), Subject::new(Arc::new(reader), number(id)), contents),
                Err(error) => Ok(format!("none {error}")),
            },
            ["attach", id, contents] => {
                let reader = Reader::attach(self.path);
                self.add(number(id), Subject::new(Arc::new(reader), number(id)), contents)
            }
            ["client", id, contents, url] => {
                let memory = self.path.with_file_name("memory");
                let builder =
                    flagstaff::Client::builder(KEY).file(self.path).base_url(url).memory_dir(memory);
                // The oracle of these lives expects every good payload to be published.
                let client = builder.guard(flagstaff::Guard::OFF).start().unwrap();
                // Not `wait_until_ready`, which also waits for good news from the service.
                let begun = Instant::now();
                while client.generation().0 == 0 {
                    if begun.elapsed() > PATIENCE {
                        return Err(Wrong::of(format!("frozen client {id}: no flags within {PATIENCE:?}")));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                self.add(number(id), Subject::new(Arc::new(client), number(id)), contents)
            }
            ["clone", id, of] => {
                let subject = self.subjects[&number(of)].again(number(id));
                self.subjects.insert(number(id), subject);
                Ok("ok 0".to_owned())
            }
            ["drop", id] => {
                self.subjects.remove(&number(id));
                Ok("ok 0".to_owned())
            }
            ["check", reads, seed, contents, lost, visitors, more] => {
                let who = |words: &str| words.split(',').filter_map(|word| word.parse().ok()).collect();
                let (now, more) = (parsed(contents), parsed(more));
                self.check(
                    number(reads),
                    number(seed),
                    &Allowed { now, lost: who(lost), visitors: who(visitors), more },
                )
            }
            _ => panic!("a host does not know {words:?}"),
        }
    }

    /// The file; with the planted defect a copy of it that nobody changes.
    fn place(&self) -> std::path::PathBuf {
        if self.defect != STALE {
            return self.path.to_owned();
        }
        let copy = self.path.with_file_name(format!("stale-{}", std::process::id()));
        let mut cp = Command::new("cp");
        let _ = cp.args(["--sparse=always"]).args([self.path, &copy]).status();
        copy
    }

    fn add(&mut self, id: u32, mut subject: Subject, contents: &str) -> Result<String, Wrong> {
        subject.is_deaf = self.defect == DEAF;
        let mut random = Rng::with_seed(u64::from(id));
        let answer = ask_one_of(&mut subject, &parsed(contents), FIRST_READS, &mut random);
        let reads = std::mem::take(&mut subject.reads);
        self.subjects.insert(id, subject);
        answer.map_err(|wrong| told(id, "new", &wrong))?;
        Ok(format!("ok {reads}"))
    }

    fn race(&mut self, seed: u64, contents: &[Content], end: &UnixStream) -> Result<String, Wrong> {
        race(self.path, &mut self.subjects, contents, end, &mut Rng::with_seed(seed))?;
        let reads: u64 = self.subjects.values_mut().map(|subject| std::mem::take(&mut subject.reads)).sum();
        Ok(format!("ok {reads}"))
    }

    fn check(&mut self, reads: usize, seed: u64, allowed: &Allowed) -> Result<String, Wrong> {
        let mut all = 0;
        for (id, subject) in &mut self.subjects {
            let mut random = Rng::with_seed(seed ^ u64::from(*id));
            let at = subject.at;
            if allowed.lost.contains(id) {
                let _ = subject.reader().status();
            }
            let is_visitor = allowed.visitors.contains(id);
            let mut candidates: Vec<Content> = if is_visitor { vec![at] } else { Vec::new() };
            candidates.extend(&allowed.now);
            candidates.extend(allowed.more.iter().filter(|_| is_visitor));
            // The first that fits is remembered, so that of several that look alike it is the earliest.
            candidates.retain(|content| content.order >= at.order);
            candidates.sort_by_key(|content| content.order);
            let begun = Instant::now();
            let late = if at.seed == 0 { NO_FILE } else { Duration::ZERO };
            let mut ask = |subject: &mut Subject| {
                ask_one_of(subject, &candidates, reads, &mut random)?;
                // Few flags, or none, look like no file: it has to have found that.
                if at.seed == 0 && subject.at.seed != 0 && subject.reader().generation().0 == 0 {
                    subject.at = at;
                    return Err(Wrong::of("generation 0 instead of one that was published".to_owned()));
                }
                Ok(())
            };
            while let Err(wrong) = ask(subject) {
                if begun.elapsed() >= late {
                    let is_old = subject.ask(at, reads, &mut Rng::with_seed(seed)).is_ok();
                    let how = if is_old { "frozen" } else { "living" };
                    let wrong = told(*id, how, &wrong);
                    // Last of all: a question for its status is a look at the path.
                    let (generation, status) = (subject.reader().generation(), subject.reader().status());
                    let (path, publisher) = (status.path, status.publisher);
                    return Err(Wrong::of(format!(
                        "{wrong}; it was at {}, now at generation {generation}, path {path:?}, publisher {publisher:?}",
                        at.words()
                    )));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            all += std::mem::take(&mut subject.reads);
        }
        Ok(format!("ok {all}"))
    }
}

/// The subject answers the first of `candidates` that fits, and nothing else.
///
/// # Errors
/// Why the first one does not.
pub fn ask_one_of(
    subject: &mut Subject,
    candidates: &[Content],
    reads: usize,
    random: &mut Rng,
) -> Result<(), Wrong> {
    let mut last = None;
    for candidate in candidates {
        match subject.ask(*candidate, reads, random) {
            Ok(()) => {
                subject.at = *candidate;
                return Ok(());
            }
            Err(wrong) => last = last.or(Some(wrong)),
        }
    }
    Err(last.unwrap_or_else(|| Wrong::of("nothing that came later is possible".to_owned())))
}

fn told(id: u32, how: &str, wrong: &Wrong) -> Wrong {
    Wrong::of(format!("{how} subject {id} ({:?}): {wrong}", super::subject::Diet::of(id)))
}

fn parsed(contents: &str) -> Vec<Content> {
    contents.split(',').filter_map(Content::parse).collect()
}

fn number<T: std::str::FromStr>(word: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    word.parse().unwrap()
}
