//! One server per file: the lock beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use flagstaff_publisher::lock::{LockError, LockMode, PublisherLock};

use crate::error::StartError;
use crate::flags::file_names::{hidden, real};

/// Held until dropped, or until this process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _lock: PublisherLock,
}

impl FileLock {
    /// Takes the lock of the file that a path leads to, so that two names of one file share a lock. `None` where this user cannot create
    /// files in the folder: then no server of this user can write flags there either.
    pub(crate) fn take(path: &Path) -> Result<Option<FileLock>, StartError> {
        let lock = lock_of(path);
        match PublisherLock::try_acquire(&lock, LockMode::Owner) {
            Ok(held) => {
                // For the error message of the next server. The lock itself does not depend on it.
                if let Err(error) = fs::write(&lock, format!("{}\n", std::process::id())) {
                    tracing::warn!(path = %lock.display(), %error, "cannot note the id of this process in the lock file");
                }
                Ok(Some(FileLock { _lock: held }))
            }
            Err(LockError::Held { .. }) => {
                Err(StartError::Served { path: path.to_owned(), pid: holder(&lock) })
            }
            Err(LockError::Open { source, .. }) if is_read_only(&source) && !lock.exists() => {
                tracing::warn!(path = %lock.display(), error = %source, "no lock can be made beside the flag file, which cannot be written either");
                Ok(None)
            }
            Err(source) => Err(StartError::Lock { path: path.to_owned(), source }),
        }
    }
}

/// Whether a server has, or had, the file that a path leads to.
pub(crate) fn was_served(path: &Path) -> bool {
    lock_of(path).exists()
}

fn lock_of(path: &Path) -> PathBuf {
    hidden(&real(path), "flagstaff-lock")
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound
    )
}

/// The process that holds the lock, as it wrote itself down.
fn holder(lock: &Path) -> Option<u32> {
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_leads_to_the_same_lock_while_its_file_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(&folder).unwrap();
        let (file, there) = (folder.join("flags.json"), folder.join("there"));
        fs::create_dir(&there).unwrap();
        symlink("../flags.json", there.join("second")).unwrap();
        symlink("there/second", folder.join("first")).unwrap();
        assert_eq!(real(&folder.join("first")), file);
        let _held = FileLock::take(&file).unwrap();
        assert!(matches!(FileLock::take(&folder.join("first")), Err(StartError::Served { .. })));
        fs::write(&file, "{}").unwrap();
        assert_eq!(real(&folder.join("first")), file);
        // Links in a circle end.
        symlink("circle", folder.join("circle")).unwrap();
        assert_eq!(real(&folder.join("circle")), folder.join("circle"));
    }
}
