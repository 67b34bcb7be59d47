//! What can go wrong, one enum per family of operations.

use std::io;
use std::path::PathBuf;

use crate::bytes::frame::Damage;
use crate::bytes::layout::VERSION;

/// Why flags could not become an archive. The payload is refused and the last snapshot stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Many keys in one bucket, or hashes that no multiplier tells apart: this does not happen by chance.
    #[error(
        "no table was found for {flags} flags: some keys crowd one bucket, expected at most 64 there, or always meet in one place; \
         rename them"
    )]
    HostileKeys {
        /// Flags in the payload.
        flags: usize,
    },
    /// More unequal keys with equal 64-bit hashes than the overflow list holds.
    #[error("{found} flags share the 64-bit hash of another flag, expected at most {limit}; rename them")]
    TooManyEqualHashes {
        /// Such flags.
        found: usize,
        /// Room for them.
        limit: usize,
    },
    /// A key of 16 MiB or more.
    #[error("a flag key has {bytes} bytes, expected at most {limit}")]
    LongKey {
        /// Its length.
        bytes: usize,
        /// Longest key.
        limit: usize,
    },
    /// The archive does not fit a slot.
    #[error("the archive has {found} bytes, a slot holds {limit}; publish fewer flags")]
    TooLarge {
        /// Bytes of the archive.
        found: u64,
        /// Bytes of a slot without its frame.
        limit: u64,
    },
    /// More text than a 32-bit word offset reaches.
    #[error("the text area would start a text at word {words}")]
    TextArea {
        /// Word offset that does not fit.
        words: usize,
        /// Why.
        source: std::num::TryFromIntError,
    },
    /// rkyv could not serialize.
    #[error("the archive could not be serialized")]
    Serialize(#[source] rkyv::rancor::Error),
    /// The archive does not have the shape that readers expect: a defect of the builder, found before it is published.
    #[error("the archive failed its own check")]
    Shape(#[source] Damage),
}

/// Why a file could not be opened as a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no file.
    #[error(
        "no snapshot at {path}; start a publisher with `flagstaff run --file {path}`, or publish one with `flagstaff publish`"
    )]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Not a regular file.
    #[error("{path} is {found}, expected a regular file; point --file at a snapshot")]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Anybody may write to it.
    #[error(
        "{path} has mode {mode:03o} and can be written by everybody; `chmod o-w {path}` if you trust its content"
    )]
    WorldWritable {
        /// The path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else's file in a directory like /tmp.
    #[error(
        "{path} belongs to user {owner} and lies in a sticky directory that everybody can write to, expected user {expected}; move it to a directory of its own"
    )]
    ForeignOwner {
        /// The path.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// This process's user.
        expected: u32,
    },
    /// Not a snapshot.
    #[error("{path} is not a flagstaff snapshot: {problem}; remove it, or point --file at a snapshot")]
    NotASnapshot {
        /// The path.
        path: PathBuf,
        /// What was found and expected.
        problem: String,
    },
    /// Another version of the format.
    #[error("snapshot {path} has format {found}, this program reads format {VERSION}; {advice}")]
    Version {
        /// The path.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// What to do.
        advice: &'static str,
    },
    /// The header is damaged.
    #[error("snapshot {path} has a damaged header: {problem}; a publisher repairs it, or remove the file")]
    Header {
        /// The path.
        path: PathBuf,
        /// What was found and expected.
        problem: String,
    },
}

/// Why a publisher could not write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The file at the path cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The operating system refused.
    #[error("cannot {action} {path}; {advice}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// What to do.
        advice: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The process may not write so large a file.
    #[error(
        "the file size limit of this process is {limit} bytes, a snapshot file needs {needed} (sparse); raise it with `ulimit -f unlimited`"
    )]
    FileSizeLimit {
        /// `RLIMIT_FSIZE`.
        limit: u64,
        /// Size of the file.
        needed: u64,
    },
    /// Generations ran out: only damage gets there.
    #[error("generation {found} is out of range; remove {path} and start again")]
    Generation {
        /// The path.
        path: PathBuf,
        /// The generation.
        found: u64,
    },
}
