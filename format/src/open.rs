//! Opening what a path leads to, carefully: it may be anything.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::OpenError;
use crate::header::Header;
use crate::layout::{FILE_BYTES, HEADER_BYTES};
use crate::map::Mapping;
use crate::view::{FileId, View};

/// An open, mapped file that may be a snapshot.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) map: Mapping,
    pub(crate) metadata: Metadata,
}

impl Candidate {
    /// The header, if the file is a whole snapshot of this format.
    pub(crate) fn header(&self, path: &Path) -> Result<Header, OpenError> {
        let header = Header::read(&self.map, path)?;
        if self.metadata.len() == FILE_BYTES {
            return Ok(header);
        }
        let problem = format!("the file has {} bytes, expected {FILE_BYTES}", self.metadata.len());
        Err(OpenError::Header { path: path.to_owned(), problem })
    }
}

/// Opens a snapshot for reading. Nothing is written and no reader's right is needed beyond reading.
///
/// # Errors
/// [`OpenError`], naming path, expectation and remedy.
pub fn view(path: &Path) -> Result<View, OpenError> {
    let candidate = candidate(path)?;
    let header = candidate.header(path)?;
    Ok(View::new(candidate.map, header, FileId::of(&candidate.metadata)))
}

/// Opens and maps a regular file that is safe to trust as far as its owner and mode go.
pub(crate) fn candidate(path: &Path) -> Result<Candidate, OpenError> {
    let io = |action| move |source| OpenError::Io { action, path: path.to_owned(), source };
    // O_NONBLOCK: a fifo at the path must not make anybody wait.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|source| match source
        .kind()
    {
        io::ErrorKind::NotFound => OpenError::Missing { path: path.to_owned() },
        _ => io("open")(source),
    })?;
    let metadata = file.metadata().map_err(io("examine"))?;
    refuse_unsafe(path, &metadata)?;
    if metadata.len() < HEADER_BYTES {
        let problem = format!("it has {} bytes, expected {FILE_BYTES}", metadata.len());
        return Err(OpenError::NotASnapshot { path: path.to_owned(), problem });
    }
    let map = Mapping::read_only(&file, metadata.len().min(FILE_BYTES)).map_err(io("map"))?;
    Ok(Candidate { map, metadata })
}

fn refuse_unsafe(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    let path = path.to_owned();
    let kind = metadata.file_type();
    if !kind.is_file() {
        let found = match () {
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a fifo",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        return Err(OpenError::NotAFile { path, found });
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(OpenError::WorldWritable { path, mode: metadata.mode() & 0o777 });
    }
    let (owner, expected) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != expected && owner != 0 && in_sticky_public_directory(&path) {
        return Err(OpenError::ForeignOwner { path, owner, expected });
    }
    Ok(())
}

/// A directory like /tmp, where anybody may put a file under any name. Other world-writable directories are volumes
/// shared between containers, where foreign owners are normal.
fn in_sticky_public_directory(path: &Path) -> bool {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::metadata(directory).is_ok_and(|metadata| metadata.mode() & 0o1002 == 0o1002)
}
