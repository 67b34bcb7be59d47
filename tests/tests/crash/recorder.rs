//! What a publisher did to its file system, in order, with what it was told and what it told others.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use flagstaff_format::layout::{HEADER_BYTES, word};
use flagstaff_format::{FileId, FileOp, Hooks, Observer};
use rustix::io::Errno;

/// One entry of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Create {
        path: PathBuf,
    },
    Open {
        path: PathBuf,
        file: FileId,
    },
    Size {
        file: FileId,
        bytes: u64,
    },
    Write {
        file: FileId,
        at: u64,
        bytes: Vec<u8>,
    },
    Sync {
        file: FileId,
        outcome: Outcome,
    },
    SyncDirectory {
        outcome: Outcome,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    /// Somebody else removed the file: nothing that was acknowledged is promised any more.
    RemovedByHand {
        path: PathBuf,
    },
    /// Content `n` is about to be published.
    Tries(u64),
    /// Readers see content `n`.
    Published(u64),
    /// Content `n`, or a newer one, is on the disk: somebody was told so.
    Acknowledged(u64),
    /// The current slot was damaged by somebody else.
    Damaged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    Failed,
    /// Good, but of the live slots alone: a mutant.
    OnlySlots,
}

/// The witness.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// Slots are written as on file systems where they are not mapped for that.
    by_calls: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    /// Steps so far that the operating system may refuse.
    fallible: usize,
    /// Which of them fail.
    fails: Option<std::ops::Range<usize>>,
    /// Steps until the process is dead.
    dies_in: Option<usize>,
    /// Names of steps that were made to fail.
    failed: Vec<&'static str>,
    /// Operations before the first of them.
    failed_at: usize,
}

impl Recorder {
    pub(crate) fn new(by_calls: bool) -> Arc<Recorder> {
        Arc::new(Recorder { by_calls, ..Recorder::default() })
    }

    pub(crate) fn watch(self: &Arc<Recorder>) -> Hooks {
        Hooks::new(self.clone())
    }

    /// Adds something that was said or done by others. The dead say nothing.
    pub(crate) fn note(&self, op: Op) {
        let mut state = self.state();
        if state.dies_in != Some(0) {
            state.ops.push(op);
        }
    }

    /// Everything so far.
    pub(crate) fn ops(&self) -> Vec<Op> {
        self.state().ops.clone()
    }

    /// From now on the process has `steps` steps to live. Until [`Recorder::revive`] nothing is done any more.
    pub(crate) fn die_in(&self, steps: usize) {
        self.state().dies_in = Some(steps);
    }

    pub(crate) fn revive(&self) {
        self.state().dies_in = None;
    }

    /// Lets the steps with these numbers fail, counted among those that can.
    pub(crate) fn fail(&self, steps: std::ops::Range<usize>) {
        self.state().fails = Some(steps);
    }

    /// From now on nothing fails any more.
    pub(crate) fn heal(&self) {
        self.state().fails = None;
    }

    pub(crate) fn fallible(&self) -> usize {
        self.state().fallible
    }

    /// What was made to fail.
    pub(crate) fn failed(&self) -> Vec<&'static str> {
        self.state().failed.clone()
    }

    /// Operations before the first failure.
    pub(crate) fn failed_at(&self) -> usize {
        self.state().failed_at
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Observer for Recorder {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        let mut state = self.state();
        if matches!(step, FileOp::Failpoint(_)) {
            return Ok(());
        }
        match &mut state.dies_in {
            Some(0) => return Err(Errno::OWNERDEAD.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        let mut outcome = Outcome::Good;
        if let Some(name) = fallible(step) {
            let number = state.fallible;
            state.fallible += 1;
            if state.fails.as_ref().is_some_and(|fails| fails.contains(&number)) {
                if state.failed.is_empty() {
                    state.failed_at = state.ops.len();
                }
                state.failed.push(name);
                outcome = Outcome::Failed;
            }
        }
        let path = |path: &Path| path.to_owned();
        let op = match *step {
            FileOp::Sync { file } => Some(Op::Sync { file, outcome }),
            FileOp::SyncDirectory { .. } => Some(Op::SyncDirectory { outcome }),
            // Nothing came of it.
            _ if outcome == Outcome::Failed => None,
            FileOp::Create { path: new } => Some(Op::Create { path: path(new) }),
            FileOp::Open { path: at, file } => Some(Op::Open { path: path(at), file }),
            FileOp::Size { file, bytes } => Some(Op::Size { file, bytes }),
            FileOp::Write { file, at, bytes } => Some(Op::Write { file, at, bytes: bytes.to_vec() }),
            FileOp::Store { file, word: word::EVENT, value } => {
                let bytes = (value as u32).to_le_bytes().to_vec();
                Some(Op::Write { file, at: word::EVENT as u64 * 8, bytes })
            }
            FileOp::Store { file, word, value } => {
                Some(Op::Write { file, at: word as u64 * 8, bytes: value.to_le_bytes().to_vec() })
            }
            FileOp::Rename { from, to } => Some(Op::Rename { from: path(from), to: path(to) }),
            FileOp::Link { from, to } => Some(Op::Link { from: path(from), to: path(to) }),
            FileOp::Remove { path: name } => Some(Op::Remove { path: path(name) }),
            // Reserved space reads as zeros; owner and mode are not what this is about.
            _ => None,
        };
        state.ops.extend(op);
        if outcome == Outcome::Failed { Err(Errno::IO.into()) } else { Ok(()) }
    }

    fn allows_mapping(&self) -> bool {
        !self.by_calls
    }
}

/// The name of a step that an operating system may refuse.
fn fallible(step: &FileOp<'_>) -> Option<&'static str> {
    match step {
        FileOp::Create { .. } => Some("create"),
        FileOp::Size { .. } => Some("size"),
        FileOp::Reserve { .. } => Some("reserve"),
        FileOp::Write { at, .. } if (word::FEED as u64 * 8..HEADER_BYTES).contains(at) => Some("write feed"),
        FileOp::Write { .. } => Some("write"),
        FileOp::Store { word: word::EVENT, .. } => Some("store event"),
        FileOp::Store { word, .. } if word::FEED_HEADS.contains(word) => Some("store feed head"),
        FileOp::Store { word, .. } if word::RESERVED.contains(word) => Some("store reserved"),
        FileOp::Store { .. } => Some("store"),
        FileOp::Sync { .. } => Some("sync"),
        FileOp::SyncDirectory { .. } => Some("sync directory"),
        FileOp::Link { .. } => Some("link"),
        FileOp::Rename { to, .. } if to.extension().is_some_and(|ending| ending == "live") => {
            Some("rename second name")
        }
        FileOp::Rename { .. } => Some("rename"),
        FileOp::Mode { .. } => Some("mode"),
        _ => None,
    }
}
