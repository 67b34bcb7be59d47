//! The file that a path leads to, and the names of what the server puts beside it.
//!
//! Names are built as bytes: a name need not be UTF-8, and two of those must not share a lock.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Symbolic links that are followed from one to the next at most, as in the kernel.
const MOST_LINKS: usize = 40;

/// The file that a path leads to, which may not exist yet: an editor may be between its two steps, or a link may stand before its file.
pub(crate) fn real(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
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

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The hidden file `.NAME.SUFFIX` beside `target`.
pub(crate) fn hidden(target: &Path, suffix: &str) -> PathBuf {
    let mut name = hidden_prefix(target);
    name.push(suffix);
    target.with_file_name(name)
}

/// What follows `.NAME.` in a name that [`hidden`] made for `target`.
pub(crate) fn hidden_suffix<'a>(target: &Path, name: &'a OsStr) -> Option<&'a str> {
    let suffix = name.as_encoded_bytes().strip_prefix(hidden_prefix(target).as_encoded_bytes())?;
    std::str::from_utf8(suffix).ok()
}

fn hidden_prefix(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".");
    name
}

/// The file `NAME.SUFFIX` beside `target`, which people see.
pub(crate) fn visible(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn names_beside_a_file_keep_its_name_byte_for_byte_also_if_that_is_not_utf_8() {
        let [one, other] = [b"flags-\xff.json", b"flags-\xfe.json"]
            .map(|name| Path::new("/d").join(OsStr::from_bytes(name)));
        assert_eq!(hidden(&one, "x").as_os_str().as_bytes(), b"/d/.flags-\xff.json.x");
        assert_eq!(visible(&one, "edit-1").as_os_str().as_bytes(), b"/d/flags-\xff.json.edit-1");
        assert_ne!(hidden(&one, "lock"), hidden(&other, "lock"), "each has a lock of its own");
        let name = hidden(&one, "out-1");
        let name = name.file_name().unwrap();
        assert_eq!(hidden_suffix(&one, name), Some("out-1"));
        assert_eq!(hidden_suffix(&other, name), None);
    }
}
