//! Processes of roles, and another user.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use flagstaff_tests::namespace::is_root;
use flagstaff_tests::place::Place;

/// Users that own nothing else here.
pub(crate) const ALICE: u32 = 54_321;
pub(crate) const MALLORY: u32 = 54_322;

/// A role of the helper program on the place's snapshot.
pub(crate) fn role(role: &str, place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
    command.arg(role).arg(place.file());
    command
}

/// The command in another directory, with cores and all kinds of memory in them: private, shared, of files.
pub(crate) fn with_cores(command: &Command, directory: &Path) -> Command {
    let mut shell = Command::new("sh");
    let script = "echo 0x7f > /proc/$$/coredump_filter && ulimit -c unlimited && exec \"$0\" \"$@\"";
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args()).current_dir(directory);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Whether there can be other users; says so if not.
pub(crate) fn has_other_users() -> bool {
    if !is_root() {
        eprintln!("SKIPPED: only root can act as another user");
    }
    is_root()
}

/// The command as another user. `None`, with a notice, if that one may not start the program where it lies.
pub(crate) fn by(user: u32, mut command: Command) -> Option<Command> {
    if Command::new(command.get_program()).arg("--version").uid(user).gid(user).output().is_err() {
        eprintln!("SKIPPED: another user may not start the program where it lies");
        return None;
    }
    command.uid(user).gid(user);
    Some(command)
}

pub(crate) fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Gives a file, or a link itself, to another user.
pub(crate) fn give(path: impl AsRef<Path>, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    let (text, first) = (text.as_bytes(), text.as_bytes()[0]);
    // Nearly all of a core or a sparse file is zeros.
    bytes.iter().enumerate().any(|(at, byte)| *byte == first && bytes[at..].starts_with(text))
}

pub(crate) fn arguments(command: &Command) -> impl Iterator<Item = &OsStr> {
    std::iter::once(command.get_program()).chain(command.get_args())
}
