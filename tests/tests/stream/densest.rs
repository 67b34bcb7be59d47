//! What a publisher takes for the payloads that make most of 5 MiB: its anonymous memory, watched while it publishes.

use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_publisher::payload::DEFAULT_MAX_PAYLOAD;
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;

use crate::support::{place, run};

/// In KiB. The archive of the densest payload has 48 MiB; the rest is the payload, where its members stand, and the hashes of their keys.
const MOST_ANONYMOUS: u64 = 90 * 1024;

/// Includes the time that a debug build takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// One character each that stands for itself in a JSON string, from the one at `from` on, which is not the same for different `from`.
fn letter(from: usize, at: usize) -> char {
    const LETTERS: &[u8] =
        b" !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    char::from(LETTERS[(from + at) % LETTERS.len()])
}

/// The shortest keys there are, all different: of none, one, two and three characters.
fn short_key(from: usize, number: usize) -> String {
    const BASE: usize = 93;
    let (mut key, mut rest) = (String::new(), number);
    while rest > 0 {
        rest -= 1;
        key.push(letter(from, rest % BASE));
        rest /= BASE;
    }
    key
}

/// As many members as 5 MiB hold, and one that says which payload it is.
fn full(number: i64, member: impl Fn(usize) -> String) -> (String, usize) {
    let mut payload = format!("{{\"the payload\":{number}");
    for at in 0.. {
        let next = member(at);
        if payload.len() + next.len() + 2 > DEFAULT_MAX_PAYLOAD {
            payload.push('}');
            return (payload, at + 1);
        }
        write!(payload, ",{next}").unwrap();
    }
    unreachable!("numbers do not end before 5 MiB")
}

/// The highest anonymous memory of a process while `during` runs, in KiB.
fn peak(of: &Process, during: impl FnOnce()) -> u64 {
    let is_done = AtomicBool::new(false);
    // Also if `during` fails: else the other thread would go on for ever.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !is_done.load(Relaxed) {
                peak = peak.max(of.memory("RssAnon"));
                thread::sleep(Duration::from_micros(500));
            }
            peak.max(of.memory("RssAnon"))
        });
        let done = Done(&is_done);
        during();
        drop(done);
        watch.join().unwrap()
    })
}

/// Symptom: 520,000 flags in 5 MiB took 120 MiB of anonymous memory, 201 MiB at the most; 35 MiB were promised, which is what flags of the
/// usual size take. Cause: a list of all flags with their keys and values, a copy of the snapshot before for the log, and one that waited
/// for the disk. Fix: members are decoded as they are asked for, the snapshot before is compared in its slot, and what waits for the disk
/// gives way to the next payload.
#[test]
fn the_densest_payloads_that_are_legal_take_at_most_90_mib_of_anonymous_memory_one_after_the_other() {
    let long = |at: usize| format!("{at:/>49}");
    let (place, server) = (place(), FaultServer::start());
    server.publish(r#"{"the payload": 0}"#);
    let publisher = run(&place, &server.url(), &["--guard", "off"], &[]);
    let reader = place.reader();
    let mut number = 0;
    let mut publish = |what: &str, member: &dyn Fn(usize) -> String| {
        number += 1;
        let (payload, members) = full(number, member);
        let begun = Instant::now();
        let peak = peak(&publisher, || {
            server.publish(&payload);
            while reader.get_i64("the payload") != number {
                assert!(begun.elapsed() < DEADLINE, "{what}: not published\n{}", publisher.stderr());
                thread::sleep(Duration::from_millis(2));
            }
            // The log line with what changed comes behind it.
            publisher.expect_log(&format!("generation={}", reader.generation()));
        });
        eprintln!(
            "{what}: {members} members in {} bytes became {} flags in {:.1?}, at most {:.1} MiB of anonymous memory",
            payload.len(),
            reader.snapshot().len(),
            begun.elapsed(),
            peak as f64 / 1024.0
        );
        assert!(peak > 1024 && peak <= MOST_ANONYMOUS, "{what}: {peak} KiB of anonymous memory");
        (members, reader.snapshot().len())
    };
    let (members, flags) =
        publish("the shortest keys with one digit", &|at| format!("\"{}\":1", short_key(0, at)));
    assert!(members > 650_000 && flags == members, "{members} members, {flags} flags");
    // At once, so that the one before waits for the disk.
    publish("the same with other keys", &|at| format!("\"{}\":1", short_key(7, at + 20_000)));
    publish("the same with other values", &|at| format!("\"{}\":{}", short_key(7, at + 20_000), at % 10));
    let (_, flags) = publish("one key again and again", &|_| "\"\":1".to_owned());
    assert_eq!(flags, 2);
    publish("empty arrays", &|at| format!("\"{}\":[]", short_key(0, at)));
    publish("white space in arrays", &|at| format!("\"{}\":[ ]", short_key(0, at)));
    publish("texts of one character", &|at| format!("\"{}\":\"x\"", short_key(0, at)));
    publish("escapes everywhere", &|at| format!("\"\\u0041{}\":\"\\n\"", short_key(0, at)));
    publish("numbers that no double holds", &|at| format!("\"{}\":1e309", short_key(0, at)));
    publish("keys of 49 bytes with one beginning", &|at| format!("\"{}\":1", long(at)));
    publish("arrays of 127 levels", &|at| {
        format!("\"{}\":{}{}", short_key(0, at), "[".repeat(127), "]".repeat(127))
    });
    publish("one text", &|at| format!("\"{}\":\"{}\"", at, "x".repeat(5_000_000)));
    publish("one text of white space in an array", &|at| format!("\"{}\":[{}]", at, " ".repeat(5_000_000)));
}
