//! Readers that live through thousands of files: addresses are given back, under threads that are stopped in the middle of a read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_reader::Reader;
use rustix::process::{Resource, Rlimit, setrlimit};
use stage::{DEADLINE, Stage, again, publish_number, role, succeeds};

const GIB: u64 = 1 << 30;

/// Files that a reader follows with 2 GiB of addresses; 10,000 in the long form (`FLAGSTAFF_LONG=1`). Its first 14 took 4 GiB once.
fn files() -> u64 {
    if std::env::var_os("FLAGSTAFF_LONG").is_some_and(|value| value != "0") { 10_000 } else { 300 }
}

/// KiB of addresses, and mappings.
fn addresses() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kib = size.trim().trim_end_matches(" kB").parse().unwrap();
    (kib, std::fs::read_to_string("/proc/self/maps").unwrap().lines().count() as u64)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_reader_follows_thousands_of_files_with_two_gib_of_address_space() {
    const NAME: &str = "a_reader_follows_thousands_of_files_with_two_gib_of_address_space";
    if role().is_none() {
        return succeeds(again(NAME, "follow"));
    }
    setrlimit(Resource::As, Rlimit { current: Some(2 * GIB), maximum: Some(2 * GIB) }).unwrap();
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let handle = reader.number_flag("the-number");
    let mut after_ten = ((0, 0), 0);
    let files = files();
    for n in 2..=files {
        writer.supersede().unwrap();
        publish_number(&mut writer, n);
        assert_eq!((reader.get_u64("the-number"), handle.get()), (n, n as f64));
        if n == 10 {
            after_ten = (addresses(), descriptors());
        }
    }
    let ((kib, mappings), open) = after_ten;
    let now = addresses();
    let each = (now.0.saturating_sub(kib) / (files - 10), now.1.saturating_sub(mappings) / (files - 10));
    println!("each file that was left: {} KiB of addresses and {} mappings", each.0, each.1);
    // Both slots and the checkpoint that a new file begins with, 16 KiB each, the header, the page in front of it, and what the
    // allocator needs. The header and the first slot are neighbours.
    assert!(each.0 <= 60 && each.1 <= 4, "{each:?}");
    assert_eq!(descriptors(), open);
    drop((reader, handle));
    assert!(addresses().0 < kib, "the rest is given back with the reader: {:?}", addresses());
}

/// Files that were followed.
static FOLLOWED: AtomicU64 = AtomicU64::new(0);

/// Threads that stand in the handler.
static STOPPED: AtomicU64 = AtomicU64::new(0);

/// Keeps its thread wherever it was until three more files have been followed.
extern "C" fn stop(_: libc::c_int) {
    let until = FOLLOWED.load(SeqCst) + 3;
    STOPPED.fetch_add(1, SeqCst);
    let begun = Instant::now();
    while FOLLOWED.load(SeqCst) < until && begun.elapsed() < DEADLINE {
        thread::sleep(Duration::from_micros(50));
    }
    STOPPED.fetch_sub(1, SeqCst);
}

#[allow(unsafe_code, reason = "a signal handler is the one way to stop a thread anywhere")]
fn install() {
    // SAFETY: zeros are a valid action without flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = stop as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the action is initialized; the handler touches atomics and sleeps.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) }, 0);
}

#[allow(unsafe_code, reason = "as above")]
fn this_thread() -> libc::pthread_t {
    // SAFETY: takes nothing.
    unsafe { libc::pthread_self() }
}

#[allow(unsafe_code, reason = "as above")]
fn interrupt(thread: libc::pthread_t) {
    // SAFETY: the thread is alive: it ends after the last call only.
    assert_eq!(unsafe { libc::pthread_kill(thread, libc::SIGUSR1) }, 0);
}

#[test]
fn a_thread_that_is_stopped_anywhere_in_a_read_for_three_files_answers_right_and_lives() {
    const NAME: &str = "a_thread_that_is_stopped_anywhere_in_a_read_for_three_files_answers_right_and_lives";
    // A handler is the whole process's.
    if role().is_none() {
        return succeeds(again(NAME, "stop"));
    }
    const STOPS: u64 = 300;
    install();
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let ends = AtomicU64::new(0);
    thread::scope(|scope| {
        let (say, hear) = mpsc::channel();
        for way in 0..4 {
            let (say, reader, ends) = (say.clone(), &reader, &ends);
            scope.spawn(move || {
                say.send(this_thread()).unwrap();
                let handle = reader.number_flag("the-number");
                let mut last = 1;
                while ends.load(SeqCst) == 0 {
                    let n = match way {
                        0 => reader.get_u64("the-number"),
                        1 => reader.get_string("the-string").parse().unwrap(),
                        2 => handle.get() as u64,
                        _ => reader.snapshot().get_number("the-number") as u64,
                    };
                    assert!(n >= last, "way {way}: {n} after {last}");
                    assert!(reader.get_bool("always-true") && !reader.get_bool("missing"), "way {way}");
                    last = n;
                }
            });
        }
        let threads: Vec<_> = hear.iter().take(4).collect();
        let mut n = 1;
        let mut most = 0;
        for stop in 0..STOPS {
            interrupt(threads[stop as usize % 4]);
            let begun = Instant::now();
            while STOPPED.load(SeqCst) == 0 && begun.elapsed() < DEADLINE {
                thread::yield_now();
            }
            most = most.max(STOPPED.load(SeqCst));
            for _ in 0..4 {
                n += 1;
                writer.supersede().unwrap();
                publish_number(&mut writer, n);
                assert_eq!(reader.get_u64("the-number"), n);
                FOLLOWED.fetch_add(1, SeqCst);
            }
        }
        ends.store(1, SeqCst);
        println!("{STOPS} stops, {n} files");
        assert!(most > 0, "nobody was stopped");
    });
}
