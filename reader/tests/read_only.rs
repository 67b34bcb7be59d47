//! Reading needs the right to read and nothing else, and leaves no trace.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use flagstaff_format::layout::Area;
use flagstaff_reader::{Generation, Reader};
use stage::{Stage, again, publish_number, role, succeeds};

/// Reads in every way.
fn read_everything(path: impl AsRef<Path>) {
    let reader = Reader::open(path).unwrap();
    let handle = reader.bool_flag("always-true");
    for _ in 0..1000 {
        assert!(reader.get_bool("always-true") && handle.get());
        assert_eq!((reader.get_u64("the-number"), reader.get_string("the-string")), (7, "7".into()));
        assert_eq!(reader.read(|view| view.get_u64("the-number")), 7);
    }
    assert_eq!(reader.snapshot().len(), 5);
    assert_eq!(reader.status().generation, Generation(1));
    let seen = reader.wait_for_change(Generation(1), std::time::Duration::from_millis(1));
    assert_eq!(seen, Generation(1));
}

fn published() -> Stage {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 7);
    std::fs::set_permissions(stage.dir.path(), Permissions::from_mode(0o755)).unwrap();
    stage
}

#[test]
fn a_read_only_file_in_a_read_only_directory_is_read_by_an_unprivileged_user() {
    if let Some(path) = role() {
        assert!(File::options().write(true).open(&path).is_err(), "this process may write");
        read_everything(path);
        return;
    }
    for mode in [0o440, 0o400, 0o444] {
        let stage = published();
        std::fs::set_permissions(&stage.path, Permissions::from_mode(mode)).unwrap();
        let mut child =
            again("a_read_only_file_in_a_read_only_directory_is_read_by_an_unprivileged_user", &stage.path);
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = (if mode == 0o400 { 65534 } else { 12345 }, 65534);
            std::os::unix::fs::chown(&stage.path, Some(65534), Some(65534)).unwrap();
            child.uid(uid).gid(gid);
        } else {
            println!("NOTICE: not root, so the user stays the file's owner");
        }
        std::fs::set_permissions(stage.dir.path(), Permissions::from_mode(0o555)).unwrap();
        succeeds(child);
        std::fs::set_permissions(stage.dir.path(), Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_read_only_mount_is_read() {
    if let Some(path) = role() {
        assert!(std::fs::write(Path::new(&path).with_file_name("new"), "").is_err(), "the mount is writable");
        return read_everything(path);
    }
    let stage = published();
    let script = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99; shift; exec "$@""#;
    let mut child = Command::new("unshare");
    let again = again("a_read_only_mount_is_read", &stage.path);
    child.args(["-m", "sh", "-c", script, "sh"]).arg(stage.dir.path());
    child.arg(again.get_program()).args(again.get_args());
    child.envs(again.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = child.output();
    let Some(output) = output.ok().filter(|output| ![1, 99].contains(&output.status.code().unwrap_or(0)))
    else {
        println!("NOTICE: no private mount namespace here, so the read-only mount was not tried");
        return;
    };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn reads_leave_no_trace_in_file_descriptors_or_threads() {
    if role().is_none() {
        let stage = published();
        return succeeds(again("reads_leave_no_trace_in_file_descriptors_or_threads", &stage.path));
    }
    let path = role().unwrap();
    let count = |directory| std::fs::read_dir(directory).unwrap().count();
    let state = || {
        let file = File::open(&path).unwrap();
        let m = file.metadata().unwrap();
        let content: Vec<Vec<u8>> = std::iter::once(0)
            .chain(Area::ALL.map(Area::offset))
            .map(|at| {
                let mut bytes = vec![0; 65536];
                file.read_exact_at(&mut bytes, at).unwrap();
                bytes
            })
            .collect();
        (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec(), m.blocks(), m.mode(), content)
    };
    let before = state();
    let (descriptors, threads) = (count("/proc/self/fd"), count("/proc/self/task"));
    let reader = Reader::open(&path).unwrap();
    let handles = (reader.bool_flag("always-true"), reader.string_flag("the-string"));
    for _ in 0..100_000 {
        assert!(reader.get_bool("always-true") && handles.0.get() && handles.1.get().len() == 1);
        assert_eq!(reader.get_u64("the-number"), 7);
    }
    read_everything(&path);
    assert_eq!((count("/proc/self/fd"), count("/proc/self/task")), (descriptors, threads));
    assert!(before == state(), "the file changed");
}
