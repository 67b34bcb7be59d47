//! How a reader opens its file.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// How much of a file is checked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// Header and the checksum of the current snapshot: about 0.1 ms per MiB. The default, because flags are
    /// then never read from a file that was damaged on the disk.
    #[default]
    Checksum,
    /// Header only. For programs that live for microseconds.
    Header,
}

type OnFork = Box<dyn Fn() + Send + Sync>;

/// Options of [`Reader::open_with`](crate::Reader::open_with) and [`Reader::attach_with`](crate::Reader::attach_with).
#[derive(Clone, Default)]
pub struct ReaderOptions {
    verify: Verify,
    on_fork: Option<Arc<AssertUnwindSafe<OnFork>>>,
}

impl fmt::Debug for ReaderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderOptions")
            .field("verify", &self.verify)
            .field("on_fork", &self.on_fork.is_some())
            .finish()
    }
}

impl ReaderOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> ReaderOptions {
        ReaderOptions::default()
    }

    /// How much is checked at open. [`Verify::Checksum`] by default.
    #[must_use]
    pub fn verify(mut self, verify: Verify) -> ReaderOptions {
        self.verify = verify;
        self
    }

    /// What to call in a child of a fork: once per fork, in the middle of the child's first read through this reader, a
    /// clone or a handle of it, in the thread that reads. It may read flags itself, and it must not panic. For programs
    /// with threads of their own, which the child has lost; reading goes on without any help.
    ///
    /// Costs the other reads nothing: the page with the bounds of the fast path is wiped by the kernel in a child. Linux before 4.14
    /// does not do that, and then it is never called.
    #[must_use]
    pub fn on_fork(mut self, call: impl Fn() + Send + Sync + 'static) -> ReaderOptions {
        // The reader itself is fine after a panic in it.
        self.on_fork = Some(Arc::new(AssertUnwindSafe(Box::new(call))));
        self
    }

    pub(crate) fn forked(&self) {
        if let Some(call) = &self.on_fork {
            (call.0)();
        }
    }

    pub(crate) fn verifies(&self) -> Verify {
        self.verify
    }
}
