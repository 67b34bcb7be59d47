//! One server for a file: the lock beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use flagstaff_publisher::lock::{LockError, LockMode, PublisherLock};

use crate::error::StartError;

/// Held until dropped, or until this process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _lock: PublisherLock,
}

impl FileLock {
    /// Takes the lock of the file that a path leads to, so that two names of one file are one lock. `None` where this user can make no
    /// file in the folder: then no server of theirs can write flags there either.
    pub(crate) fn take(path: &Path) -> Result<Option<FileLock>, StartError> {
        let real = real(path);
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let lock = real.with_file_name(format!(".{name}.flagstaff-lock"));
        match PublisherLock::try_acquire(&lock, LockMode::Owner) {
            Ok(held) => {
                // For whoever finds it taken. The lock itself does not depend on it.
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

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound
    )
}

/// The process that has noted itself.
fn holder(lock: &Path) -> Option<u32> {
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}

/// How many symbolic links lead on from one to the next at most, as in the kernel.
const LINKS: usize = 40;

/// The file that a path leads to, which may not exist yet: an editor may be between its two steps, or a link may stand before its file.
pub(crate) fn real(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&path) else { break };
        // An absolute one replaces all.
        path = folder_of(&path).join(next);
    }
    match path.file_name() {
        Some(name) => {
            fs::canonicalize(folder_of(&path)).unwrap_or_else(|_| folder_of(&path).to_owned()).join(name)
        }
        None => path,
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
