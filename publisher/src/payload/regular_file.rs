//! A JSON file of flags on disk: what is at the path, and its text.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use super::decode::check_bytes;
use super::error::{ImportError, PayloadError};
use super::limits::Limits;

/// What tells one state of a file from another without reading it.
///
/// The change time is in it because tools that copy carry the modification time over, and a copy of equal length into
/// the same file would otherwise go unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Looks at the regular file that `path` leads to. Symbolic links are followed, because mounted configuration is
    /// often replaced by turning a link.
    pub(super) fn of(path: &Path) -> Result<Self, ImportError> {
        let found = std::fs::metadata(path).map_err(|source| failed(path, source))?;
        check_regular(path, &found)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            len: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// Reads a file that holds one payload, without its byte-order mark. The text has passed the decoder once.
///
/// For those who must know now; whoever can wait for a file that is being written to settle takes a
/// [`WatchedFile`](super::WatchedFile).
///
/// # Errors
///
/// There is no file, it is not a regular file, it cannot be read, or its content is not a payload.
pub fn read_file(path: &Path, limits: &Limits) -> Result<String, ImportError> {
    let bytes = read_bytes(path, limits)?;
    let refused = |source| ImportError::Payload { path: path.to_owned(), source };
    check_bytes(&bytes, limits).map_err(refused)?;
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let source = error.utf8_error();
        refused(PayloadError::NotUtf8 { at: source.valid_up_to(), source })
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// Reads at most one byte more than the limit, whatever length the file claims or grows to.
fn read_bytes(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImportError> {
    let io = |source| failed(path, source);
    // Before opening, because opening a fifo waits for a writer. One that is put there between the two calls still blocks.
    check_regular(path, &std::fs::metadata(path).map_err(io)?)?;
    let file = File::open(path).map_err(io)?;
    let opened = file.metadata().map_err(io)?;
    check_regular(path, &opened)?;
    let limit = limits.payload_bytes();
    let len = usize::try_from(opened.len()).unwrap_or(usize::MAX);
    let too_large = |found| ImportError::Payload {
        path: path.to_owned(),
        source: PayloadError::TooLarge { found, limit },
    };
    if len > limit {
        return Err(too_large(len));
    }
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    // One byte more than its length, so that the end is seen without growing.
    let mut bytes = Vec::with_capacity(len.saturating_add(1));
    file.take(most).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > limit { Err(too_large(bytes.len())) } else { Ok(bytes) }
}

fn check_regular(path: &Path, found: &Metadata) -> Result<(), ImportError> {
    if found.is_file() {
        return Ok(());
    }
    Err(ImportError::NotRegular { path: path.to_owned(), found: describe(found.file_type()) })
}

fn describe(found: FileType) -> &'static str {
    if found.is_dir() {
        "a directory"
    } else if found.is_fifo() {
        "a fifo"
    } else if found.is_socket() {
        "a socket"
    } else if found.is_char_device() || found.is_block_device() {
        "a device"
    } else {
        "a special file"
    }
}

/// A path that leads through something that is no directory leads nowhere: that is a missing file as well.
fn failed(path: &Path, source: io::Error) -> ImportError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ImportError::Missing { path },
        _ => ImportError::Io { path, source },
    }
}
