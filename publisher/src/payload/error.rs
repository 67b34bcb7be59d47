//! Why a payload, or a file that holds one, was not taken.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a payload was refused. It holds no values of flags, so it may be logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// More bytes than [`Limits`](super::Limits) allow.
    #[error("payload has {found} bytes, at most {limit} are accepted; publish fewer or smaller flags")]
    TooLarge {
        /// Bytes of the payload.
        found: usize,
        /// Bytes that are accepted.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("payload is not UTF-8: invalid byte at offset {at}; save it as UTF-8")]
    NotUtf8 {
        /// Offset of the first invalid byte, from 0.
        at: usize,
        /// What the check of the standard library said.
        source: std::str::Utf8Error,
    },
    /// The text is not JSON, or something follows the JSON.
    #[error("payload is not valid JSON at line {line}, column {column}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1; 0 if the text ends before the line has begun.
        column: usize,
        /// What was expected there.
        source: serde_json::Error,
    },
    /// Valid JSON, but not an object.
    #[error("payload is {found}, expected an object with one member for each flag")]
    RootNotObject {
        /// What the root is.
        found: JsonKind,
    },
    /// A value is nested too deeply.
    #[error("flag {key} is nested deeper than {limit} levels; flatten its value")]
    TooDeep {
        /// The flag.
        key: KeyExcerpt,
        /// Levels that are accepted, the root object counted.
        limit: usize,
    },
}

/// Why a JSON file of flags was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is no file.
    #[error("flag file {} does not exist; create it, or correct the path", path.display())]
    Missing {
        /// The path looked at.
        path: PathBuf,
    },
    /// Something other than a regular file. It is not opened: a fifo would block, a device may have side effects.
    #[error("flag file {} is {found}, expected a regular file", path.display())]
    NotRegular {
        /// The path looked at.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The operating system did not let it be read.
    #[error("cannot read flag file {}", path.display())]
    Io {
        /// The path looked at.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The content is not a payload.
    #[error("flag file {} does not hold a usable payload", path.display())]
    Payload {
        /// The path looked at.
        path: PathBuf,
        /// What is wrong with it.
        source: PayloadError,
    },
}

/// The kind of a JSON value, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// The first characters of a flag key, for messages: quoted and escaped, so that a key cannot forge a line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExcerpt {
    start: String,
    cut: bool,
}

impl KeyExcerpt {
    /// Characters that are shown.
    const CHARS: usize = 64;

    pub(super) fn new(key: &str) -> Self {
        let start: String = key.chars().take(Self::CHARS).collect();
        Self { cut: start.len() < key.len(), start }
    }
}

impl fmt::Display for KeyExcerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.cut { ".." } else { "" };
        write!(f, "\"{}\"{mark}", self.start.escape_debug())
    }
}
