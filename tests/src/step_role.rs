//! A publisher that goes through everything once, a reader that watches it, and clients that elect one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a role that cannot play fails its test"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use vexil::Client;
use vexil_format::{FileId, Generation};
use vexil_publisher::lock::Cancel;
use vexil_publisher::{Options, Publisher};
use vexil_reader::Reader;

use crate::place::KEY;
use crate::steady;
use crate::steps::{self, Stepper};
use crate::wait::{DEADLINE, wait_until};

/// Name of the file that the first of several processes makes at its step.
pub const FIRST: &str = "first";

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // A test that has ended listens no more.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// From the lock over a cache of the SDK, publishes, checkpoints and a file that is made anew to a clean end. `VEXIL_STEP`
/// names the step at which it is killed, or stopped if `VEXIL_STEP_SIGNAL` says `stop`.
pub fn publish(path: &Path) {
    let stepper = Stepper::new(steps::asked());
    let cache = path.with_file_name("cache.json");
    let options =
        Options::default().checkpoint_every(Duration::ZERO).import(Some(&cache)).watch(stepper.watch());
    let mut publisher = Publisher::wait_and_open(path, &options, &Cancel::new()).unwrap();
    let durable = |publisher: &Publisher| {
        let reader = Reader::open(path).unwrap();
        wait_until("a checkpoint", DEADLINE, || reader.status().durable >= publisher.generation());
    };
    durable(&publisher);
    for (n, filler) in [(2, 100), (3, 300_000), (4, 10)] {
        let _ = publisher.publish(&steady::payload(n, filler)).unwrap();
        durable(&publisher);
    }
    let before = FileId::at(path);
    std::fs::remove_file(path).unwrap();
    wait_until("a new file", DEADLINE, || FileId::at(path).is_some_and(|now| Some(now) != before));
    let _ = publisher.publish(&steady::payload(5, 10)).unwrap();
    durable(&publisher);
    publisher.close().unwrap();
    // Not at each step: the thread that holds the lock has no stdout.
    stepper.seen().iter().for_each(|step| say(&format!("step {step}")));
    say("ended");
}

/// One of several clients that wait for the lock, with a reader that checks every look. The first of them that comes to the
/// step is killed or stopped there, as for [`publish`].
pub fn lead(path: &Path, ending: &AtomicBool) -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let folder = PathBuf::from(std::env::var_os("VEXIL_TEST_FOLDER").unwrap());
    let stepper = Stepper::once(steps::asked(), folder.join(FIRST));
    let client = Client::builder(KEY)
        .file(path)
        .base_url(&std::env::var("VEXIL_TEST_URL").unwrap())
        .memory_dir(folder.join("memory"))
        .watch(stepper.watch())
        .preload(true)
        .start()
        .unwrap();
    say("ready");
    let code = check(&client, ending, || std::thread::sleep(Duration::from_micros(500)));
    say(&format!("closed {}", client.close()));
    stepper.seen().iter().for_each(|step| say(&format!("step {step}")));
    code
}

/// Checks every look, from the first flags on, until its end.
pub fn read(path: &Path, ending: &AtomicBool) -> ExitCode {
    let reader = Reader::attach(path);
    say("ready");
    // Leaves the processor to the publisher: it is one of few here.
    check(&reader, ending, std::thread::yield_now)
}

fn check(reader: &Reader, ending: &AtomicBool, rest: impl Fn()) -> ExitCode {
    while steady::number(reader).is_none() && !ending.load(Relaxed) {
        reader.wait_for_change(Generation(0), Duration::from_millis(10));
    }
    let (mut newest, mut looks) = (0, 0_u64);
    while !ending.load(Relaxed) {
        match steady::look(reader, newest) {
            Ok(n) if n > newest => {
                newest = n;
                say(&format!("n={n}"));
            }
            Ok(_) => {}
            Err(what) => {
                say(&format!("wrong: {what}"));
                return ExitCode::FAILURE;
            }
        }
        looks += 1;
        if looks.is_multiple_of(64) {
            // A file that was removed by hand, and whose publisher died before it could mark it, is noticed here.
            let _ = reader.status();
            rest();
        }
    }
    say(&format!("done: {looks} looks"));
    ExitCode::SUCCESS
}
