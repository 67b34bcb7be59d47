//! Why this user may not use a file, and what helps.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, getgid, getgroups};
use rustix::fs::Access;

use super::process::user_name;

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Read,
    /// Also to make it, where it does not exist.
    Write,
    /// To go through a directory.
    Search,
}

impl Need {
    fn access(self) -> Access {
        match self {
            Need::Read => Access::READ_OK,
            Need::Write => Access::WRITE_OK,
            Need::Search => Access::EXEC_OK,
        }
    }

    /// Its permission bit, and its letter for `chmod`.
    fn bit(self) -> (u32, char) {
        match self {
            Need::Read => (4, 'r'),
            Need::Write => (2, 'w'),
            Need::Search => (1, 'x'),
        }
    }
}

/// Owner and mode of what keeps this user from a file, and what to do. `None` if nothing of that kind is seen.
pub(crate) fn denied(path: &Path, need: Need) -> Option<String> {
    let (path, need) = culprit(&std::path::absolute(path).ok()?, need)?;
    Some(describe(&path, need, &fs::metadata(&path).ok()?))
}

/// The file, or the directory on the way to it, that does not permit what is needed.
fn culprit(path: &Path, need: Need) -> Option<(PathBuf, Need)> {
    let denies = |path: &Path, need: Need| rustix::fs::access(path, need.access()).is_err();
    let mut folders: Vec<_> = path.ancestors().skip(1).collect();
    folders.reverse();
    if let Some(folder) = folders.iter().find(|folder| denies(folder, Need::Search)) {
        return Some((folder.to_path_buf(), Need::Search));
    }
    // A file that is to be made needs a directory that can be written to.
    let last = if need == Need::Write && !path.exists() { path.parent()? } else { path };
    denies(last, need).then(|| (last.to_owned(), need))
}

fn describe(path: &Path, need: Need, metadata: &Metadata) -> String {
    let (owner, group) = (user_name(metadata.uid()), group_name(metadata.gid()));
    let (user, (bit, letter)) = (rustix::process::getuid().as_raw(), need.bit());
    let advice = if user == metadata.uid() {
        format!("chmod u+{letter} {}", path.display())
    } else if metadata.mode() & (bit << 3) != 0 && !is_member(metadata.gid()) {
        let user = user_name(user);
        format!(
            "join group {group} (usermod -aG {group} {user}, then log in again), or run this as user {owner}"
        )
    } else {
        format!("run this as user {owner}, or let that user permit it (chmod g+{letter} or o+{letter})")
    };
    let mode = metadata.mode() & 0o7777;
    format!("{} belongs to user {owner} and group {group} and has mode {mode:04o}; {advice}", path.display())
}

fn is_member(group: u32) -> bool {
    let group = Gid::from_raw(group);
    getgid() == group || getgroups().is_ok_and(|groups| groups.contains(&group))
}

fn group_name(group: u32) -> String {
    let found = Group::from_gid(Gid::from_raw(group)).ok().flatten();
    found.map_or_else(|| group.to_string(), |group| group.name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn owner_group_and_mode_are_named_with_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flags");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o040)).unwrap();
        let text = describe(&file, Need::Read, &fs::metadata(&file).unwrap());
        assert!(text.contains("and has mode 0040; chmod u+r "), "{text}");
        assert!(text.contains(&user_name(rustix::process::getuid().as_raw())), "{text}");
        // Somebody else's file, which everybody can look at.
        let mut metadata = fs::metadata("/proc/1/cmdline").unwrap();
        if metadata.uid() == rustix::process::getuid().as_raw() {
            metadata = fs::metadata("/").unwrap();
        }
        if metadata.uid() != rustix::process::getuid().as_raw() {
            let text = describe(Path::new("/x"), Need::Write, &metadata);
            assert!(text.contains("or let that user permit it (chmod g+w"), "{text}");
        }
    }

    #[test]
    fn a_file_that_may_be_used_has_nothing_to_explain() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flags");
        assert_eq!(denied(&file, Need::Write), None);
        fs::write(&file, "").unwrap();
        assert_eq!((denied(&file, Need::Read), denied(&file, Need::Write)), (None, None));
    }
}
