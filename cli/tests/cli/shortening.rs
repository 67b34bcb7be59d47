//! Files that somebody makes shorter while a command has them mapped: `cp new live`, `> live`, `truncate`.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::program::{Folder, Running, until};

/// As root does it, whom no mode keeps from it.
pub(crate) fn shorten(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    File::options().write(true).open(path).unwrap().set_len(0).unwrap();
}

#[track_caller]
fn explains(mut command: Running) {
    let status = command.end();
    let said = command.everything();
    assert_eq!(status.code(), Some(1), "{status}: {said}");
    assert!(said.contains("truncated") && said.contains("replace snapshot files with mv"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Symptom: `Bus error (core dumped)` and nothing else.
#[test]
fn a_watch_on_a_file_that_is_cut_off_says_what_happened_and_ends_with_1() {
    for _ in 0..5 {
        let folder = Folder::with(r#"{"a":1}"#);
        let mut watch = Running::start(&mut folder.flagstaff(["watch"]));
        watch.says("generation 1");
        shorten(&folder.snapshot());
        explains(watch);
    }
}

/// A page that is still there, and holds something else, is no crash: what is no snapshot has no flags.
#[test]
fn a_short_file_that_is_copied_over_the_live_one_takes_the_flags_away() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut watch = Running::start(&mut folder.flagstaff(["watch"]));
    watch.says("generation 1");
    fs::set_permissions(folder.snapshot(), Permissions::from_mode(0o640)).unwrap();
    let short = folder.file("short", "not a snapshot");
    assert!(Command::new("cp").arg(short).arg(folder.snapshot()).status().unwrap().success());
    watch.says("a: 1 -> (removed)");
    watch.signal(Signal::TERM);
    assert!(!watch.end().success());
}

#[test]
fn a_publisher_of_a_file_that_is_cut_off_says_so_too_or_makes_a_new_file_and_so_does_the_next_one() {
    let folder = Folder::new();
    let source = folder.file("flags.json", r#"{"a":1}"#);
    let source = source.to_str().unwrap();
    let mut run = Running::start(&mut folder.flagstaff(["run", "--source", source]));
    until("flags", || folder.run(["get", "a"]).out == "1\n");
    let file = fs::metadata(folder.snapshot()).unwrap().ino();
    shorten(&folder.snapshot());
    // Who looks at a page that is gone ends. If the writing of a checkpoint makes the file long again before that, nobody has to.
    let is_new = || fs::metadata(folder.snapshot()).is_ok_and(|now| now.ino() != file);
    until("an end, or a new file", || run.has_ended() || is_new());
    if is_new() {
        assert_eq!(folder.run(["get", "a"]).out, "1\n");
        run.signal(Signal::KILL);
    } else {
        explains(run);
    }
    run = Running::start(&mut folder.flagstaff(["run", "--source", source]));
    until("flags again", || folder.run(["get", "a"]).out == "1\n");
    run.signal(Signal::TERM);
    assert!(run.end().success());
}

#[test]
fn the_same_signal_from_somebody_else_ends_a_command_as_ever() {
    let folder = Folder::with(r#"{"a":1}"#);
    let mut watch = Running::start(&mut folder.flagstaff(["watch"]));
    watch.says("generation 1");
    watch.signal(Signal::BUS);
    let status = watch.end();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::BUS.as_raw()));
    assert!(!watch.everything().contains("truncated"));
}
