//! Why a server does not start, and why a change is not made.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use flagstaff_publisher::lock::LockError;
use flagstaff_publisher::payload::{ImportError, PayloadError};
use flagstaff_publisher::sse::ApiKeyError;
use serde_json::value::RawValue;

pub(crate) use flagstaff_publisher::with_causes;

/// Why a server does not start. Nothing was changed on the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An API key that cannot be sent in a header.
    #[error("api key of an environment is invalid")]
    ApiKey(#[from] ApiKeyError),
    /// One key for two environments.
    #[error("two environments have the api key {key:?}; give each its own")]
    SameKey {
        /// The key.
        key: String,
    },
    /// One file for two environments.
    #[error("two environments have the file {}; give each its own", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
    },
    /// The file of an environment does not exist.
    #[error("flag file {} does not exist; pass --create to make an empty one, or name another file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A name for an API key that no environment has, an empty one, or one name for two environments.
    #[error("name {name:?} of an environment {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it, and what was expected.
        problem: &'static str,
    },
    /// Another server has the file.
    #[error("the flag file {} is served by {} already; stop that one, or name another file", path.display(), process(*pid))]
    Served {
        /// The file.
        path: PathBuf,
        /// The process id of the other server, where it could be read.
        pid: Option<u32>,
    },
    /// The lock beside the file cannot be taken.
    #[error("the flag file {} cannot be locked for this server", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// The file of an environment exists and cannot be used. It was not changed.
    #[error("the flag file cannot be used; correct it (nothing in it was changed), or name another one")]
    File(#[source] ImportError),
    /// The initial flags of an environment in memory are invalid.
    #[error("the initial flags are not a valid payload")]
    Flags(#[source] PayloadError),
    /// A file that did not exist cannot be created.
    #[error("cannot create flag file {}; create its folder, or name another file", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Without a token other hosts could change flags.
    #[error(
        "a token is needed to serve on {address}, because other hosts could change flags there; \
             give one, or bind to a loopback address"
    )]
    NoToken {
        /// The requested address.
        address: SocketAddr,
    },
    /// The port is in use.
    #[error("port {} is in use on {}; stop what uses it, or choose another one (port 0 takes a free one)",
            address.port(), address.ip())]
    PortInUse {
        /// The requested address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address is not available.
    #[error("cannot listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A thread or the event loop could not be started.
    #[error("cannot start the threads of the server")]
    Threads(#[from] io::Error),
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl StartError {
    /// Whether the options do not go together, as opposed to what the server found.
    #[must_use]
    pub fn is_wrong_use(&self) -> bool {
        matches!(
            self,
            StartError::ApiKey(_)
                | StartError::SameKey { .. }
                | StartError::SameFile { .. }
                | StartError::Missing { .. }
                | StartError::Name { .. }
                | StartError::NoToken { .. }
        )
    }
}

/// Why a change was not made. Nothing changed then, neither for streams nor on the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The key of a flag is empty, too long, or has control characters.
    #[error("flag key {reason}, expected 1 to {most} bytes of UTF-8 without control characters")]
    BadKey {
        /// What is wrong.
        reason: &'static str,
        /// Bytes that are accepted.
        most: usize,
    },
    /// The input is not a JSON value, or not an object of flags.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// All flags together would be larger than a publisher accepts.
    #[error("all flags together would have {found} bytes, at most {limit} are accepted; remove some first")]
    TooLarge {
        /// Bytes of the file, laid out for people.
        found: usize,
        /// Bytes that are accepted.
        limit: usize,
    },
    /// There is no such flag.
    #[error("there is no flag {key:?}")]
    NoFlag {
        /// The key.
        key: String,
    },
    /// It has been changed since the caller saw it.
    #[error("somebody changed this since you read it; read the current value and try again")]
    Precondition {
        /// The tag of all flags now.
        etag: String,
        /// The revision now.
        revision: u64,
        /// The value now, if one flag was to be changed and is there.
        current: Option<Box<RawValue>>,
    },
    /// Flags were changed again after the change to undo.
    #[error("flags were changed again after this change; undo with force to restore them anyway")]
    ChangedSince {
        /// Their keys.
        keys: Vec<Arc<str>>,
    },
    /// The change is not among the remembered ones.
    #[error("change {revision} is not remembered; the last 100 since the start of the server are")]
    NotRemembered {
        /// The requested revision.
        revision: u64,
    },
    /// An edit by hand made the file unusable. Writing now would destroy that edit.
    #[error("{problem}; correct the file, then try again (writing now would destroy what is in it)")]
    FileUnusable {
        /// What is wrong with the file.
        problem: String,
    },
    /// The file was edited by hand at each attempt.
    #[error("the file was edited by hand again each time this change was to be written; try again")]
    FileBusy,
    /// The server is stopping.
    #[error("the change was not made, because the server is stopping; send it again after the restart")]
    Stopping,
    /// The change cannot be written to the disk.
    #[error("the change was not made, because it cannot be written to {}", path.display())]
    NotKept {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
