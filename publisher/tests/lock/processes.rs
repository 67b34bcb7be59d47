//! Other processes, forks, and conditions with a deadline.

use flagstaff_publisher::Stopper;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use flagstaff_publisher::lock::{LockError, LockMode, PublisherLock, UnsafeLockFile};

/// Far more than anything here needs, so that a loaded machine does not fail a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Dir {
    pub(crate) root: tempfile::TempDir,
    pub(crate) lock: PathBuf,
}

impl Dir {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let lock = root.path().join("flags.flagstaff.lock");
        Self { root, lock }
    }
}

/// Another process of this executable; killed when the test ends, however it ends.
pub(crate) struct Role {
    pub(crate) process: Child,
    pub(crate) lines: Receiver<String>,
}

impl Role {
    pub(crate) fn start(role: &str, path: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "role_of_another_process", "--nocapture"])
            .env("FLAGSTAFF_LOCK_ROLE", role)
            .env("FLAGSTAFF_LOCK_PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// The rest of the first line that starts with `word`.
    pub(crate) fn expect(&mut self, word: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no {word:?} from the other process; it said {seen:?}");
            };
            match line.split_once(' ') {
                Some((first, rest)) if first == word => return rest.to_owned(),
                _ => seen.push(line),
            }
        }
    }

    pub(crate) fn try_next(&mut self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A grandchild that has lost its parent.
pub(crate) struct ForeignChild(pub(crate) i32);

impl ForeignChild {
    pub(crate) fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        // The state comes after the name in brackets: sleeping, or just about to.
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['S', 'R', 'D']))
    }
}

impl Drop for ForeignChild {
    fn drop(&mut self) {
        // SAFETY: kill touches no memory; the process was started by this test and has not ended.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

/// The exit code of `body` run in a forked child, or -1 if the child hung or crashed.
pub(crate) fn in_forked_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs only `body`, which allocates nothing and takes no lock, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: alarm takes a number; it ends the child if `body` hangs.
        unsafe { libc::alarm(5) };
        let code = body();
        // SAFETY: ends the process without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` is a live integer, and the child is this process's own.
    unsafe { libc::waitpid(child, &mut status, 0) };
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }
}

pub(crate) fn pause_for_ever() -> ! {
    loop {
        // SAFETY: pause takes nothing and is allowed after a fork.
        unsafe { libc::pause() };
    }
}

/// Asked with a plain flock, as any other program would.
pub(crate) fn is_held(path: &Path) -> bool {
    let file = fs::File::options().read(true).custom_flags(libc::O_CLOEXEC).open(path).unwrap();
    matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

/// Waits for the lock; panics instead of waiting for ever.
pub(crate) fn acquire_within_deadline(path: &Path) -> PublisherLock {
    let stopper = Stopper::new();
    let (acquired, wait_over) = mpsc::channel::<Infallible>();
    thread::scope(|scope| {
        let to_stop = stopper.clone();
        scope.spawn(move || {
            if wait_over.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                to_stop.stop();
            }
        });
        let lock = PublisherLock::acquire(path, LockMode::Owner, &stopper);
        drop(acquired);
        lock.unwrap()
    })
}

pub(crate) fn refusal(path: &Path) -> UnsafeLockFile {
    match PublisherLock::try_acquire(path, LockMode::Owner) {
        Err(LockError::Unsafe { found, .. }) => found,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn permissions(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// How many sleep in flock for this file, as the kernel lists them. The list is not one moment's: ask again.
pub(crate) fn blocked_waiters(path: &Path) -> usize {
    let of_file = format!(":{} ", fs::metadata(path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().filter(|line| line.contains("-> FLOCK") && line.contains(&of_file)).count()
}

pub(crate) fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true within {DEADLINE:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// What comes until the end of the stream; panics if the end does not come.
pub(crate) fn rest_within_deadline(
    read: impl FnOnce(&mut Vec<u8>) -> std::io::Result<usize> + Send + 'static,
) -> Vec<u8> {
    let (send, done) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let result = read(&mut bytes).map(|_| bytes);
        send.send(result).ok();
    });
    done.recv_timeout(DEADLINE).expect("the stream did not end").unwrap()
}

pub(crate) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}
