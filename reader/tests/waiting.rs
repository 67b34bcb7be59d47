//! Waiting for a change.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_format::layout::word;
use flagstaff_format::protocol::MARK;
use flagstaff_reader::{Generation, Reader};
use rustix::time::{ClockId, clock_gettime};
use stage::{DEADLINE, Stage, again, publish_number, role};

/// How late a waiter may be on a machine that does much else. A sleep that was not woken takes a second.
const LATE: Duration = Duration::from_millis(100);

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Waits in another thread while `act` runs some time after the waiter went to sleep. Returns how late the waiter was.
fn lateness(reader: &Reader, seen: Generation, act: impl FnOnce()) -> (Generation, Duration) {
    let (ready, is_ready) = mpsc::channel();
    thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            ready.send(rustix::thread::gettid()).unwrap();
            (reader.wait_for_change(seen, DEADLINE), Instant::now())
        });
        asleep(is_ready.recv().unwrap());
        let start = Instant::now();
        act();
        let (generation, woken) = waiter.join().unwrap();
        (generation, woken.saturating_duration_since(start))
    })
}

fn asleep(thread: rustix::process::Pid) {
    let stat = format!("/proc/self/task/{}/stat", thread.as_raw_nonzero());
    stage::until("the waiter sleeps", || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('S')
    });
}

#[test]
fn a_waiter_wakes_when_another_thread_publishes() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let mut late: Vec<Duration> = (2..22)
        .map(|n| {
            let (seen, late) = lateness(&reader, Generation(n - 1), || {
                publish_number(&mut writer, n);
            });
            assert_eq!(seen, Generation(n));
            late
        })
        .collect();
    late.sort();
    println!("publish to wake, publish included: median {:?}, longest {:?}", late[10], late[19]);
    assert!(late[10] < LATE, "{late:?}");
}

#[test]
fn a_waiter_in_another_process_wakes() {
    let (stage, mut writer) = match role() {
        Some(path) => {
            let reader = Reader::open(&path).unwrap();
            let mut seen = Generation(1);
            while seen < Generation(20) {
                seen = reader.wait_for_change(seen, DEADLINE);
                std::fs::write(format!("{path}.seen"), seen.to_string()).unwrap();
            }
            return;
        }
        None => Stage::with_writer(),
    };
    publish_number(&mut writer, 1);
    let mut child =
        again("a_waiter_in_another_process_wakes", &stage.path).stdout(Stdio::null()).spawn().unwrap();
    let mut late = Vec::new();
    for n in 2..=20 {
        publish_number(&mut writer, n);
        let start = Instant::now();
        let seen = stage.dir.path().join("flags.flagstaff.seen");
        stage::until("the other process sees it", || {
            std::fs::read_to_string(&seen).is_ok_and(|text| text == n.to_string())
        });
        late.push(start.elapsed());
    }
    assert!(child.wait().unwrap().success());
    // The first one includes the start of the process.
    late.remove(0);
    late.sort();
    println!("publish to wake and write in another process: median {:?}", late[9]);
    assert!(late[9] < LATE, "{late:?}");
}

#[test]
fn a_wait_without_a_change_ends_on_time_and_uses_no_time_of_the_processor() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    for timeout in [0, 1, 50, 1300].map(Duration::from_millis) {
        let (start, cpu) = (Instant::now(), cpu_time());
        assert_eq!(reader.wait_for_change(Generation(1), timeout), Generation(1));
        let (took, used) = (start.elapsed(), cpu_time() - cpu);
        assert!(took >= timeout && took < timeout + Duration::from_secs(1), "{took:?} for {timeout:?}");
        assert!(used < Duration::from_millis(20), "{used:?} of processor time in {timeout:?}");
    }
    assert_eq!(reader.wait_for_change(Generation(0), Duration::MAX), Generation(1));
}

#[test]
fn a_wait_on_a_path_without_a_file_sees_one_appear_and_hardly_works_for_it() {
    let stage = Stage::new();
    let reader = Reader::attach(&stage.path);
    let cpu = cpu_time();
    assert_eq!(reader.wait_for_change(Generation(0), Duration::from_millis(500)), Generation(0));
    assert!(cpu_time() - cpu < Duration::from_millis(50));
    let (seen, late) = lateness(&reader, Generation(0), || {
        publish_number(&mut stage.writer(), 1);
    });
    println!("a file that appears: {late:?}, making it included");
    assert_eq!((seen, reader.get_u64("the-number")), (Generation(1), 1));
}

#[test]
fn a_waiter_moves_to_the_superseding_file_and_is_woken_from_there() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    let mut late = Vec::new();
    for n in 2..7 {
        let before = writer.generation();
        let mut made = Instant::now();
        let start = Instant::now();
        let (seen, whole) = lateness(&reader, before, || {
            writer.supersede().unwrap();
            made = Instant::now();
        });
        late.push(whole.saturating_sub(made - start));
        assert_eq!(seen, before.next());
        let (seen, _) = lateness(&reader, seen, || {
            publish_number(&mut writer, n);
        });
        assert_eq!((seen, reader.get_u64("the-number")), (writer.generation(), n));
    }
    late.sort();
    println!("superseded to seen: median {:?}", late[2]);
    assert!(late[2] < LATE, "{late:?}");
}

/// Symptom: a waiter slept on for a second after a file was superseded. Cause: it was woken by the mark, looked at the path
/// before the rename, which wakes nobody, and went to sleep on the old file. Fix: a marked file is looked after by time.
#[test]
fn a_waiter_that_wakes_between_the_mark_and_the_rename_does_not_miss_the_rename() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let other = Stage::new();
    let mut other_writer = other.writer();
    publish_number(&mut other_writer, 1);
    publish_number(&mut other_writer, 2);
    let arrived = stage.dir.path().join("arrived");
    std::fs::copy(&other.path, &arrived).unwrap();
    let reader = Reader::open(&stage.path).unwrap();
    let (ready, is_ready) = mpsc::channel();
    let late = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            ready.send(rustix::thread::gettid()).unwrap();
            assert_eq!(reader.wait_for_change(Generation(1), DEADLINE), Generation(2));
            Instant::now()
        });
        let id = is_ready.recv().unwrap();
        asleep(id);
        let before = sleeps(id);
        stage.scribble(word::GENERATION as u64 * 8, &(MARK | 2).to_le_bytes());
        writer.status_words().wake();
        stage::until("the waiter sleeps again", || sleeps(id) > before);
        let start = Instant::now();
        stage::mv(&arrived, &stage.path);
        waiter.join().unwrap().saturating_duration_since(start)
    });
    println!("renamed to seen: {late:?}");
    assert!(late < Duration::from_millis(500), "{late:?}");
}

/// How often a thread has gone to sleep.
fn sleeps(thread: rustix::process::Pid) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/self/task/{}/status", thread.as_raw_nonzero())).unwrap();
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    count.trim().parse().unwrap()
}

#[test]
fn a_marked_file_without_a_successor_makes_no_waiter_spin() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let reader = Reader::open(&stage.path).unwrap();
    stage.scribble(word::GENERATION as u64 * 8, &(MARK | 2).to_le_bytes());
    let cpu = cpu_time();
    assert_eq!(reader.wait_for_change(Generation(1), Duration::from_millis(500)), Generation(1));
    let used = cpu_time() - cpu;
    assert!(used < Duration::from_millis(50), "{used:?} of processor time");
}

#[test]
fn a_waiter_on_a_damaged_file_sees_the_publish_that_settles_it() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    publish_number(&mut writer, 2);
    stage.damage(flagstaff_format::layout::Area::Slot(0));
    let reader = Reader::open(&stage.path).unwrap();
    let (seen, late) = lateness(&reader, Generation(1), || {
        // A read just before must not make the waiter miss it.
        assert_eq!(reader.get_u64("the-number"), 1);
        publish_number(&mut writer, 3);
    });
    assert!(seen == Generation(3) && late < Duration::from_millis(500), "{seen} after {late:?}");
}
