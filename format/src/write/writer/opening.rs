//! Opening a file to publish into: whatever is found there, the best snapshot in it is carried on.

use std::path::{Path, PathBuf};

use super::live_link::{self, LeftBehind};
use super::superseding::mark;
use super::{NOBODY, Writer, WriterOptions};
use crate::archive::checked::Archive;
use crate::bytes::error::{OpenError, WriteError};
use crate::bytes::header::{Header, unix_micros};
use crate::read::area;
use crate::read::open::{self, Candidate};
use crate::sync::boot::BootId;
use crate::sync::map::Mapping;
use crate::sync::protocol::{self, Generation, MAX_GENERATION, Sound};
use crate::write::disk;
use crate::write::file::{Rights, SnapshotFile, failed, rights_of};
use crate::write::hooks::Hooks;

/// What a publisher found at its path, and what it did about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// There was none: a new one was made.
    Nothing,
    /// It was good: publishing goes on in it.
    Good,
    /// Its current generation was damaged: an older or durable one was published again in the same file.
    Repaired(String),
    /// It was superseded by a new file.
    Superseded(String),
    /// It was no snapshot: it was put aside and a new file was made.
    PutAside(PathBuf),
}

/// An open writer, and what was in its file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The writer.
    pub writer: Writer,
    /// The current snapshot, if there is one.
    pub snapshot: Option<Archive>,
    /// What was found at the path, and what was done about it.
    pub found: Opening,
}

/// How the snapshot of an old file to go on from is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Its generation word, which is true within one boot, marked or not: a publish that was cut short was seen by nobody. Where its
    /// slot is damaged, the frames.
    Word,
    /// Checksums alone.
    Frames,
}

impl Writer {
    /// Opens the file at `path`, or makes it. Whatever is good in it is kept: of the current slot, the other slot and
    /// the checkpoints, in this order, or the newest of all four after a reboot.
    ///
    /// # Errors
    /// [`WriteError`], if the file must not be touched (unsafe, not ours, of a newer format) or cannot be written.
    pub fn open(path: &Path, options: &WriterOptions) -> Result<Opened, WriteError> {
        let (rights, hooks) = (Rights { mode: options.mode, owner: None }, &options.hooks);
        hooks.failpoint("open");
        let at_path = match open::candidate(path).map(|candidate| (candidate.header(path), candidate)) {
            // A snapshot whose first bytes were damaged still has whole frames, and readers that must be told to move.
            Ok((Err(e @ OpenError::NotASnapshot { .. }), candidate))
                if area::newest(&candidate.map).is_none() =>
            {
                Err(e)
            }
            other => other,
        };
        let id = at_path.as_ref().ok().map(|(_, candidate)| candidate.id());
        let left = LeftBehind::find(path, options.link.as_deref(), id);
        let (header, candidate) = match at_path {
            Ok(found) => found,
            Err(OpenError::Missing { .. }) => {
                return Writer::anew(path, options, rights, &left, Opening::Nothing);
            }
            Err(OpenError::NotASnapshot { problem, .. }) if is_empty(path) => {
                return Writer::anew(path, options, rights, &left, Opening::Superseded(problem));
            }
            Err(e @ OpenError::NotASnapshot { .. }) => {
                let aside = put_aside(path, e, hooks)?;
                return Writer::anew(path, options, rights, &left, Opening::PutAside(aside));
            }
            Err(e) => return Err(e.into()),
        };
        let old = Old { candidate: &candidate, left: &left, rights: rights_of(&candidate.metadata) };
        let header = match header {
            Ok(header) => header,
            Err(OpenError::NotASnapshot { problem, .. } | OpenError::Header { problem, .. }) => {
                return Writer::replace(path, options.identity, old, Trust::Frames, problem, hooks);
            }
            Err(e) => return Err(e.into()),
        };
        let identity = if options.identity == NOBODY { header.identity } else { options.identity };
        let is_of_this_boot = header.boot.may_be(BootId::current());
        let trust = if is_of_this_boot { Trust::Word } else { Trust::Frames };
        let why_not = match () {
            () if is_marked(&candidate.map) => "it was marked as superseded",
            () if !is_of_this_boot => "it is from another boot",
            () if header.identity != identity => "it is from another source",
            () if left.iter().any(|left| must_be_told(left, &candidate.map)) => {
                "it was put in the place of another one"
            }
            () => return Writer::go_on(path, Header { identity, ..header }, old, hooks),
        };
        Writer::replace(path, identity, old, trust, why_not.to_owned(), hooks)
    }

    /// Makes a file where there is none. Whoever removes the file does not mean to lose the flags, no more than with a publisher that
    /// is running: those that readers still have are carried on.
    fn anew(
        path: &Path,
        options: &WriterOptions,
        rights: Rights,
        left: &[LeftBehind],
        found: Opening,
    ) -> Result<Opened, WriteError> {
        let hooks = &options.hooks;
        let Some(newest) = left.first() else {
            let header = Header::now(options.identity);
            let new = SnapshotFile::create_beside(path, header, rights, Generation(0), None, hooks)?;
            let mut writer = Writer::of(new, header)?;
            writer.move_in(path, || Ok(()))?;
            return Ok(Opened { writer, snapshot: None, found });
        };
        let trust = trust_of(&newest.candidate, path);
        let kept = newest.candidate.header(path).map_or(NOBODY, |header| header.identity);
        let identity = if options.identity == NOBODY { kept } else { options.identity };
        let old = Old { candidate: &newest.candidate, left, rights };
        let why = "it was removed, and was found again by its second name".to_owned();
        let opened = Writer::replace(path, identity, old, trust, why, hooks)?;
        Ok(match found {
            Opening::Nothing => opened,
            found => Opened { found, ..opened },
        })
    }
    fn go_on(path: &Path, header: Header, old: Old<'_>, hooks: &Hooks) -> Result<Opened, WriteError> {
        // In one boot the word is the truth, and nothing but the slot of an interrupted publish is ahead of it.
        let map = &old.candidate.map;
        let seen = protocol::observe::<Sound, _>(map.generation());
        if area::is_ahead(map, seen) || seen.generation().0 >= MAX_GENERATION / 2 {
            let why = format!("its generation word says {}, which does not fit the rest", seen.generation());
            return Writer::replace(path, header.identity, old, Trust::Frames, why, hooks);
        }
        let mut writer = Writer::of(SnapshotFile::open(path, old.candidate.id(), hooks)?, header)?;
        live_link::keep(&writer.snapshot);
        // What readers check first, and then what is carried on.
        let current = area::check_current(&writer.map).and_then(|_| area::copy_current(&writer.map));
        let newest = || area::newest(&writer.map).map(|(_, archive)| archive);
        let (mut snapshot, why) = match current {
            Ok(Some(snapshot)) => {
                return Ok(Opened { writer, snapshot: Some(snapshot), found: Opening::Good });
            }
            // Readers take a good snapshot for one that was published, and they never go back.
            Ok(None) => match newest() {
                None => return Ok(Opened { writer, snapshot: None, found: Opening::Good }),
                first => (first, "its first publish was cut short".to_owned()),
            },
            Err(damage) => (newest(), damage.to_string()),
        };
        if let Some(archive) = &mut snapshot {
            writer.publish(archive)?;
        }
        Ok(Opened { writer, snapshot, found: Opening::Repaired(why) })
    }

    /// Supersedes a file that nobody publishes into any more, with the snapshot that it holds, or, if it holds none, with what readers
    /// have of those that were left behind: a copy from before the first publish has nothing to be carried on.
    fn replace(
        path: &Path,
        identity: [u8; 32],
        Old { candidate: old, left, rights }: Old<'_>,
        trust: Trust,
        why: String,
        hooks: &Hooks,
    ) -> Result<Opened, WriteError> {
        hooks.failpoint("take over");
        // By their names, which are about to change.
        let told: Vec<SnapshotFile> =
            left.iter().filter_map(|left| left.open(hooks).transpose()).collect::<Result<_, _>>()?;
        let floor = area::generation_floor(&old.map);
        let floor = left.iter().map(LeftBehind::reached).fold(floor, Generation::max);
        let of_left = || left.iter().find_map(|left| best(&left.candidate, trust_of(&left.candidate, path)));
        let mut snapshot = best(old, trust).or_else(of_left);
        if let Some(archive) = &mut snapshot {
            archive.set_generation(floor.next());
        }
        let header = Header::now(identity);
        let new = SnapshotFile::create_beside(path, header, rights, floor, snapshot.as_ref(), hooks)?;
        let mut writer = Writer::of(new, header)?;
        let is_left = left.iter().any(|left| left.candidate.id() == old.id());
        writer.move_in(path, || {
            if !is_left {
                mark(&SnapshotFile::open(path, old.id(), hooks)?)?;
            }
            told.iter().try_for_each(mark)
        })?;
        Ok(Opened { writer, snapshot, found: Opening::Superseded(why) })
    }
}

/// A file that nobody publishes into any more.
#[derive(Clone, Copy)]
struct Old<'a> {
    /// What is carried on.
    candidate: &'a Candidate,
    /// What readers may still have beside it; the same file, if there is nothing at the path.
    left: &'a [LeftBehind],
    /// Those of the new file.
    rights: Rights,
}

fn trust_of(candidate: &Candidate, path: &Path) -> Trust {
    match candidate.header(path) {
        Ok(header) if header.boot.may_be(BootId::current()) => Trust::Word,
        _ => Trust::Frames,
    }
}

/// The snapshot to go on from.
fn best(candidate: &Candidate, trust: Trust) -> Option<Archive> {
    let current = match trust {
        Trust::Word => area::copy_current(&candidate.map).ok().flatten(),
        Trust::Frames => None,
    };
    // The header may be of another layout: what looks whole but does not find its own keys is not carried over.
    current.or_else(|| Some(area::newest(&candidate.map)?.1)).filter(|archive| archive.verify().is_ok())
}

/// Whether readers of a file that was left behind do not know yet, or would not follow to what is at the path.
fn must_be_told(left: &LeftBehind, at_path: &Mapping) -> bool {
    !is_marked(&left.candidate.map) || left.reached() >= area::generation_floor(at_path)
}

fn is_marked(map: &Mapping) -> bool {
    protocol::observe::<Sound, _>(map.generation()).is_superseded()
}

/// Somebody's file that is no snapshot: kept under another name where the name says that it should be one.
fn put_aside(path: &Path, why: OpenError, hooks: &Hooks) -> Result<PathBuf, WriteError> {
    if path.extension().is_none_or(|extension| extension != "flagstaff") {
        return Err(why.into());
    }
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut aside = beside(".damaged");
    if aside.exists() {
        aside = beside(&format!(".damaged-{}", unix_micros()));
    }
    disk::rename(hooks, path, &aside).map_err(failed("put aside", path))?;
    Ok(aside)
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0)
}
