//! Opening what a path leads to, carefully: it may be anything.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::bytes::error::OpenError;
use crate::bytes::file_id::FileId;
use crate::bytes::header::Header;
use crate::bytes::layout::{FILE_BYTES, HEADER_BYTES};
use crate::read::view::View;
use crate::sync::map::Mapping;

/// An open, mapped file that may be a snapshot.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) map: Mapping,
    pub(crate) metadata: Metadata,
}

impl Candidate {
    /// Which file it is.
    pub(crate) fn id(&self) -> FileId {
        FileId::of(&self.metadata)
    }

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

/// Opens a snapshot for reading. Nothing is written, and no right beyond reading is needed.
///
/// # Errors
/// [`OpenError`], naming path, expectation and remedy.
pub fn view(path: &Path) -> Result<View, OpenError> {
    let candidate = candidate(path)?;
    let (header, id) = (candidate.header(path)?, candidate.id());
    Ok(View::new(candidate.map, header, id))
}

/// Opens and maps a regular file, unless its owner or mode makes it unsafe to trust.
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
    refuse_foreign_owner(&path, metadata)
}

/// Refuses what somebody else may have put into a directory like /tmp, where anybody may put a file under any name: the file, and a
/// link that leads to it. Other world-writable directories are volumes shared between containers, where foreign owners are normal.
fn refuse_foreign_owner(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    let expected = rustix::process::geteuid().as_raw();
    let is_foreign = |owner: u32| owner != expected && owner != 0;
    let refused = |owner| Err(OpenError::ForeignOwner { path: path.to_owned(), owner, expected });
    let link = std::fs::symlink_metadata(path).ok().filter(Metadata::is_symlink);
    if let Some(link) = &link
        && is_foreign(link.uid())
        && is_in_sticky_public_directory(path)
    {
        return refused(link.uid());
    }
    let owner = metadata.uid();
    if !is_foreign(owner) {
        return Ok(());
    }
    // A link of the administrator's may lead into such a directory.
    let target = link.and_then(|_| std::fs::canonicalize(path).ok());
    if is_in_sticky_public_directory(path) || target.is_some_and(|path| is_in_sticky_public_directory(&path))
    {
        return refused(owner);
    }
    Ok(())
}

/// Whether a file lies in a directory like /tmp, where anybody may put a file under any name that is free.
#[must_use]
pub fn is_in_sticky_public_directory(path: &Path) -> bool {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::metadata(directory).is_ok_and(|metadata| metadata.mode() & 0o1002 == 0o1002)
}
