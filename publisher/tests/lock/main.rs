//! The publisher lock with real processes, forks and SIGKILL.
//!
//! A test starts this same executable again, told by the environment which role to play; roles answer on stderr, because
//! stdout belongs to the test harness.

#![allow(unsafe_code, reason = "the tests fork, and act as a hostile child would")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail anywhere, and roles answer on stderr"
)]

mod processes;

use flagstaff_publisher::Stopper;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use flagstaff_publisher::lock::{Isolation, LockError, LockMode, PublisherLock, UnsafeLockFile};
use processes::{
    DEADLINE, Dir, ForeignChild, Role, acquire_within_deadline, blocked_waiters, in_forked_child, is_held,
    monotonic_ns, pause_for_ever, permissions, refusal, rest_within_deadline, until,
};

const WAITERS: usize = 10;

#[test]
fn a_killed_holder_frees_the_lock_although_its_forked_child_lives() {
    let dir = Dir::new();
    let mut leader = Role::start("hold-and-fork", &dir.lock);
    let child: i32 = leader.expect("child").parse().unwrap();
    let child = ForeignChild(child);
    assert!(is_held(&dir.lock));

    leader.kill();
    let killed = Instant::now();
    let lock = acquire_within_deadline(&dir.lock);
    let waited = killed.elapsed();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    assert!(child.is_alive());
    assert!(lock.is_mine());
}

#[test]
fn a_forked_child_that_drops_unlocks_and_exits_leaves_the_lock_with_its_parent() {
    let dir = Dir::new();
    let lock = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    assert_eq!(lock.isolation(), Isolation::PrivateTable);
    let status = in_forked_child(|| {
        if lock.is_mine() {
            return 1;
        }
        for fd in 0..1024 {
            // SAFETY: flock takes any number; a wrong one is an error that is ignored here.
            unsafe { libc::flock(fd, libc::LOCK_UN) };
        }
        // SAFETY: the parent never sees this copy, and nothing in this child uses it again.
        drop(unsafe { std::ptr::read(&lock) });
        0
    });
    assert_eq!(status, 0, "the child took the lock for its own, or hung, or crashed");
    assert!(lock.is_mine());
    assert!(is_held(&dir.lock));
    drop(lock);
    assert!(!is_held(&dir.lock));
}

#[test]
fn an_exec_in_place_frees_the_lock() {
    let dir = Dir::new();
    let mut leader = Role::start("hold-then-exec", &dir.lock);
    leader.expect("held");
    leader.expect("exec");
    // The new image stays until it is killed, so only the exec can have freed the lock.
    until(|| !is_held(&dir.lock));
    leader.kill();
}

#[test]
fn two_locks_in_one_process_exclude_each_other() {
    let dir = Dir::new();
    let first = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    match PublisherLock::try_acquire(&dir.lock, LockMode::Owner) {
        Err(LockError::Held { path }) => assert_eq!(path, first.path()),
        other => panic!("{other:?}"),
    }
    drop(first);
    // At once: drop returns only after the file is closed.
    drop(PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap());
    assert!(dir.lock.exists(), "the lock file is never unlinked");
}

#[test]
fn of_ten_waiters_one_takes_over_after_each_kill() {
    let dir = Dir::new();
    let mut roles = vec![Role::start("wait", &dir.lock)];
    roles[0].expect("held");
    roles.extend((0..WAITERS).map(|_| Role::start("wait", &dir.lock)));
    until(|| blocked_waiters(&dir.lock) == WAITERS);

    let mut holder = 0;
    let mut times = Vec::new();
    for _ in 0..WAITERS {
        let killed_at = monotonic_ns();
        roles[holder].kill();
        let deadline = Instant::now() + DEADLINE;
        let (winner, held_at) = loop {
            let answer = roles.iter_mut().enumerate().find_map(|(i, role)| {
                Some((i, role.try_next()?.strip_prefix("held ")?.parse::<u64>().unwrap()))
            });
            if let Some(answer) = answer {
                break answer;
            }
            assert!(Instant::now() < deadline, "nobody took over");
            thread::yield_now();
        };
        // A second winner of an earlier round would show up here, with a time before this kill.
        assert!(held_at >= killed_at, "two held the lock at once");
        times.push(Duration::from_nanos(held_at - killed_at));
        holder = winner;
    }
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    eprintln!("take-over after SIGKILL, {WAITERS} waiters: median {median:?}, worst {worst:?}");
    assert!(median < Duration::from_secs(1), "{times:?}");
}

#[test]
fn a_holder_whose_file_was_removed_notices_and_a_waiter_ends_up_on_the_new_file() {
    let dir = Dir::new();
    let lock = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    assert!(lock.still_at_path().unwrap());

    let path = dir.lock.clone();
    let waiter = thread::spawn(move || acquire_within_deadline(&path));
    until(|| blocked_waiters(&dir.lock) == 1);

    fs::remove_file(&dir.lock).unwrap();
    assert!(!lock.still_at_path().unwrap());
    let newer = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    assert!(!lock.still_at_path().unwrap(), "a new file under the same name is another file");
    assert!(newer.still_at_path().unwrap());

    drop(lock);
    // The waiter got the orphan, saw it, and waits again, now for the new file.
    until(|| blocked_waiters(&dir.lock) == 1);
    drop(newer);
    assert!(waiter.join().unwrap().still_at_path().unwrap());
}

#[test]
fn a_stopped_waiter_returns_and_its_thread_gives_the_lock_back() {
    let dir = Dir::new();
    let held = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    let stopper = Stopper::new();
    let waiter = {
        let (path, stopper) = (dir.lock.clone(), stopper.clone());
        thread::spawn(move || PublisherLock::acquire(path, LockMode::Owner, &stopper))
    };
    until(|| blocked_waiters(&dir.lock) == 1);
    let asked = Instant::now();
    stopper.stop();
    let answer = waiter.join().unwrap();
    assert!(matches!(answer, Err(LockError::Stopped { .. })), "{answer:?}");
    assert!(asked.elapsed() < Duration::from_secs(1));
    // The next wait with the same stopper does not even begin.
    let again = PublisherLock::acquire(&dir.lock, LockMode::Owner, &stopper);
    assert!(matches!(again, Err(LockError::Stopped { .. })), "{again:?}");

    // Now nobody but the abandoned thread wants the lock. It gets it, and the next waiter gets it from there.
    drop(held);
    until(|| blocked_waiters(&dir.lock) == 0);
    assert!(acquire_within_deadline(&dir.lock).is_mine());
}

/// Symptom: each client that came and went beside a publisher left a sleeping thread behind, until there was no memory for
/// another. Cause: a wait in the kernel cannot be called off. Fix: the next wait goes on with the thread of an abandoned one.
#[test]
fn waits_that_are_stopped_one_after_the_other_leave_one_thread_behind_which_the_next_wait_uses() {
    let dir = Dir::new();
    let held = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    let wait = |stopper: &Stopper| {
        let (path, stopper) = (dir.lock.clone(), stopper.clone());
        thread::spawn(move || PublisherLock::acquire(path, LockMode::Owner, &stopper))
    };
    for _ in 0..20 {
        let stopper = Stopper::new();
        let waiter = wait(&stopper);
        until(|| blocked_waiters(&dir.lock) == 1);
        stopper.stop();
        assert!(matches!(waiter.join().unwrap(), Err(LockError::Stopped { .. })));
    }
    assert_eq!(blocked_waiters(&dir.lock), 1);
    let waiter = wait(&Stopper::new());
    drop(held);
    let lock = waiter.join().unwrap().unwrap();
    assert!(lock.is_mine() && lock.still_at_path().unwrap());
    assert!(PublisherLock::try_acquire(&dir.lock, LockMode::Owner).is_err());
    drop(lock);
    drop(PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap());
}

/// Symptom: waits that were stopped at once each left a thread behind. Fix: they are one wait, with one thread.
#[test]
fn waits_at_the_same_time_share_one_thread_and_each_gets_the_lock_in_its_turn() {
    let dir = Dir::new();
    let held = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    let wait = |stopper: &Stopper| {
        let (path, stopper) = (dir.lock.clone(), stopper.clone());
        thread::spawn(move || PublisherLock::acquire(path, LockMode::Owner, &stopper))
    };
    let (stopped, kept) = (Stopper::new(), Stopper::new());
    let gone: Vec<_> = (0..10).map(|_| wait(&stopped)).collect();
    let waiting: Vec<_> = (0..10).map(|_| wait(&kept)).collect();
    until(|| blocked_waiters(&dir.lock) == 1);
    stopped.stop();
    for waiter in gone {
        assert!(matches!(waiter.join().unwrap(), Err(LockError::Stopped { .. })));
    }
    assert_eq!(blocked_waiters(&dir.lock), 1);
    drop(held);
    let holders = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for waiter in waiting {
            let holders = &holders;
            scope.spawn(move || {
                let lock = waiter.join().unwrap().unwrap();
                assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                assert!(lock.is_mine() && lock.still_at_path().unwrap());
                holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                drop(lock);
            });
        }
    });
    drop(acquire_within_deadline(&dir.lock));
    assert_eq!(blocked_waiters(&dir.lock), 0);
}

#[test]
fn a_lock_file_that_others_control_is_refused_and_left_alone() {
    let dir = Dir::new();
    let target = dir.root.path().join("target");
    fs::write(&target, "").unwrap();
    symlink(&target, &dir.lock).unwrap();
    assert_eq!(refusal(&dir.lock), UnsafeLockFile::Symlink);
    fs::remove_file(&dir.lock).unwrap();

    fs::write(&dir.lock, "").unwrap();
    fs::set_permissions(&dir.lock, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(refusal(&dir.lock), UnsafeLockFile::WorldWritable { mode: 0o666 });
    assert_eq!(permissions(&dir.lock), 0o666);
    fs::remove_file(&dir.lock).unwrap();

    rustix::fs::mkfifoat(rustix::fs::CWD, &dir.lock, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert_eq!(refusal(&dir.lock), UnsafeLockFile::NotRegular);
    fs::remove_file(&dir.lock).unwrap();

    fs::create_dir(&dir.lock).unwrap();
    assert_eq!(refusal(&dir.lock), UnsafeLockFile::NotRegular);
}

#[test]
fn a_foreign_lock_file_is_refused_in_a_sticky_shared_directory_only() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can make a file of another user; the refusal is not tested");
        return;
    }
    let dir = Dir::new();
    fs::write(&dir.lock, "").unwrap();
    fs::set_permissions(&dir.lock, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&dir.lock, Some(12345), None).unwrap();
    let set = |mode| fs::set_permissions(dir.root.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o1777);
    assert_eq!(refusal(&dir.lock), UnsafeLockFile::ForeignOwner { owner: 12345, expected: 0 });
    // A volume shared between containers looks like this, and is to work.
    set(0o777);
    drop(PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap());
}

#[test]
fn the_lock_file_is_made_with_the_mode_asked_for_and_closed_to_the_world() {
    let dir = Dir::new();
    drop(PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap());
    assert_eq!(permissions(&dir.lock), 0o600);
    fs::remove_file(&dir.lock).unwrap();
    drop(PublisherLock::try_acquire(&dir.lock, LockMode::Group).unwrap());
    assert_eq!(permissions(&dir.lock), 0o660, "the umask must not take the group's bits");
    // Whoever may read the file can flock it.
    fs::set_permissions(&dir.lock, fs::Permissions::from_mode(0o644)).unwrap();
    drop(PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap());
    assert_eq!(permissions(&dir.lock), 0o640);
}

#[test]
fn a_missing_directory_is_an_error_with_its_cause() {
    let dir = Dir::new();
    let path = dir.root.path().join("missing/lock");
    match PublisherLock::try_acquire(&path, LockMode::Owner) {
        Err(LockError::Open { path: told, source }) => {
            assert_eq!(told, path);
            assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_lock_thread_keeps_no_descriptor_of_the_process_open() {
    let dir = Dir::new();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let lock = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    drop(writer);
    assert!(rest_within_deadline(move |bytes| reader.read_to_end(bytes)).is_empty());
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let own: Vec<PathBuf> = open.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok()).collect();
    assert!(!own.contains(&dir.lock), "no fork may copy the lock's descriptor");
    drop(lock);
}

/// A process that makes itself a daemon points its standard streams elsewhere, and its starter waits for their end.
#[test]
fn the_lock_thread_does_not_keep_the_standard_streams_open() {
    let dir = Dir::new();
    let mut role = Role::start("hold-then-close-streams", &dir.lock);
    role.expect("held");
    let mut stdout = role.process.stdout.take().unwrap();
    rest_within_deadline(move |bytes| stdout.read_to_end(bytes));
    assert!(is_held(&dir.lock));
    role.kill();
}

/// A handler that writes to a pipe of the process must not run where the process's descriptors are missing.
#[test]
fn the_lock_thread_takes_no_signals() {
    let dir = Dir::new();
    let _lock = PublisherLock::try_acquire(&dir.lock, LockMode::Owner).unwrap();
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let masks: Vec<u64> = tasks
        .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "flag-lock\n"))
        .filter_map(|task| fs::read_to_string(task.join("status")).ok())
        .filter_map(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .collect();
    assert!(!masks.is_empty());
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD, libc::SIGALRM] {
        assert!(masks.iter().any(|mask| mask & (1 << (signal - 1)) != 0), "signal {signal}: {masks:x?}");
    }
}

/// Does nothing in a normal run. Started again by the tests above, it is the other process.
#[test]
fn role_of_another_process() {
    let Ok(role) = env::var("FLAGSTAFF_LOCK_ROLE") else {
        return;
    };
    let path = PathBuf::from(env::var_os("FLAGSTAFF_LOCK_PATH").unwrap());
    let lock = PublisherLock::acquire(path, LockMode::Owner, &Stopper::new()).unwrap();
    eprintln!("held {}", monotonic_ns());
    match role.as_str() {
        "wait" => {}
        "hold-and-fork" => {
            // SAFETY: the child only calls `pause`, which is allowed after a fork with threads.
            let child = unsafe { libc::fork() };
            if child == 0 {
                pause_for_ever();
            }
            eprintln!("child {child}");
        }
        "hold-then-exec" => {
            eprintln!("exec ");
            panic!("{}", Command::new("sleep").arg("1000").exec());
        }
        "hold-then-close-streams" => {
            let null = fs::File::open("/dev/null").unwrap();
            for fd in 0..3 {
                // SAFETY: both numbers are open descriptors; nothing in this process relies on what 0 to 2 are.
                unsafe { libc::dup2(null.as_raw_fd(), fd) };
            }
        }
        other => panic!("no role {other}"),
    }
    let _lock = lock;
    pause_for_ever();
}
