//! Readers in forked children, and in other processes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

use flagstaff_reader::{Generation, NumberFlag, Reader, ReaderOptions};
use stage::{Stage, again, bools, publish, publish_number, role, until};

/// Forks, runs `child` in the child under an alarm, and returns its process id.
#[allow(
    unsafe_code,
    reason = "fork, alarm and _exit are what prefork servers do, and no crate has them safe"
)]
fn fork(child: impl FnOnce()) -> i32 {
    // SAFETY: other threads run, so that the child may use only what survives a fork: the reader promises that it does,
    // and the C library keeps its allocator usable. The child leaves by `_exit` and so runs nothing of the parent's.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: no memory is involved; a child that hangs is killed.
        unsafe { libc::alarm(20) };
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    pid
}

#[track_caller]
fn ends_well(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let (_, status) =
        rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0), "{status:?}");
}

/// A child has the copies and the numbers of its parent.
#[test]
fn a_child_is_told_what_changed_since_what_its_parent_saw() {
    let (stage, mut writer) = Stage::with_writer();
    publish(&mut writer, &bools(&[("one", false), ("two", false)]));
    let reader = Reader::open(&stage.path).unwrap();
    let (seen, before) = (reader.generation(), reader.snapshot());
    let child = fork(|| {
        let changed = reader.wait_for_changes(seen, Duration::from_secs(20));
        assert_eq!(changed.keys, Some(vec!["two".to_owned()]));
        let copy = reader.snapshot();
        assert_eq!((copy.changed_keys(&before), copy.get_bool("two")), (vec!["two".to_owned()], true));
    });
    publish(&mut writer, &bools(&[("one", false), ("two", true)]));
    assert_eq!(reader.changes_since(seen).keys, Some(vec!["two".to_owned()]));
    ends_well(child);
}

#[test]
fn a_child_sees_updates_published_after_the_fork() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let (number, string) = (reader.number_flag("the-number"), reader.string_flag("the-string"));
    assert_eq!((number.get(), &*string.get()), (1.0, "1"));
    let children: Vec<i32> = (0..3)
        .map(|child| {
            let arrived = stage.dir.path().join(format!("arrived-{child}"));
            fork(|| {
                let mut seen = reader.generation();
                while reader.get_u64("the-number") < 20 {
                    seen = reader.wait_for_change(seen, Duration::from_secs(20));
                }
                assert_eq!((number.get(), &*string.get()), (20.0, "20"));
                assert_eq!(reader.snapshot().get_number("the-number"), 20.0);
                std::fs::write(arrived, "").unwrap();
                until("the superseding file is followed", || reader.get_u64("the-number") == 21);
                assert_eq!((number.get(), &*string.get()), (21.0, "21"));
            })
        })
        .collect();
    for n in 2..=20 {
        publish_number(&mut writer, n);
    }
    until("every child has arrived", || {
        (0..3).all(|child| stage.dir.path().join(format!("arrived-{child}")).exists())
    });
    writer.supersede().unwrap();
    publish_number(&mut writer, 21);
    children.into_iter().for_each(ends_well);
}

#[test]
fn a_child_is_not_held_up_by_what_threads_of_its_parent_held_at_the_fork() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let (string, json) = (reader.string_flag("the-string"), reader.json_flag::<Vec<u64>>("the-json-value"));
    let number = reader.number_flag("the-number");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let _ = (string.get(), json.get(), number.get(), reader.snapshot(), reader.status());
                    let _ = Reader::open(&stage.path).map(|reader| reader.snapshot());
                }
            });
        }
        for n in 2..42 {
            let child = fork(|| {
                until("the child follows", || reader.get_u64("the-number") >= n);
                let at_least = |seen: u64| assert!(seen >= n, "{seen} and {n}");
                at_least(number.get() as u64);
                at_least(string.get().parse().unwrap());
                at_least(json.get().unwrap()[0]);
                at_least(reader.snapshot().get_number("the-number") as u64);
                at_least(reader.read(|view| view.get_u64("the-number")));
                assert!(reader.status().generation.0 >= n);
                assert!(Reader::open(&stage.path).unwrap().get_u64("the-number") >= n);
            });
            if n % 2 == 0 {
                writer.supersede().unwrap();
            }
            publish_number(&mut writer, n);
            ends_well(child);
        }
        stop.store(true, Relaxed);
    });
}

/// Every way of reading finds out by itself that it is in a child, and says so once.
#[test]
fn the_first_read_of_a_child_says_that_it_is_one_and_no_other_read_does() {
    type Read = fn(&Reader) -> u64;
    let ways: [(&str, Read); 8] = [
        ("a short path", |reader| reader.get_u64("the-number")),
        ("a boolean", |reader| u64::from(reader.get_bool("the-parity"))),
        ("a missing flag", |reader| 1 + u64::from(reader.get_bool("no-such-flag"))),
        ("a long key", |reader| 1 + reader.get_u64("long".repeat(15))),
        ("a string", |reader| reader.get_string("the-string").parse().unwrap_or(0)),
        ("a snapshot", |reader| reader.snapshot().get_number("the-number") as u64),
        ("many", |reader| reader.read(|view| view.get_u64("the-number"))),
        ("status", |reader| reader.status().generation.0),
    ];
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    for attached in [true, false] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        let options = ReaderOptions::new().on_fork(move || {
            counter.fetch_add(1, Relaxed);
        });
        let path = if attached { stage.path.clone() } else { stage.dir.path().join("nothing-yet") };
        let reader = Reader::attach_with(&path, &options);
        let (number, string) = (reader.number_flag("the-number"), reader.string_flag("the-string"));
        let expected = u64::from(attached);
        assert_eq!((number.get() as u64, calls.load(Relaxed)), (expected, 0));
        for (way, read) in ways {
            ends_well(fork(|| {
                let value = read(&reader);
                assert!(value == 1 || !attached, "{way}: {value}");
                assert_eq!(calls.load(Relaxed), 1, "{way}");
                read_all(&reader, &number, expected);
                assert_eq!(calls.load(Relaxed), 1, "{way}");
                ends_well(fork(|| {
                    read_all(&reader, &number, expected);
                    assert_eq!(calls.load(Relaxed), 2, "a grandchild, {way}");
                }));
            }));
        }
        ends_well(fork(|| assert_eq!((number.get() as u64, calls.load(Relaxed)), (expected, 1))));
        ends_well(fork(|| assert_eq!((string.get().len() as u64, calls.load(Relaxed)), (expected, 1))));
        read_all(&reader, &number, expected);
        assert_eq!(calls.load(Relaxed), 0, "in the parent");
    }
}

fn read_all(reader: &Reader, number: &NumberFlag, expected: u64) {
    for _ in 0..3 {
        assert_eq!((number.get() as u64, reader.get_u64("the-number")), (expected, expected));
        assert_eq!((reader.get_bool("the-parity"), reader.generation().0), (expected == 1, expected));
    }
}

#[test]
fn other_processes_see_what_is_published_and_may_be_killed_at_any_time() {
    if let Some(path) = role() {
        let reader = Reader::attach(path);
        let mut last = 0;
        while last < 5000 {
            let now = reader.get_u64("the-number");
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
        return;
    }
    let (stage, mut writer) = Stage::with_writer();
    let name = "other_processes_see_what_is_published_and_may_be_killed_at_any_time";
    let start = || again(name, &stage.path).stdout(Stdio::null()).spawn().unwrap();
    let (mut stays, mut dies) = (start(), start());
    for n in 1..=5000 {
        publish_number(&mut writer, n);
        if n == 2500 {
            dies.kill().unwrap();
        }
    }
    assert!(stays.wait().unwrap().success());
    dies.wait().unwrap();
    assert_eq!(writer.generation(), Generation(5000));
}
