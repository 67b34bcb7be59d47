//! Roles of `flagstaff-torture` that do one thing wrong: each check must notice. A defect stands for a broken file system, a broken
//! kernel, or a broken Flagstaff.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a role that cannot play fails its test")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use flagstaff_format::event::Waker as _;
use flagstaff_format::layout::Area;
use flagstaff_format::{FileOp, Generation, Hooks, Mapping, Observer, boot};
use flagstaff_publisher::lock::{LockMode, PublisherLock};
use flagstaff_publisher::{Publisher, PublisherOptions, Stopper};
use flagstaff_torture::numbered::{self, number};
use flagstaff_torture::rate::RateReport;
use flagstaff_torture::role::{self, durable_with, ending_with_stdin, say};
use flagstaff_torture::steady;
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};

/// `<defect> <pid of the parent> <role> <path> [<argument> ..]`. Roles that have nothing to do with the defect are played well.
pub fn main(words: &[OsString]) -> ExitCode {
    let [defect, rest @ ..] = words else { panic!("{words:?}") };
    let [_, role, path, ..] = rest else { panic!("{words:?}") };
    let path = Path::new(path);
    match (defect.to_str().unwrap(), role.to_str().unwrap()) {
        ("no-lock", "hold") => hold_nothing(),
        ("inherited-lock", "hold") => hold_and_inherit(path),
        ("slow-lock", "stand-by") => stand_by_slowly(path),
        ("two-publishers", "stand-by") => start_without_a_lock(),
        ("own-copy", "poke") => {
            let copy = path.with_extension("copy");
            fs::copy(path, &copy).unwrap();
            return role::play("poke", &copy, &[]);
        }
        ("no-wake", "poke") => poke_without_waking(path),
        ("no-sync", "durable") => {
            let options = PublisherOptions::default().watch(Hooks::new(Arc::new(NoSync)));
            return if durable_with(path, 1, &options).is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        ("no-checkpoint", "durable") => lie_about_the_disk(path),
        ("killed", "limited") => make_too_long_a_file(path),
        ("killed-when-full", "full") => kill_process(getpid(), Signal::BUS).unwrap(),
        ("starts-over", "publish" | "write") => {
            // With its second name, or the next publisher would find it.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = fs::remove_file(path.with_file_name(format!(".{name}.live")));
            let _ = fs::remove_file(path);
            return role::main(rest);
        }
        ("torn", "publish" | "write" | "rate") => publish_mixes(path),
        ("torn", "succeed") => succeed_with_a_mix(path),
        ("no-death", "steps") => return role::main(&rest[..3]),
        ("crash", "pool-reader") => std::process::abort(),
        ("leak", "pool-reader" | "rate") => {
            leak();
            return role::main(rest);
        }
        ("crash", "damage") => {
            fs::write(path.with_extension("note"), "bit 3 of byte 77 flipped\n").unwrap();
            std::process::abort();
        }
        ("wrong-answer", "damage") => {
            let mut less = rest.to_vec();
            // The newest snapshot of the file counts as one that nobody published.
            less[4] = "1".into();
            return role::main(&less);
        }
        _ => return role::main(rest),
    }
    ExitCode::SUCCESS
}

fn wait_for_the_end() {
    let ending = ending_with_stdin();
    while !ending.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn hold_nothing() {
    say("held 1 PrivateTable");
    wait_for_the_end();
}

/// As `flock` without a thread of its own does it.
fn hold_and_inherit(path: &Path) {
    let file = File::create(path).unwrap();
    file.lock().unwrap();
    let child = flagstaff_torture::fork(8, || std::thread::sleep(Duration::from_secs(7))).unwrap();
    say(&format!("held {} PrivateTable", child.as_raw_pid()));
    wait_for_the_end();
}

fn stand_by_slowly(path: &Path) {
    say("waits");
    let lock = path.with_extension("slow");
    let _lock = loop {
        match PublisherLock::try_acquire(&lock, LockMode::Owner) {
            Ok(lock) => break lock,
            Err(_) => std::thread::sleep(Duration::from_millis(300)),
        }
    };
    say(&format!("start {0} {0}", boot::now().as_nanos()));
    wait_for_the_end();
}

fn start_without_a_lock() {
    say("waits");
    say(&format!("start {0} {0}", boot::now().as_nanos()));
    wait_for_the_end();
}

fn poke_without_waking(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let map = Mapping::read_write(&file, 8192).unwrap();
    say("ready");
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let (order, n) = line.split_once(' ').unwrap_or((&line, "0"));
        let n: u64 = n.parse().unwrap();
        match order {
            "write" => file.write_all_at(&n.to_le_bytes(), 600 * 8).unwrap(),
            "store" => map.store(100, n, std::sync::atomic::Ordering::Release),
            _ => map.bump(Relaxed),
        }
        say(&line);
    }
}

/// A disk that takes everything and syncs nothing.
#[derive(Debug)]
struct NoSync;

impl Observer for NoSync {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        match step {
            FileOp::Sync { .. } => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => Ok(()),
        }
    }
}

/// A disk that says that it has the checkpoints, and loses them.
fn lie_about_the_disk(path: &Path) {
    let options = PublisherOptions::default().file_mode(0o640);
    let mut publisher = Publisher::open(path, &options).unwrap();
    for _ in 0..5 {
        let next = publisher.generation().next();
        publisher.publish(&numbered::payload(number(next), 0)).unwrap();
    }
    publisher.close().unwrap();
    let file = File::options().write(true).open(path).unwrap();
    for area in [Area::Checkpoint(0), Area::Checkpoint(1)] {
        // A region that was never written has no room either, and a hole reads as zeros.
        file.write_all_at(&[0; 4096], area.offset()).unwrap();
    }
    say("durable 5 [1,1,1,1,1]");
}

/// The kernel ends it with SIGXFSZ.
fn make_too_long_a_file(path: &Path) {
    let file = File::create(path).unwrap();
    setrlimit(Resource::Fsize, Rlimit { current: Some(4096), maximum: Some(4096) }).unwrap();
    let _ = file.set_len(1 << 20);
}

/// One flag is always of the generation before.
fn mix(generation: Generation) -> String {
    let n = number(generation);
    let key = numbered::key(7);
    let before = number(Generation(generation.0 - 1));
    numbered::payload(n, 0).replace(&format!("\"{key}\":{n}"), &format!("\"{key}\":{before}"))
}

fn publish_mixes(path: &Path) {
    let mut publisher =
        Publisher::wait_and_open(path, &PublisherOptions::default(), &Stopper::new()).unwrap();
    let ending = ending_with_stdin();
    say(&format!("start {}", publisher.generation()));
    while !ending.load(Relaxed) {
        publisher.publish(&mix(publisher.generation().next())).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let report = RateReport { publishes: 1, ..RateReport::default() };
    say(&format!("rate {}", serde_json::to_string(&report).unwrap()));
}

fn succeed_with_a_mix(path: &Path) {
    let mut publisher =
        Publisher::wait_and_open(path, &PublisherOptions::default(), &Stopper::new()).unwrap();
    let mix = steady::payload(1000, 10).replace("\"steady-3\":1000", "\"steady-3\":999");
    publisher.publish(&mix).unwrap();
    say("published");
    publisher.close().unwrap();
}

/// Opens a file now and then that nobody closes.
fn leak() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(50));
            std::mem::forget(File::open("/dev/null").unwrap());
        }
    });
}
