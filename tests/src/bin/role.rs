//! A reader or a publisher that a test starts, stops and kills: `vexil-test-role <role> <snapshot> [<argument>]`.
//!
//! A role says what it does line by line on stdout, and ends when its stdin does.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "stdout is its answer; a role that cannot play fails its test"
)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use vexil_format::{Archive, Facts, Generation, Opened, Writer, WriterOptions};
use vexil_publisher::lock::{Cancel, LockMode, PublisherLock};
use vexil_publisher::{Options, Publisher, payload};
use vexil_reader::Reader;
use vexil_tests::client_role;
use vexil_tests::numbered::{self, Checker, number};
use vexil_tests::step_role;
use vexil_tests::{life_role, scarce_role};

static ENDING: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let role = arguments.next().unwrap().into_string().unwrap();
    let path = PathBuf::from(arguments.next().unwrap());
    let argument: u64 = arguments.next().map_or(0, |text| text.to_str().unwrap().parse().unwrap());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ENDING.store(true, Relaxed);
    });
    match role.as_str() {
        "watch" => watch(&path),
        "check" => return check(&path, argument),
        "publish" => publish(&path),
        "write" => write(&path),
        "starve" => say(&format!("open: {}", scarce_role::without_descriptors(&path))),
        "starve-memory" => say(&format!("open: {}", scarce_role::without_memory(&path))),
        "starve-pages" => {
            let (asked, slowest) = scarce_role::without_pages(&path, argument);
            say(&format!("done: {asked} bytes, {slowest:?}"));
        }
        "life" => life_role::live(&path, argument != 0, say),
        "glance" => scarce_role::glances(&path, &ENDING, say),
        "steps" => step_role::publish(&path),
        "steady" => return step_role::read(&path, &ENDING),
        client if client.starts_with("client-") => client_role::play(client, &path, argument, &ENDING),
        other => panic!("there is no role {other}"),
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // A test that has ended listens no more.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Says each value of the number `n`, with what the other flags say in the same look.
fn watch(path: &Path) {
    let reader = Reader::attach(path);
    let mut seen = Generation(0);
    say("ready");
    while !ENDING.load(Relaxed) {
        let now = reader.wait_for_change(seen, Duration::from_millis(100));
        if now != seen {
            seen = now;
            let (n, on, name, json) = reader.read(|view| {
                let json = view.get_json_text("json").unwrap_or_default();
                (view.get_i64_or("n", -1), view.get_bool("on"), view.get_string("name"), json)
            });
            say(&format!("n={n} on={on} name={name} json={json}"));
        }
    }
}

/// Checks every read for a mix of generations, a default, or a step back, until its end.
fn check(path: &Path, seed: u64) -> ExitCode {
    let reader = Reader::attach(path);
    let begun = Instant::now();
    while reader.generation() == Generation(0) {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing was published");
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut checker = Checker::new(reader, seed);
    say("ready");
    let mut wrong = 0;
    while !ENDING.load(Relaxed) {
        if let Err(what) = checker.look() {
            wrong += 1;
            if wrong <= 10 {
                say(&format!("wrong: {what}"));
            }
        }
    }
    say(&format!("done: {} looks, {} snapshots, {wrong} wrong", checker.looks, checker.snapshots));
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Publishes numbered snapshots as fast as it can, through everything that a publisher is, with a checkpoint after the
/// other. The size changes, so that areas grow.
fn publish(path: &Path) {
    let options = Options::default().checkpoint_every(Duration::ZERO);
    let mut publisher = Publisher::wait_and_open(path, &options, &Cancel::new()).unwrap();
    say(&format!("start {}", publisher.generation()));
    while !ENDING.load(Relaxed) {
        let next = publisher.generation().next();
        let filler = if next.0.is_multiple_of(8) { next.0 as usize * 7919 % 200_000 } else { 0 };
        let _ = publisher.publish(&numbered::payload(number(next), filler)).unwrap();
    }
}

/// Publishes numbered snapshots from archives that are ready, so that nearly all of its time goes into the file: a kill
/// hits the middle of a publish as often as possible.
fn write(path: &Path) {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let _lock = PublisherLock::acquire(PathBuf::from(lock), LockMode::Owner, &Cancel::new()).unwrap();
    let Opened { mut writer, .. } = Writer::open(path, &WriterOptions::default()).unwrap();
    say(&format!("start {}", writer.generation()));
    let mut ready = HashMap::new();
    while !ENDING.load(Relaxed) {
        let number = number(writer.generation().next());
        let archive = ready.entry(number).or_insert_with(|| archive(number));
        writer.publish(archive).unwrap();
    }
}

fn archive(number: i64) -> Archive {
    let payload = numbered::payload(number, 0);
    let flags = payload::decode(&payload, &payload::Limits::default()).unwrap();
    Archive::build(flags, Generation(1), Facts::default()).unwrap()
}
