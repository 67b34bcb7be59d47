//! Publishers killed at any moment, under the eyes of readers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_tests::long;
use flagstaff_tests::numbered::{number, payload};
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::{DEADLINE, wait_until};

const READERS: u64 = 3;

fn role(role: &str, place: &Place, argument: u64) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
    command.arg(role).arg(place.file()).arg(argument.to_string());
    Process::start(command)
}

/// Half of the publishers write prepared archives, so that most of their time is the middle of a publish; half are whole
/// publishers with payload, changing sizes, checkpoints and heartbeats. Every eighth is killed while it still starts.
#[test]
fn readers_of_a_publisher_killed_at_random_moments_see_no_mix_no_default_and_no_step_back() {
    let place = Place::new();
    let mut random = fastrand::Rng::with_seed(long::seed(1));
    let mut first = Publisher::open(place.file(), &PublisherOptions::default()).unwrap();
    first.publish(&payload(1, 0)).unwrap();
    drop(first);
    let mut readers: Vec<Process> = (0..READERS).map(|_| role("check", &place, random.u64(..))).collect();
    readers.iter().for_each(|reader| drop(reader.expect_line("ready")));

    let kills = long::tries("FLAGSTAFF_KILLS", 200);
    let (mut odd, mut odd_of_whole, mut started) = (0, 0, 0);
    let mut before = place.generation_word() / 2;
    let begun = Instant::now();
    for kill in 0..kills {
        let is_whole = kill % 2 == 0;
        let mut publisher = role(if is_whole { "publish" } else { "write" }, &place, 0);
        if kill % 8 >= 2 {
            let (_, line) = publisher.expect_line("start ");
            let generation: u64 = line["start ".len()..].parse().unwrap();
            assert_eq!(generation, before, "kill {kill}: the next publisher goes on from there");
            started += 1;
        }
        std::thread::sleep(Duration::from_micros(random.u64(..80_000)));
        publisher.kill();
        let word = place.generation_word();
        assert!(word / 2 >= before, "kill {kill}: generation went back from {before} to {}", word / 2);
        before = word / 2;
        odd += word & 1;
        odd_of_whole += word & u64::from(is_whole);
        for reader in &mut readers {
            assert!(reader.is_running() && !reader.stdout().contains("wrong"), "{}", reader.stdout());
        }
    }
    eprintln!(
        "{kills} kills in {:.1?}, {started} of publishers that had started; {before} generations; \
         {odd} kills left an odd generation word ({odd_of_whole} of them whole publishers)",
        begun.elapsed()
    );

    let mut last = role("publish", &place, 0);
    wait_until("the last publisher goes on", DEADLINE, || place.generation_word() / 2 > before + 10);
    last.close_stdin();
    assert!(last.wait(DEADLINE).success(), "{}", last.stderr());
    for reader in &mut readers {
        reader.close_stdin();
        let status = reader.wait(DEADLINE);
        eprint!("reader {}", reader.stdout());
        assert!(
            status.success() && reader.stdout().contains(" 0 wrong"),
            "{}{}",
            reader.stdout(),
            reader.stderr()
        );
    }
    let answer = place.answer("verify", ["--json"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    let reader = place.reader();
    assert_eq!(reader.get_i64_or("numbered-flag-007", -1), number(reader.generation()));
    assert_eq!(reader.status().durable, reader.generation());
    if kills >= 100 {
        assert!(odd > 0, "no kill hit the middle of a publish: this test tests too little");
    }
}

#[test]
fn a_stopped_and_a_killed_reader_do_not_hold_up_the_publisher() {
    let place = Place::new();
    let mut publisher = Publisher::open(place.file(), &PublisherOptions::default()).unwrap();
    publisher.publish(&payload(1, 0)).unwrap();
    let mut readers: Vec<Process> = (0..READERS).map(|seed| role("check", &place, seed)).collect();
    readers.iter().for_each(|reader| drop(reader.expect_line("ready")));
    readers[0].signal(rustix::process::Signal::STOP);
    readers[1].kill();
    let mut slowest = Duration::ZERO;
    for _ in 0..300 {
        let begun = Instant::now();
        let next = publisher.generation().next();
        publisher.publish(&payload(number(next), 0)).unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    eprintln!("300 publishes beside a stopped reader, the slowest in {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    readers[0].signal(rustix::process::Signal::CONT);
    for reader in [0, 2] {
        readers[reader].close_stdin();
        let status = readers[reader].wait(DEADLINE);
        assert!(status.success(), "reader {reader}: {}", readers[reader].stdout());
    }
}

/// Each look takes longer than two publishes, so that all of them are overtaken and end on a copy.
#[test]
fn a_slow_reader_that_is_overtaken_again_and_again_gets_whole_answers() {
    let place = Place::new();
    let mut first = Publisher::open(place.file(), &PublisherOptions::default()).unwrap();
    first.publish(&payload(1, 0)).unwrap();
    drop(first);
    let mut publisher = role("write", &place, 0);
    publisher.expect_line("start ");
    let reader = place.reader();
    let mut calls = 0;
    let mut newest = -1;
    let mut changes = 0;
    for _ in 0..100 {
        let numbers = reader.read(|view| {
            calls += 1;
            ["numbered-flag-000", "numbered-flag-250", "numbered-flag-499"].map(|key| {
                std::thread::sleep(Duration::from_millis(1));
                view.get_i64_or(key, -1)
            })
        });
        assert!(numbers[0] >= 0 && numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
        changes += u64::from(numbers[0] != newest);
        newest = numbers[0];
    }
    publisher.close_stdin();
    assert!(publisher.wait(DEADLINE).success(), "{}", publisher.stderr());
    let generations = place.generation_word() / 2;
    eprintln!(
        "100 slow looks took {calls} calls and saw {changes} changes, while {generations} generations were published"
    );
    assert!(calls > 120, "{calls}: the reader was not overtaken, so this test tests too little");
    assert!(changes > 10, "{changes}");
}
