//! How a command reaches a publisher that is another process: a directory beside the snapshot, `.NAME.inbox`, with one file for each.
//!
//! It is made by the first command. A command is written under another name and then renamed to `ID.request`. The publisher looks twice a
//! second, and when somebody rings (`bell`), renames it to `ID.taken`, does it, writes `ID.answer` and removes it. One that dies in between leaves `ID.taken` to the next, which
//! does it again: every command may be done twice. A command that waited too long takes `ID.request` back; if it is not there any more, an
//! answer is on its way. What nobody waits for any more is not done.
//!
//! Only who may publish may command. The publisher asks the kernel whose a file is, of the directory too; what belongs to others is
//! reported once and left alone, and no link is followed.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flagstaff_format::unix_micros;
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};

use super::command::{Command, Done};
use super::overrides::{Now, Term};
use crate::side_files::{Commanders, SideFiles, check_directory, open_trusted, remove, text_of, write_new};

/// The directory.
const DIRECTORY: &str = "inbox";

/// Bytes of a command, at most.
const MOST_BYTES: u64 = 256 * 1024;

/// Commands that are taken at once.
const MOST_AT_ONCE: usize = 64;

/// Answers that nobody read, and files that nobody completed, are removed after so long.
const KEPT: Duration = Duration::from_secs(60);

/// A command as it stands in its file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) who: String,
    /// From when it was given until when somebody waits for the answer.
    pub(crate) wait: Term,
    #[serde(flatten)]
    pub(crate) command: Command,
}

/// A command that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    id: String,
    pub(crate) uid: u32,
    pub(crate) request: Result<Request, String>,
}

/// What stands in an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Done),
    Refused(String),
}

/// The directory, looked at by one side.
#[derive(Debug)]
pub(crate) struct Inbox {
    directory: PathBuf,
    /// Names that were reported.
    reported: BTreeSet<PathBuf>,
}

impl Inbox {
    pub(crate) fn of(side_files: &SideFiles) -> Inbox {
        Inbox { directory: side_files.path(DIRECTORY), reported: BTreeSet::new() }
    }

    /// Takes what has come, in the order in which it was given.
    pub(crate) fn take(&mut self, side_files: &SideFiles) -> Vec<Taken> {
        // Nearly always there is none: that is all a heartbeat costs.
        let Ok(found) = fs::symlink_metadata(&self.directory) else { return Vec::new() };
        let commanders = side_files.commanders();
        if !found.is_dir() || !commanders.admit(&found) {
            self.report(self.directory.clone(), "it is no directory of somebody who may publish");
            return Vec::new();
        }
        let names =
            fs::read_dir(&self.directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let mut names: Vec<PathBuf> = names.take(16 * MOST_AT_ONCE).collect();
        names.sort();
        let mut all = Vec::new();
        for path in names {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("request" | "taken") if all.len() < MOST_AT_ONCE => {
                    all.extend(self.take_one(&path, &commanders));
                }
                // Also what whoever was killed while writing left behind.
                Some("answer" | "answer-new" | "new") if is_old(&path) => drop(remove(&path)),
                _ => {}
            }
        }
        all
    }

    fn take_one(&mut self, path: &Path, commanders: &Commanders) -> Option<Taken> {
        let (file, found) = match open_trusted(path, commanders) {
            Ok(found) => found,
            // It was taken back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.report(path.to_owned(), &error.to_string());
                return None;
            }
        };
        // From here on it cannot be taken back.
        if fs::rename(path, path.with_extension("taken")).is_err() {
            return None;
        }
        let id = path.file_stem()?.to_str()?.to_owned();
        let text = text_of(&file, MOST_BYTES);
        let request = text.and_then(|text| Ok(serde_json::from_str::<Request>(&text)?));
        let request = request.map_err(|error| format!("the command cannot be read: {error}"));
        let request = request.and_then(|request| match request.wait.holds(&Now::read()) {
            true => Ok(request),
            false => Err("nobody waits for this command any more, so it was not done".to_owned()),
        });
        Some(Taken { id, uid: found.uid(), request })
    }

    /// Leaves the answer. An error only leaves whoever waits without one.
    pub(crate) fn answer(&self, taken: &Taken, answer: Result<Done, String>) {
        let path = |extension: &str| self.directory.join(format!("{}.{extension}", taken.id));
        let answer = match answer {
            Ok(done) => Answer::Done(done),
            Err(problem) => Answer::Refused(problem),
        };
        let text = serde_json::to_string(&answer).unwrap_or_default();
        let (new, whole) = (path("answer-new"), path("answer"));
        // Whoever may enter the directory may read it: nobody else can.
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH;
        let written = remove(&new).and_then(|()| write_new(&new, mode, None, text.as_bytes()));
        if let Err(error) = written.and_then(|()| fs::rename(&new, &whole)) {
            tracing::warn!(%error, path = %whole.display(), "an answer cannot be left for the command that waits for it");
        }
        let _ = remove(&path("taken"));
    }

    fn report(&mut self, path: PathBuf, problem: &str) {
        if self.reported.len() < 1000 && self.reported.insert(path.clone()) {
            tracing::warn!(path = %path.display(), problem, "what lies there is no command and is left alone; remove it");
        }
    }

    /// Posts a command, and returns what it is called by.
    pub(crate) fn post(&self, side_files: &SideFiles, request: &Request) -> io::Result<String> {
        let commanders = side_files.commanders();
        self.make(&commanders)?;
        let id = format!("{:020}-{:08x}", unix_micros(), fastrand::u32(..));
        let (new, whole) =
            (self.directory.join(format!("{id}.new")), self.directory.join(format!("{id}.request")));
        let mut mode = Mode::RUSR | Mode::WUSR;
        if commanders.group().is_some() {
            mode |= Mode::RGRP | Mode::WGRP;
        }
        write_new(&new, mode, commanders.group(), &serde_json::to_vec(request)?)?;
        if let Some((uid, gid)) = commanders.new_owner() {
            chown(&new, Some(uid), Some(gid))?;
        }
        fs::rename(&new, &whole)?;
        Ok(id)
    }

    fn make(&self, commanders: &Commanders) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Ok(()) => {
                if let Some(gid) = commanders.group() {
                    chown(&self.directory, None, Some(gid))?;
                    fs::set_permissions(&self.directory, Permissions::from_mode(0o770))?;
                }
                if let Some((uid, gid)) = commanders.new_owner() {
                    chown(&self.directory, Some(uid), Some(gid))?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        check_directory(&self.directory, commanders)
    }

    /// The answer to a command, once.
    pub(crate) fn collect(&self, id: &str) -> Option<Result<Done, String>> {
        let path = self.directory.join(format!("{id}.answer"));
        let text = fs::read_to_string(&path).ok()?;
        let _ = remove(&path);
        Some(match serde_json::from_str(&text) {
            Ok(Answer::Done(done)) => Ok(done),
            Ok(Answer::Refused(problem)) => Err(problem),
            Err(error) => Err(format!("the answer cannot be read: {error}")),
        })
    }

    /// Takes a command back. False if a publisher has taken it.
    pub(crate) fn withdraw(&self, id: &str) -> bool {
        fs::remove_file(self.directory.join(format!("{id}.request"))).is_ok()
    }
}

fn is_old(path: &Path) -> bool {
    let written = fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
    written.is_some_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > KEPT))
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
