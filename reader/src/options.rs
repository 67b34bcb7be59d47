//! How a reader opens its file.

/// How much of a file is checked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// Header and the checksum of the current snapshot: about 0.1 ms per MiB. The default, because a file that was
    /// damaged on disk is then never believed.
    #[default]
    Checksum,
    /// Header only. For programs that live for microseconds.
    Header,
}

/// Options of [`crate::Reader::open_with`].
#[derive(Debug, Clone, Default)]
pub struct Options {
    verify: Verify,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// How much is checked at open. [`Verify::Checksum`] by default.
    #[must_use]
    pub fn verify(mut self, verify: Verify) -> Options {
        self.verify = verify;
        self
    }

    pub(crate) fn verifies(&self) -> Verify {
        self.verify
    }
}
