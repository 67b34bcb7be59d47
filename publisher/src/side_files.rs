//! Files beside the snapshot, and who may command its publisher: whoever may publish.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use flagstaff_format::hidden;
use rustix::fs::{Gid, Mode, OFlags};

use crate::snapshot_location::lock_path;

/// Bytes of a first line.
const MOST_OF_A_LINE: u64 = 1 << 20;

/// Bits of a mode.
const GROUP_WRITES: u32 = 0o020;
const WORLD_WRITES: u32 = 0o002;

/// Hidden files beside a snapshot file: `.NAME.what`, see [`hidden`].
#[derive(Debug, Clone)]
pub(crate) struct SideFiles {
    snapshot: PathBuf,
}

impl SideFiles {
    pub(crate) fn new(snapshot: &Path) -> SideFiles {
        SideFiles { snapshot: snapshot.to_owned() }
    }

    pub(crate) fn path(&self, what: &str) -> PathBuf {
        hidden(&self.snapshot, what)
    }

    /// Who may publish, by what lies there now.
    pub(crate) fn commanders(&self) -> Commanders {
        let own = rustix::process::geteuid().as_raw();
        let lock = fs::symlink_metadata(lock_path(&self.snapshot)).ok().filter(Metadata::is_file);
        let directory = match self.snapshot.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // In a directory of all, with the set-group-id bit, a stranger's file gets the directory's group without being of it.
        let is_public = fs::metadata(directory).map_or(true, |found| found.mode() & WORLD_WRITES != 0);
        let group = lock.as_ref().filter(|lock| lock.mode() & GROUP_WRITES != 0 && !is_public);
        Commanders {
            users: [0, own, lock.as_ref().map_or(own, Metadata::uid)],
            group: group.map(Metadata::gid),
            owner: lock.as_ref().map(|lock| (lock.uid(), lock.gid())),
        }
    }

    /// The text of a file, if there is one.
    ///
    /// # Errors
    /// Also if it belongs to somebody who may not publish, or is no regular file. A link is not followed.
    pub(crate) fn read(&self, what: &str, most: u64) -> io::Result<Option<String>> {
        match open_trusted(&self.path(what), &self.commanders()) {
            Ok((file, _)) => text_of(&file, most).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first line of a file, if there is one.
    ///
    /// # Errors
    /// As [`SideFiles::read`].
    pub(crate) fn read_line(&self, what: &str) -> io::Result<Option<String>> {
        let file = match open_trusted(&self.path(what), &self.commanders()) {
            Ok((file, _)) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut line = String::new();
        BufReader::new(file.take(MOST_OF_A_LINE)).read_line(&mut line)?;
        Ok(Some(line))
    }

    /// Writes a file whole: readers of the snapshot may read it. When this returns, it survives a loss of power.
    pub(crate) fn write(&self, what: &str, text: &str) -> io::Result<()> {
        let rights = self.rights()?;
        let mode = Mode::RUSR | Mode::WUSR | Mode::from_raw_mode(rights.mode() & 0o444);
        let (path, new) = (self.path(what), self.path(&format!("{what}-new")));
        remove(&new)?;
        let written = write_new(&new, mode, Some(rights.gid()), text.as_bytes())
            .and_then(|()| self.commanders().hand_over(&new))
            .and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            let _ = remove(&new);
        }
        written?;
        sync_directory(&path)
    }

    /// Owner, group and mode of the snapshot.
    pub(crate) fn rights(&self) -> io::Result<Metadata> {
        fs::metadata(&self.snapshot)
    }

    /// Opens a file to write at its end. If there is none it is made: readers of the snapshot may read it, and who may publish may write.
    pub(crate) fn append_to(&self, what: &str) -> io::Result<File> {
        let (path, commanders) = (self.path(what), self.commanders());
        let readable = Mode::from_raw_mode(self.rights()?.mode() & 0o444);
        let shared = commanders.group().map_or(Mode::empty(), |_| Mode::WGRP);
        let mode = Mode::RUSR | Mode::WUSR | readable | shared;
        match write_new(&path, mode, commanders.group(), &[]) {
            Ok(()) => {
                commanders.hand_over(&path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(&path, flags, Mode::empty())?);
        check_trusted(&file, &commanders)?;
        Ok(file)
    }

    pub(crate) fn remove(&self, what: &str) -> io::Result<()> {
        remove(&self.path(what))
    }
}

/// Who may command a publisher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commanders {
    users: [u32; 3],
    group: Option<u32>,
    /// User and group of the lock.
    owner: Option<(u32, u32)>,
}

impl Commanders {
    pub(crate) fn admit(&self, found: &Metadata) -> bool {
        self.users.contains(&found.uid()) || self.group == Some(found.gid())
    }

    /// Gives what root has made to the owner of the lock: the next publisher must be able to read and to change it.
    pub(crate) fn hand_over(&self, path: &Path) -> io::Result<()> {
        self.new_owner().map_or(Ok(()), |(uid, _)| chown(path, Some(uid), None))
    }

    /// What a command that root makes has to be given to, so that the publisher may take it.
    pub(crate) fn new_owner(&self) -> Option<(u32, u32)> {
        self.owner.filter(|_| rustix::process::geteuid().is_root())
    }

    /// The group that shares the work, if there is one.
    pub(crate) const fn group(&self) -> Option<u32> {
        self.group
    }
}

/// Whether it is a directory of somebody who may publish.
pub(crate) fn check_directory(path: &Path, commanders: &Commanders) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() && commanders.admit(&found) {
        return Ok(());
    }
    let path = path.display();
    let problem = format!("{path} is no directory of somebody who may publish to this snapshot; remove it");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

/// Opens a regular file of somebody who may publish.
pub(crate) fn open_trusted(path: &Path, commanders: &Commanders) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = check_trusted(&file, commanders)?;
    Ok((file, found))
}

fn check_trusted(file: &File, commanders: &Commanders) -> io::Result<Metadata> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"));
    }
    if !commanders.admit(&found) || found.mode() & WORLD_WRITES != 0 {
        let problem = format!("it belongs to user {}, who may not publish to this snapshot", found.uid());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    }
    Ok(found)
}

pub(crate) fn text_of(file: &File, most: u64) -> io::Result<String> {
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        let problem = format!("it has more than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(text)
}

/// Makes a file that is not there yet, complete and on the disk.
pub(crate) fn write_new(path: &Path, mode: Mode, group: Option<u32>, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    // Whoever is not of that group may not give a file to it: then its own group reads it.
    let _ = rustix::fs::fchown(&file, None, group.map(Gid::from_raw));
    rustix::fs::fchmod(&file, mode)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn sync_directory(of: &Path) -> io::Result<()> {
    let parent = of.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
