//! What all clones of a client share. Threads that work on it stand above: `background`, `election`, `watcher`, `path_watch`.
//!
//! Nothing here takes a lock that another process may have taken: what belongs to one process stands in [`Process`], and a
//! child makes a new one. The rest is atomic or never changes.

use std::path::Path;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, fence};
use std::sync::{Arc, Weak};
use std::time::Duration;

use flagstaff_reader::{Reader, ReaderOptions};

use crate::changes::Listener;
use crate::error::CloseError;
use crate::log::Line;
use crate::process::Process;
use crate::report::ErrorContext;
use crate::settings::Settings;
use flagstaff_publisher::ForkSafeList;

#[derive(Debug)]
pub(crate) struct State {
    /// Whether a getter has nothing to do but to read from `reader`: the background has been started, here or before a fork,
    /// and flags are where they were looked for first.
    pub(crate) is_direct: AtomicBool,
    is_closed: AtomicBool,
    /// Whether it was reported that the file cannot be written. Inherited: children need not report it again.
    has_complained: AtomicBool,
    pub(crate) settings: Settings,
    /// At the location of the settings.
    pub(crate) reader: Reader,
    /// In memory, once that is used instead.
    fallback: ForkSafeList<Reader>,
    pub(crate) processes: ForkSafeList<Process>,
    /// Starts the background of a child, with its first read.
    start: fn(&Arc<State>),
    pub(crate) listeners: ForkSafeList<Listener>,
}

impl State {
    pub(crate) fn new(settings: Settings, start: fn(&Arc<State>)) -> Arc<State> {
        Arc::new_cyclic(|state| State {
            is_direct: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            has_complained: AtomicBool::new(false),
            reader: Reader::attach_with(settings.location.path(), &reader_options(state)),
            settings,
            fallback: ForkSafeList::new(),
            processes: ForkSafeList::new(),
            start,
            listeners: ForkSafeList::new(),
        })
    }

    /// One load: all that a read costs more than that of a `Reader`.
    #[inline(always)]
    pub(crate) fn is_direct(&self) -> bool {
        self.is_direct.load(Relaxed)
    }

    /// Looks whether somebody put another file where this client reads.
    pub(crate) fn look_at_paths(&self) {
        self.reader.look_at_path();
        if let Some(fallback) = self.fallback.iter().next() {
            fallback.look_at_path();
        }
    }

    /// Where to read: in memory as soon as there is something, or if there is nothing anywhere.
    pub(crate) fn reader_now(&self) -> &Reader {
        match self.fallback.iter().next() {
            Some(fallback) if fallback.generation().0 > 0 || self.reader.generation().0 == 0 => fallback,
            _ => &self.reader,
        }
    }

    /// The threads of this process, if they were started.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.processes.newest_here()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    /// From now on nothing is started any more. Waits at most `limit` for the end of what runs.
    pub(crate) fn close(&self, limit: Duration) -> Result<(), CloseError> {
        self.is_closed.store(true, SeqCst);
        // Before the look at the process, as in `start`.
        fence(SeqCst);
        // In a child that has not read yet there is nothing to end.
        let Some(process) = self.process() else { return Ok(()) };
        process.stop();
        process.wait_for_end(limit)
    }

    /// Reports once that the file cannot be written, also for all forked children.
    pub(crate) fn complain(&self, process: &Process, error: ErrorContext) {
        if !self.has_complained.swap(true, AcqRel) {
            process.log.push(Line::Warning(format!("flags cannot be published to the file: {error}")));
            process.errors.push(error);
        }
    }

    /// Reads come from `path` as soon as there is something in it.
    pub(crate) fn move_to(self: &Arc<State>, path: &Path) {
        if self.fallback.iter().next().is_none() {
            self.fallback.push(Reader::attach_with(path, &reader_options(&Arc::downgrade(self))));
        }
        self.is_direct.store(false, Release);
    }

    /// From now on getters read straight from `reader`, unless flags are kept in memory.
    pub(crate) fn go_direct(&self) {
        if self.fallback.iter().next().is_none() {
            self.is_direct.store(true, Release);
        }
    }
}

/// A child has lost the threads of its parent. Its first read, through whichever clone or handle, starts its own.
fn reader_options(state: &Weak<State>) -> ReaderOptions {
    let state = state.clone();
    ReaderOptions::default().on_fork(move || {
        // A parent that had started nothing left nothing to start again: whoever reads through the client does.
        if let Some(state) = state.upgrade().filter(|state| state.processes.iter().next().is_some()) {
            (state.start)(&state);
        }
    })
}
