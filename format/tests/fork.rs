//! What a child of a fork has of the values of its parent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
#![allow(unsafe_code, reason = "fork has no safe wrapper")]

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use flagstaff_format::layout::Area;
use flagstaff_format::{
    Archive, Entry, Epoch, Facts, ForkSafeList, Generation, Value, Writer, WriterOptions, open_view,
};

/// Forks, runs `child` there under an alarm, and returns its exit code; 99 if it was killed.
#[track_caller]
fn exit_code_of(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs only what is made to work in one, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: takes a number; a child that hangs is killed.
        unsafe { libc::alarm(20) };
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(98);
        // SAFETY: ends the process without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = -1;
    // SAFETY: `status` is a live integer and the child is this process's own.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 99 }
}

#[test]
fn a_process_keeps_its_number_and_each_of_its_descendants_has_another() {
    let mine = Epoch::now();
    assert_eq!(Epoch::now(), mine);
    let status = exit_code_of(|| {
        let childs = Epoch::now();
        let grandchild = exit_code_of(|| {
            let all = [mine, childs, Epoch::now()];
            i32::from(all[0] == all[1] || all[1] == all[2] || all[0] == all[2])
        });
        i32::from(childs == mine || Epoch::now() != childs) + grandchild
    });
    assert_eq!(status, 0);
    assert_eq!(Epoch::now(), mine);
}

#[test]
fn a_child_sees_the_values_of_its_parent_takes_none_for_its_own_and_drops_none() {
    let count = Arc::new(());
    let list = ForkSafeList::new();
    list.push(count.clone());
    let code = exit_code_of(|| {
        let inherits = list.newest_here().is_none() && list.iter().count() == 1;
        let adds = matches!(list.get_or_push(|| count.clone()), Entry::New(_));
        let has = list.newest_here().is_some() && list.iter().count() == 2;
        drop(list);
        // Its own is gone; its parent's, and the variable of this test, are not.
        i32::from(!(inherits && adds && has && Arc::strong_count(&count) == 2))
    });
    assert_eq!(code, 0);
}

/// A child has the file and the mapping through which its parent stores.
#[test]
fn a_child_publishes_nothing_with_the_writer_of_its_parent() {
    for folder in [tempfile::tempdir_in("/dev/shm"), tempfile::tempdir()].into_iter().flatten() {
        let path = folder.path().join("flags.flagstaff");
        let mut writer = Writer::open(&path, &WriterOptions::default()).unwrap().writer;
        let archive = |n| {
            let flag = flagstaff_format::Flag { key: "n".into(), value: Value::I64(n) };
            Archive::build(&[flag], Generation(1), Facts::default()).unwrap()
        };
        writer.publish(&mut archive(1)).unwrap();
        let used = || {
            let file = std::fs::File::open(&path).unwrap();
            [0, Area::Slot(0).offset(), Area::Slot(1).offset()].map(|at| {
                let mut bytes = [0; 4096];
                file.read_exact_at(&mut bytes, at).unwrap();
                bytes
            })
        };
        let before = used();
        let code = exit_code_of(|| {
            let refused = writer.publish(&mut archive(2)).unwrap_err();
            let source = std::error::Error::source(&refused).map(ToString::to_string);
            i32::from(!source.is_some_and(|why| why.contains("forked")))
        });
        assert_eq!(code, 0);
        assert!(used() == before);
        writer.publish(&mut archive(3)).unwrap();
        assert_eq!(open_view(&path).unwrap().observe().generation(), Generation(2));
    }
}
