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

/// Why a server does not start. Nothing has been changed on the disk then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An API key that no client could send.
    #[error("api key of an environment is not usable")]
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
    /// Another server has the file.
    #[error("the flag file {} is served by {} already; end that one, or name another file", path.display(), process(*pid))]
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
    /// The file of an environment is there and cannot be used. It has not been touched.
    #[error("the flag file cannot be used; correct it (nothing in it was changed), or name another one")]
    File(#[source] ImportError),
    /// Flags that are kept in memory are not a payload.
    #[error("the flags to start with are not a payload")]
    Flags(#[source] PayloadError),
    /// A file that did not exist cannot be made.
    #[error("cannot create flag file {}; create its folder, or name another file", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Other hosts could change flags.
    #[error(
        "a token is needed to serve on {address}, because other hosts could change flags there; \
             give one, or bind to a loopback address"
    )]
    NoToken {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Somebody has the port.
    #[error("port {} is in use on {}; end what uses it, or choose another one with --port (--port 0 takes a free one)",
            address.port(), address.ip())]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// No thread, or no event loop.
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
                | StartError::NoToken { .. }
        )
    }
}

/// Why a change is not made. Then nothing has changed, neither for streams nor on the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// A key of a flag that is empty, too long, or has control characters.
    #[error("flag key {reason}, expected 1 to {most} bytes of UTF-8 without control characters")]
    BadKey {
        /// What is wrong.
        reason: &'static str,
        /// Bytes that are accepted.
        most: usize,
    },
    /// What was sent is not a value, or not an object of values.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// All flags together would be larger than what a publisher accepts.
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
    #[error("somebody has changed this since you saw it; look at what is there now and try again")]
    Precondition {
        /// The tag of all flags now.
        etag: String,
        /// The revision now.
        revision: u64,
        /// The value now, if one flag was to be changed and is there.
        current: Option<Box<RawValue>>,
    },
    /// Flags were changed again after the change that is to be undone.
    #[error("flags were changed again after this change; undo with force to set them back all the same")]
    ChangedSince {
        /// Their keys.
        keys: Vec<Arc<str>>,
    },
    /// A change that is not among the last ones.
    #[error("change {revision} is not remembered; the last 100 since the start of the server are")]
    NotRemembered {
        /// The revision asked for.
        revision: u64,
    },
    /// Somebody has edited the file into something that is none. To write now would destroy that edit.
    #[error("{problem}; correct the file, then try again (writing now would destroy what is in it)")]
    FileUnusable {
        /// What is wrong with the file.
        problem: String,
    },
    /// Somebody edits the file by hand, again and again.
    #[error("the file was edited by hand again each time this change was to be written; try again")]
    FileBusy,
    /// The server ends.
    #[error("the change was not made, because the server stops; send it to the one that comes after")]
    Stopping,
    /// The disk does not take it.
    #[error("the change was not made, because it cannot be written to {}", path.display())]
    NotKept {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
