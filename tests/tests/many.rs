//! Many readers beside a publisher, some of them slow, stopped and killed, and very many publishes. `FLAGSTAFF_LONG=1` has the long
//! form: 200 readers for a minute, 1,000 for ten seconds, 100,000 publishes.
//!
//! What can be said on a machine with a hundred processes for each processor: a publish makes the same calls, takes the processor
//! for as long, and waits for nothing but a processor. The rest is the scheduler's, and is printed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::time::{Duration, Instant};

use flagstaff_tests::long;
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_torture::Launcher;
use flagstaff_torture::many::{Many, ManyReport, leaks};
use flagstaff_torture::rate::RateReport;
use flagstaff_torture::reader_pool::ReaderKind;

fn launcher() -> Launcher {
    Launcher::new(env!("CARGO_BIN_EXE_flagstaff-test-role"), ["torture-child"])
}

fn run(many: &Many) -> ManyReport {
    let place = Place::new();
    let begun = Instant::now();
    let report =
        many.run(&launcher(), place.folder(), &|| true).unwrap_or_else(|problem| panic!("{problem}"));
    let pool = &report.pool;
    eprintln!(
        "{} readers for {:?} ({:.1?} in all), {} killed and replaced, {} stops: {} looks, {} whole snapshots, {} KiB of memory \
         of its own each",
        many.readers,
        many.time,
        begun.elapsed(),
        pool.killed,
        pool.stopped,
        pool.looks,
        pool.snapshots,
        pool.own_memory
    );
    eprintln!("alone:     {}\nwith them: {}", report.alone, report.beside);
    assert_eq!(report.findings(), [""; 0]);
    assert_eq!(pool.done, many.readers, "each of them ended in order, but for those that were killed");
    assert!(pool.looks > many.readers as u64, "{pool:?}");
    report
}

#[test]
fn many_readers_see_no_wrong_value_and_do_not_hold_up_the_publisher() {
    let (readers, time) = if long::is_wanted() { (200, 60) } else { (60, 5) };
    let report = run(&Many {
        readers,
        kinds: vec![ReaderKind::Waits, ReaderKind::Polls, ReaderKind::Polls, ReaderKind::Slow],
        time: Duration::from_secs(time),
        alone: Duration::from_secs(time.min(10) / 5 + 1),
        rate: 100,
        disturb: true,
        seed: 1,
    });
    assert!(report.pool.killed > 0 && report.pool.stopped > 0, "{:?}", report.pool);
}

#[test]
#[ignore = "a thousand processes for ten seconds; `cargo xtask torture` runs it"]
fn a_thousand_readers_see_no_wrong_value_and_do_not_hold_up_the_publisher() {
    let mut kinds = vec![ReaderKind::Polls; 14];
    kinds.extend([ReaderKind::Waits, ReaderKind::Slow]);
    run(&Many {
        readers: 1000,
        kinds,
        time: Duration::from_secs(10),
        alone: Duration::from_secs(3),
        rate: 100,
        disturb: true,
        seed: 2,
    });
}

/// As fast as it can. What grows with publishes is found by comparing the first fifth with all of them.
#[test]
fn a_publisher_neither_grows_nor_leaks_over_many_publishes() {
    let (count, limit) = if long::is_wanted() { (100_000, 600) } else { (5_000, 60) };
    let place = Place::new();
    let mut publisher = Process::start(launcher().command("rate", &place.file(), &["0", &count.to_string()]));
    let measured = loop {
        if let Some(line) = publisher.stdout().lines().find_map(|line| line.strip_prefix("rate ")) {
            break serde_json::from_str::<RateReport>(line).unwrap();
        }
        assert!(publisher.is_running(), "{}{}", publisher.stdout(), publisher.stderr());
        std::thread::sleep(Duration::from_millis(20));
    };
    publisher.close_stdin();
    assert!(publisher.wait(Duration::from_secs(limit)).success());
    eprintln!(
        "{measured}\nresident: {} KiB, then {} KiB; descriptors: {}, then {}",
        measured.memory_before,
        measured.memory_after,
        measured.descriptors_before,
        measured.descriptors_after
    );
    assert_eq!((measured.publishes, leaks(&measured)), (count, None));
    assert!(measured.memory_before > 0 && measured.descriptors_before > 3, "{measured:?}");
    let grown = measured.memory_after.saturating_sub(measured.memory_before);
    assert!(grown < 1024, "{grown} KiB more after {count} publishes than after a fifth of them");
    assert_eq!(place.reader().generation().0 as usize, count);
}
