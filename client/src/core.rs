//! What all clones of a client share, and what becomes of it in a forked child.
//!
//! Nothing here takes a lock that another process may have taken: what belongs to one process stands in [`Process`], and a
//! child makes a new one. The rest is atomic or never changes.

use std::path::Path;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, fence};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_reader::{LinkState, Reader, ReaderOptions};

use crate::changes::{self, Listener};
use crate::election;
use crate::fork_safe_list::{Entry, ForkSafeList};
use crate::log::{Line, silently};
use crate::looker;
use crate::process::{Ending, Process};
use crate::report::ErrorContext;
use crate::settings::Settings;

/// How long the first read waits at most for flags that were there before.
const IMPORT_LIMIT: Duration = Duration::from_secs(1);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(crate) struct Core {
    /// Whether a getter has nothing to do but to read from `reader`: the background has been started, here or before a fork,
    /// and flags are where they were looked for first.
    is_direct: AtomicBool,
    is_closed: AtomicBool,
    /// Whether it was said that the file cannot be written. Inherited: children need not say it again.
    has_complained: AtomicBool,
    pub(crate) settings: Settings,
    /// The place of the settings.
    pub(crate) reader: Reader,
    /// The place in memory, once it is used instead.
    fallback: ForkSafeList<Reader>,
    processes: ForkSafeList<Process>,
    pub(crate) listeners: ForkSafeList<Listener>,
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Arc<Core> {
        Arc::new_cyclic(|core| Core {
            is_direct: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            has_complained: AtomicBool::new(false),
            reader: Reader::attach_with(settings.location.path(), &reader_options(core)),
            settings,
            fallback: ForkSafeList::new(),
            processes: ForkSafeList::new(),
            listeners: ForkSafeList::new(),
        })
    }

    /// One load: all that a read costs more than that of a `Reader`.
    #[inline(always)]
    pub(crate) fn is_direct(&self) -> bool {
        self.is_direct.load(Relaxed)
    }

    /// Starts the background if need be, and says where to read.
    #[cold]
    pub(crate) fn reader_of_start(self: &Arc<Core>) -> &Reader {
        if !self.process().is_some_and(Process::is_started) {
            self.start();
            self.wait_for_import();
        }
        self.reader_now()
    }

    /// Where the SDK was before, or another base URL, its flags answer from the first read on. Whoever has the lock takes them over, in
    /// some 10 ms: reading a file, and no network. Once there is a snapshot this waits for nothing any more.
    pub(crate) fn wait_for_import(&self) {
        let is_due = self.process().is_some_and(Process::is_started)
            && self.reader.generation().0 == 0
            && self.settings.has_predecessor();
        if !is_due {
            return;
        }
        let begun = Instant::now();
        // A publisher that asks the service has found nothing of use.
        while self.reader.generation().0 == 0
            && self.reader.status().link == LinkState::Idle
            && begun.elapsed() < IMPORT_LIMIT
        {
            thread::sleep(LOOK_EVERY);
        }
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

    /// Starts the threads of this process. Does nothing if they are there, or if the client is closed.
    pub(crate) fn start(self: &Arc<Core>) {
        if self.is_closed() {
            return self.go_direct();
        }
        let make = || Process::new(self.settings.on_error.as_ref());
        let process = match self.processes.get_or_push(make) {
            Entry::New(process) | Entry::Found(process) => process,
        };
        // After the process can be found: either `close` finds it, or this finds that there was a `close`. The fence keeps the look
        // from coming before what was added.
        fence(SeqCst);
        if self.is_closed() {
            return;
        }
        if let Some(callback) = self.settings.on_start.as_ref().filter(|_| !process.is_started()) {
            // Before there is a thread that may have something to say, and where no lock is taken.
            (callback.0)();
        }
        process.start(|| {
            // Before the background may decide otherwise.
            self.go_direct();
            let core = self.clone();
            thread::Builder::new().name("flag-client".to_owned()).spawn(move || core.work()).map(drop)
        });
        if process.is_started() && process.becomes_looker() {
            looker::look_for(self, process);
        }
        if !process.is_started() {
            // So that the next read tries again.
            self.is_direct.store(false, Release);
        }
        if self.listeners.iter().next().is_some() {
            changes::watch(self, process, None);
        }
    }

    /// The threads of this process, if they were started.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.processes.newest_here()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    /// From now on nothing is started any more. `None`: it did not end within `limit`.
    pub(crate) fn close(&self, limit: Duration) -> Option<Ending> {
        self.is_closed.store(true, SeqCst);
        // Before the look at the process, as in `start`.
        fence(SeqCst);
        // In a child that has not read yet there is nothing to end.
        let Some(process) = self.process() else { return Some(Ending::Clean) };
        process.stop();
        process.wait_for_end(limit)
    }

    /// Says once that the file cannot be written, for all processes that come of this one.
    pub(crate) fn complain(&self, process: &Process, error: ErrorContext) {
        if !self.has_complained.swap(true, AcqRel) {
            process.log.push(Line::Warning(format!("flags cannot be published to the file: {error}")));
            process.errors.push(error);
        }
    }

    /// Reads come from `path` as soon as there is something in it.
    pub(crate) fn move_to(self: &Arc<Core>, path: &Path) {
        if self.fallback.iter().next().is_none() {
            self.fallback.push(Reader::attach_with(path, &reader_options(&Arc::downgrade(self))));
        }
        self.is_direct.store(false, Release);
    }

    fn go_direct(&self) {
        if self.fallback.iter().next().is_none() {
            self.is_direct.store(true, Release);
        }
    }

    fn work(self: Arc<Core>) {
        if let Some(process) = self.process() {
            process.has_begun();
            let ending = silently(|| election::run(&self, process));
            process.has_ended(ending);
        }
    }
}

/// A child has lost the threads of its parent. Its first read, through whichever clone or handle, starts its own.
fn reader_options(core: &Weak<Core>) -> ReaderOptions {
    let core = core.clone();
    ReaderOptions::default().on_fork(move || {
        // A parent that had started nothing left nothing to start again: whoever reads through the client does.
        if let Some(core) = core.upgrade().filter(|core| core.processes.iter().next().is_some()) {
            core.start();
        }
    })
}
