//! What can go wrong between a source and its file.

use vexil_format::{BuildError, WriteError};

use crate::lock::LockError;
use crate::payload::PayloadError;

/// Why a publisher could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another publisher has the file, or the lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] WriteError),
    /// A thread could not be started.
    #[error("cannot start a thread; raise the limit on processes")]
    Thread(#[source] std::io::Error),
}

/// Why a payload was not published. The last snapshot stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It is not a set of flags.
    #[error("payload refused: {0}")]
    Payload(#[from] PayloadError),
    /// Its keys cannot be put into a table.
    #[error("payload refused: {0}")]
    Build(#[from] BuildError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] WriteError),
}

/// Why a running publisher ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Somebody removed or replaced the lock file, so that another publisher may have started.
    #[error(
        "lock file {path} was removed or replaced while this publisher held it; start again, and leave that file alone"
    )]
    LockLost {
        /// The lock file.
        path: std::path::PathBuf,
    },
}
