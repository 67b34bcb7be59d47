//! A directory in memory for those whose cache directory cannot be written.
//!
//! One directory for each user, not one for each process: the workers of a server with a broken cache directory still share
//! one publisher and one file, their forked children too, and nothing is left behind by a process that is killed but the file
//! that the next one goes on with.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Where shared memory is on Linux.
const SHARED_MEMORY: &str = "/dev/shm";

/// Why there is no such directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryDirError {
    /// It cannot be made.
    #[error("cannot make directory {} for flags in memory; name one with `memory_dir`", path.display())]
    Make { path: PathBuf, source: io::Error },
    /// Somebody else could replace files in it.
    #[error(
        "directory {} has owner {owner} and mode {mode:04o}, expected a directory of user {expected} with mode 0700; remove it, or name another one with `memory_dir`",
        path.display()
    )]
    Unsafe { path: PathBuf, owner: u32, mode: u32, expected: u32 },
}

/// Why flags cannot be kept where they should be.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to cache directory {}; make it writable for this user, or name another one", directory.display())]
pub(crate) struct NotWritable {
    pub(crate) directory: PathBuf,
    pub(crate) source: io::Error,
}

/// The directory that was chosen, or the first that can be used.
pub(crate) fn directory(chosen: Option<&Path>) -> Result<PathBuf, MemoryDirError> {
    if let Some(chosen) = chosen {
        return make(chosen.to_owned());
    }
    let name = format!("flagstaff-{}", rustix::process::geteuid().as_raw());
    make(Path::new(SHARED_MEMORY).join(&name)).or_else(|_| make(std::env::temp_dir().join(&name)))
}

fn make(path: PathBuf) -> Result<PathBuf, MemoryDirError> {
    let made = match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    // Not through a link: whoever may make one in a world-writable directory would choose where our files are.
    match made.and_then(|()| fs::symlink_metadata(&path)) {
        Err(source) => Err(MemoryDirError::Make { path, source }),
        Ok(found) => {
            let expected = rustix::process::geteuid().as_raw();
            let (owner, mode) = (found.uid(), found.mode() & 0o7777);
            if found.is_dir() && owner == expected && mode & 0o077 == 0 {
                return Ok(path);
            }
            Err(MemoryDirError::Unsafe { path, owner, mode, expected })
        }
    }
}

/// Whether files can be made beside `path`, as far as permissions say.
pub(crate) fn look_beside(path: &Path) -> Result<(), NotWritable> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    // For the effective user: a set-uid program opens its files as that one.
    rustix::fs::accessat(rustix::fs::CWD, directory, access, rustix::fs::AtFlags::EACCESS)
        .map_err(|errno| NotWritable { directory: directory.to_owned(), source: errno.into() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_directory_is_made_for_this_user_alone_and_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        assert_eq!(directory(Some(&path)).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(directory(Some(&path)).unwrap(), path);
    }

    #[test]
    fn a_directory_that_others_can_enter_a_link_and_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        symlink(folder.path(), &link).unwrap();
        fs::write(&file, "").unwrap();
        for path in [open, link, file] {
            let error = directory(Some(&path)).unwrap_err();
            assert!(matches!(error, MemoryDirError::Unsafe { .. }), "{error}");
        }
        let missing = directory(Some(&folder.path().join("no/such"))).unwrap_err();
        assert!(matches!(missing, MemoryDirError::Make { .. }), "{missing}");
    }
}
