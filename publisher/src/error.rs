//! What can go wrong between a source and its file.

use flagstaff_format::{BuildError, WriteError};

use crate::local::Suspicion;
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
    /// The guard holds it until it is accepted, or a payload comes that is not suspicious.
    #[error(
        "payload held: {0}; look at it with `flagstaff accept --show`, and publish it with `flagstaff accept`"
    )]
    Held(Box<Suspicion>),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] WriteError),
    /// The lock is not held: its file was removed or replaced, so that another publisher may have started, or this is a
    /// forked child of the process that took it.
    #[error(
        "the lock on {path} is not held any more, so nothing is published; drop this publisher and open another"
    )]
    LockLost {
        /// The lock file.
        path: std::path::PathBuf,
    },
}

/// Why the last flags may not be on the disk after a publisher has closed. Readers have them in memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The disk hangs. It may take them later, if this process lives on.
    #[error("the disk did not take the last checkpoint of {path} within {} s", patience.as_secs())]
    Timeout {
        /// The snapshot file.
        path: std::path::PathBuf,
        /// The time that it was given.
        patience: std::time::Duration,
    },
    /// The checkpoint could not be written.
    #[error(transparent)]
    Disk(#[from] WriteError),
    /// The lock file was removed or replaced, so that another publisher may have started: nothing more was written.
    #[error("lock file {path} was removed or replaced, so no last checkpoint was written")]
    LockLost {
        /// The lock file.
        path: std::path::PathBuf,
    },
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
