//! The JSON file of an environment: written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use flagstaff_publisher::payload::{ImportError, Limits, WatchedFile, read_file};
use rustix::fs::{Access, access};

use crate::flags::displaced::{self, Displaced, Recovered};
use crate::flags::exchange::{Outcome, exchange, holds};
use crate::flags::file_names::{folder_of, hidden, real};

/// What a new file holds.
pub(crate) const EMPTY: &str = "{}\n";

/// Why a flag file was not written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Its content is not the expected one.
    Changed,
    /// The same, and an editor may have opened the new file in the meantime.
    Entered(Displaced),
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        WriteError::Io(error)
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct FlagFile(PathBuf);

impl FlagFile {
    pub(crate) fn new(path: PathBuf) -> FlagFile {
        FlagFile(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Creates a file without flags.
    pub(crate) fn create(&self) -> io::Result<()> {
        // The path may be a link to the missing file.
        let target = self.target();
        let mut file = File::create_new(&target)?;
        file.write_all(EMPTY.as_bytes())?;
        file.sync_all()?;
        sync_folder(&target)
    }

    /// The payload in the file now.
    pub(crate) fn read(&self) -> Result<String, ImportError> {
        read_file(&self.0, &Limits::default())
    }

    /// Watches the file from now on. The first poll reads it at once.
    pub(crate) fn watch(&self) -> WatchedFile {
        WatchedFile::new(&self.0, Limits::default())
    }

    /// Replaces the content of the file, if that is still `expected`, by an exchange with a new file whose content is on the disk. A
    /// symbolic link is preserved, and so is the mode of its target, and the owner where permitted. Returns the old file if
    /// somebody may still write to it.
    pub(crate) fn write(&self, text: &str, expected: &str) -> Result<Option<Displaced>, WriteError> {
        let (target, scratch) = self.scratch(text)?;
        // Syncing a new file takes long, and most edits of that time are caught here. One that is caught only after the exchange is put
        // back, but in between readers of the path do not see it, and may base another edit on the older content.
        if !holds(&target, expected) {
            fs::remove_file(scratch)?;
            return Err(WriteError::Changed);
        }
        let out = displaced::name(&target, fs::metadata(&scratch)?.ino(), expected, text);
        fs::rename(&scratch, &out)?;
        let (outcome, base) = match exchange(&out, &target, expected) {
            Ok(Outcome::Unsupported) => return rename(&out, &target, expected),
            Ok(Outcome::Done) => (Ok(()), expected),
            Ok(Outcome::Changed) => (Err(WriteError::Changed), text),
            Err(error) => (Err(error.into()), text),
        };
        let old = Displaced::open(out, base).map(|old| {
            if old.is_over() {
                old.remove();
                None
            } else {
                Some(old.made_late(&target))
            }
        });
        if let Err(error) = sync_folder(&target) {
            // The new content is there; after a loss of power the old one may be back.
            tracing::warn!(path = %self.0.display(), %error, "cannot sync the folder of the flag file");
        }
        match (outcome, old) {
            (Ok(()), old) => Ok(old.unwrap_or_default()),
            // The new file was at the path for a moment, in which an editor may have opened it.
            (Err(_), Ok(Some(old))) => Err(WriteError::Entered(old)),
            (Err(error), _) => Err(error),
        }
    }

    /// The file that the path leads to.
    pub(crate) fn target(&self) -> PathBuf {
        real(&self.0)
    }

    /// Cleans up after a server that was killed.
    pub(crate) fn recover(&self) {
        // It was incomplete, or not in use yet.
        let _ = fs::remove_file(scratch_of(&self.target()));
        match displaced::recover(&self.target()) {
            Ok(recovered) => recovered.iter().for_each(|one| match one {
                Recovered::Kept(path) => warn_of_kept(path),
                Recovered::Back => tracing::warn!(
                    path = %self.0.display(),
                    "the server before was killed while it put an edit by hand back; it is in its place"
                ),
            }),
            Err(error) => {
                tracing::warn!(path = %self.0.display(), %error, "cannot look for what is left of an earlier server");
            }
        }
    }

    /// Does everything that [`FlagFile::write`] does except for the last step, to see whether it would work.
    pub(crate) fn rehearse(&self, text: &str) -> io::Result<()> {
        let (_, scratch) = self.scratch(text)?;
        fs::remove_file(scratch)
    }

    /// Writes a file beside the one that the path leads to. Returns the path of that one, and of the new one.
    fn scratch(&self, text: &str) -> io::Result<(PathBuf, PathBuf)> {
        let target = fs::canonicalize(&self.0)?;
        let old = fs::metadata(&target)?;
        // A rename would replace a file that was made read-only on purpose.
        access(&target, Access::WRITE_OK)?;
        let scratch = scratch_of(&target);
        match fs::remove_file(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&scratch)?;
        match fill(&file, text, &old) {
            Ok(()) => Ok((target, scratch)),
            Err(error) => {
                let _ = fs::remove_file(&scratch);
                Err(error)
            }
        }
    }
}

/// Where a new file is written, beside the old one. Always the same name, so that killed servers leave one file at most.
fn scratch_of(target: &Path) -> PathBuf {
    hidden(target, "flagstaff-new")
}

/// Replaces `target` where files cannot be exchanged: checks and renames at once. An edit renamed over the file in between is lost.
fn rename(new: &Path, target: &Path, expected: &str) -> Result<Option<Displaced>, WriteError> {
    let renamed = || {
        if !holds(target, expected) {
            return Err(WriteError::Changed);
        }
        // The old file keeps a name for what an editor still writes to it.
        let aside = displaced::name(target, 0, expected, "");
        let old = match fs::hard_link(target, &aside) {
            Ok(()) => Displaced::open(aside, expected)?,
            Err(_) => Displaced::without_name(target, expected)?,
        };
        if let Err(error) = fs::rename(new, target) {
            old.remove();
            return Err(error.into());
        }
        sync_folder(target)?;
        if old.is_over() {
            old.remove();
            return Ok(None);
        }
        Ok(Some(old.made_late(target)))
    };
    let result = renamed();
    if result.is_err() {
        let _ = fs::remove_file(new);
    }
    result
}

/// Logs where an edit by hand is that could not be adopted.
pub(crate) fn warn_of_kept(path: &Path) {
    tracing::error!("an edit of the flag file by hand could not be taken over; it is in {}", path.display());
}

fn fill(mut file: &File, text: &str, old: &fs::Metadata) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        // Only root may change the owner; the mode is what matters to others.
        let _ = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()));
    }
    file.set_permissions(old.permissions())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_write_keeps_the_mode_and_the_symbolic_link_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("flags.json"));
        fs::create_dir(&real).unwrap();
        fs::write(real.join("kept.json"), "{}").unwrap();
        fs::set_permissions(real.join("kept.json"), Permissions::from_mode(0o664)).unwrap();
        std::os::unix::fs::symlink("real/kept.json", &link).unwrap();
        // Left over by a server that was killed.
        fs::write(real.join(".kept.json.flagstaff-new"), "half").unwrap();
        let file = FlagFile::new(link.clone());
        file.recover();
        assert_eq!(fs::read_dir(&real).unwrap().count(), 1);
        fs::write(real.join(".kept.json.flagstaff-new"), "half").unwrap();
        file.rehearse("{\"a\": 0}\n").unwrap();
        assert_eq!(file.read().unwrap(), "{}");
        assert!(matches!(file.write("{\"a\": 1}\n", "other"), Err(WriteError::Changed)));
        assert!(file.write("{\"a\": 1}\n", "{}").unwrap().is_none());
        assert_eq!(file.read().unwrap(), "{\"a\": 1}\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(real.join("kept.json")).unwrap().mode() & 0o777, 0o664);
        let names: Vec<_> = fs::read_dir(&real).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["kept.json"]);
    }

    #[test]
    fn an_edit_that_was_saved_while_the_new_file_was_written_never_leaves_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.json");
        fs::write(&path, "{\"by\": \"hand\"}\n").unwrap();
        let moved =
            || fs::metadata(&path).map(|found| (found.ino(), found.ctime(), found.ctime_nsec())).unwrap();
        let before = moved();
        for _ in 0..20 {
            let written = FlagFile::new(path.clone()).write("{\"a\": 1}\n", "{}\n");
            assert!(matches!(written, Err(WriteError::Changed)), "{written:?}");
        }
        // A move there and back sets the time of the last change.
        assert_eq!(moved(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_gone_is_not_made_anew_by_a_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = FlagFile::new(folder.path().join("flags.json"));
        let Err(WriteError::Io(error)) = file.write("{}", "{}") else { panic!("written") };
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        file.create().unwrap();
        assert_eq!(file.read().unwrap(), EMPTY);
        assert_eq!(file.create().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
