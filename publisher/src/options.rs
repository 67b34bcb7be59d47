//! How a publisher holds its file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flagstaff_format::Hooks;

use crate::identity::Identity;
use crate::local::Guard;
use crate::lock::LockMode;
use crate::payload::Limits;

/// Snapshots that are kept unless something else is asked for.
pub const HISTORY: usize = 20;

/// Options of [`crate::Publisher::open`].
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    pub(crate) identity: Identity,
    pub(crate) file_mode: u32,
    pub(crate) lock_mode: LockMode,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    pub(crate) history: usize,
    pub(crate) source_name: String,
    pub(crate) import: Option<PathBuf>,
    pub(crate) checkpoint_every: Duration,
    pub(crate) thread_log: ThreadLog,
    pub(crate) watch: Hooks,
}

impl Default for PublisherOptions {
    fn default() -> PublisherOptions {
        PublisherOptions {
            identity: Identity::none(),
            file_mode: 0o440,
            lock_mode: LockMode::Owner,
            limits: Limits::default(),
            guard: Guard::OFF,
            history: 0,
            source_name: "a publisher".to_owned(),
            import: None,
            checkpoint_every: Duration::from_millis(2500),
            thread_log: ThreadLog::On,
            watch: Hooks::default(),
        }
    }
}

impl PublisherOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> PublisherOptions {
        PublisherOptions::default()
    }

    /// Whose flags these are. None by default. A file of another source is superseded; its flags are kept until the
    /// first payload.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> PublisherOptions {
        self.identity = identity;
        self
    }

    /// Mode of a new snapshot file. 0440 by default: its owner and group read it, and nobody writes to it by accident.
    #[must_use]
    pub fn file_mode(mut self, mode: u32) -> PublisherOptions {
        self.file_mode = mode;
        self
    }

    /// Who else may become the publisher. Only the owner by default.
    #[must_use]
    pub fn lock_mode(mut self, mode: LockMode) -> PublisherOptions {
        self.lock_mode = mode;
        self
    }

    /// What a payload may be. 5 MiB by default.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> PublisherOptions {
        self.limits = limits;
        self
    }

    /// Which payloads are held until somebody accepts them. None by default: whoever publishes by hand means it. `flagstaff run` and clients
    /// have a guard.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> PublisherOptions {
        self.guard = guard;
        self
    }

    /// How many of the last snapshots are kept beside the file, with a log of what changed, by whom and why. 0 by default: none.
    /// `flagstaff run`, `flagstaff publish` and clients keep [`HISTORY`].
    #[must_use]
    pub fn history(mut self, snapshots: usize) -> PublisherOptions {
        self.history = snapshots;
        self
    }

    /// What the history calls the source of the payloads, such as an address or the path of a file.
    #[must_use]
    pub fn source_name(mut self, name: impl Into<String>) -> PublisherOptions {
        self.source_name = name.into();
        self
    }

    /// A JSON cache of the SDK to start from, if there is no snapshot file yet. None by default. Snapshot files of the same key beside
    /// it, such as that of another base URL, are looked at as well: the flags that were published last are taken.
    #[must_use]
    pub fn import(mut self, path: Option<&Path>) -> PublisherOptions {
        self.import = path.map(Path::to_owned);
        self
    }

    /// Time from one checkpoint to the next, at least. 2.5 s by default: a power loss costs at most this much, and a
    /// busy source does not wear the disk out.
    #[must_use]
    pub fn checkpoint_every(mut self, time: Duration) -> PublisherOptions {
        self.checkpoint_every = time;
        self
    }

    /// The publisher's own threads log nothing. For a forked child, where a lock of the log may be held for ever by a thread that does
    /// not exist there. By default they log what happens to the file and the disk.
    #[must_use]
    pub fn silent_threads(mut self) -> PublisherOptions {
        self.thread_log = ThreadLog::Off;
        self
    }

    /// Observes every step of the publisher, from the lock to its end. For tests.
    #[doc(hidden)]
    #[must_use]
    pub fn watch(mut self, watch: Hooks) -> PublisherOptions {
        self.watch = watch;
        self
    }
}

/// Whether a thread logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadLog {
    On,
    Off,
}

impl ThreadLog {
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        match self {
            ThreadLog::On => work(),
            ThreadLog::Off => tracing::dispatcher::with_default(&tracing::Dispatch::none(), work),
        }
    }
}
