//! Clients in processes of their own, that fork and are killed. The base URL comes in the variable `FLAGSTAFF_TEST_URL`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a role that cannot play fails its test"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use flagstaff::{Client, Generation, Reader};

use crate::fork::{exit_code, fork};
use crate::place::KEY;
use crate::wait::{DEADLINE, wait_until};

/// Plays `role` until `ending`.
///
/// # Panics
/// If something is not as it should be.
pub fn play(role: &str, path: &Path, argument: u64, ending: &AtomicBool) {
    if role == "client-alone" {
        return alone(path, ending);
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    match role {
        "client-watch" => watch(path, ending),
        "client-check" => check(path, argument, ending),
        "client-children" => children(path, argument, ending),
        "client-forks" => forks(path, argument, ending),
        "client-forks-busily" => forks_busily(path, argument),
        "client-forks-and-executes" => forks_and_executes(path),
        "client-memory" => memory(path, argument, ending),
        other => panic!("there is no role {other}"),
    }
}

fn say(line: &str) {
    // In one piece: children share the stream. A test that has ended listens no more.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
}

fn client(path: &Path) -> Client {
    let mut builder = Client::builder(KEY).file(path).on_error(|error| say(&format!("error: {error}")));
    if let Ok(url) = std::env::var("FLAGSTAFF_TEST_URL") {
        builder = builder.base_url(&url);
    }
    if let Some(directory) = std::env::var_os("FLAGSTAFF_TEST_MEMORY") {
        builder = builder.memory_dir(directory);
    }
    builder.start().expect("a client")
}

/// A program that has heard of neither a log nor a callback.
fn alone(path: &Path, ending: &AtomicBool) {
    let url = std::env::var("FLAGSTAFF_TEST_URL").expect("an address");
    let client = Client::builder(KEY).file(path).base_url(&url).preload(true).start().expect("a client");
    say("ready");
    sleep_until(ending);
    close(&client);
}

fn sleep_until(ending: &AtomicBool) {
    while !ending.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn close(client: &Client) {
    let begun = Instant::now();
    let clean = client.close().is_ok();
    say(&format!("closed {clean} in {:?}", begun.elapsed()));
}

/// Says every value of the number `n`.
fn watch(path: &Path, ending: &AtomicBool) {
    let client = client(path);
    say("ready");
    let (mut seen, mut said) = (Generation(u64::MAX), None);
    while !ending.load(Relaxed) {
        seen = client.wait_for_change(seen, Duration::from_millis(20));
        let n = client.get_i64_or("n", -1);
        // Not by the generation: in memory it begins anew.
        if said != Some(n) {
            said = Some(n);
            say(&format!("n={n}"));
        }
    }
    close(&client);
}

/// Looks for a mix of generations, a default, or a step back, in every read. With `reads_only` not through a client.
fn check(path: &Path, reads_only: u64, ending: &AtomicBool) {
    if reads_only != 0 {
        let reader = Reader::attach(path);
        wait_until("flags", DEADLINE, || reader.generation().0 > 0);
        return look(&reader, ending);
    }
    let client = client(path);
    assert!(client.wait_until_ready(DEADLINE), "no flags");
    look(client.reader(), ending);
    close(&client);
}

fn look(reader: &Reader, ending: &AtomicBool) {
    say("ready");
    let handle = reader.number_flag_or("n", -1.0);
    let (mut newest, mut generation, mut looks) = (0, Generation(0), 0);
    while !ending.load(Relaxed) {
        let [a, b, c] =
            reader.read(|view| ["n", "again-n", "and-again-n"].map(|key| view.get_i64_or(key, -1)));
        let now = reader.generation();
        let n = handle.get() as i64;
        if a < 1 || a != b || b != c || a < newest || n < a || now < generation {
            say(&format!("wrong: {a} {b} {c} and {n} after {newest}, generation {now} after {generation}"));
        }
        (newest, generation) = (n.max(a), now);
        looks += 1;
        // A server has other things to do.
        std::thread::sleep(Duration::from_micros(100));
    }
    say(&format!("done: {looks} looks, n = {newest}"));
}

/// Publishes, with `count` children that do nothing but live, and so hold whatever they inherited.
fn children(path: &Path, count: u64, ending: &AtomicBool) {
    let client = client(path);
    assert!(client.wait_until_ready(DEADLINE), "no flags");
    for _ in 0..count {
        let child = fork(|| std::thread::sleep(Duration::from_secs(50)));
        say(&format!("child {child}"));
    }
    say("ready");
    sleep_until(ending);
}

/// A client that is made and not used, as in a server that loads its application before it forks: two children use it.
/// With `leads` it is used, and publishes, before they are forked.
fn forks(path: &Path, leads: u64, ending: &AtomicBool) {
    let client = client(path);
    // Of a parent that did not read, the children make their handles.
    let handle = (leads != 0).then(|| {
        assert!(client.wait_until_ready(DEADLINE), "no flags");
        client.number_flag("n")
    });
    for name in ["first", "second"] {
        let child = fork(|| {
            let begins = client.get_i64("n");
            let own;
            let handle = match &handle {
                Some(inherited) => inherited,
                None => {
                    own = client.number_flag("n");
                    &own
                }
            };
            say(&format!("{name} begins with {begins} and {}", handle.get()));
            for n in 1..=3 {
                wait_until("the next value", DEADLINE, || handle.get() >= f64::from(n));
                assert!(client_reads(&client) >= i64::from(n) && client.clone().get_i64("n") >= i64::from(n));
                say(&format!("{name} has {n}"));
            }
            std::thread::sleep(Duration::from_secs(50));
        });
        say(&format!("child {child}"));
    }
    say("ready");
    sleep_until(ending);
}

fn client_reads(client: &Client) -> i64 {
    client.read(|view| view.get_i64("n")).min(client.snapshot().get_number("n") as i64)
}

/// Forks while other threads use the client in every way, and payloads and changes come.
fn forks_busily(path: &Path, forks: u64) {
    let client = client(path);
    client.on_change(|changes| assert!(changes.iter().len() > 0));
    assert!(client.wait_until_ready(DEADLINE), "no flags");
    let handle = client.string_flag("name");
    let stop = AtomicBool::new(false);
    let mut bad = 0;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // None of this begins or ends a thread: see `Client` on forks.
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let _ = (handle.get(), client.snapshot(), client.status(), client.get_string("name"));
                    let _ = (
                        client.clone(),
                        client.bool_flag("on").get(),
                        client.wait_until_ready(Duration::ZERO),
                    );
                }
            });
        }
        for _ in 0..forks {
            let child = fork(|| {
                let least = client.get_i64("n");
                assert!(least >= 1 && client_reads(&client) >= least && !handle.get().is_empty());
                client.on_change(|_| ());
                assert!(client.status().generation.0 > 0 && client.wait_until_ready(DEADLINE));
                let begun = Instant::now();
                client.close().expect("an end in time");
                assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
            });
            bad += u64::from(exit_code(child) != Some(0));
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(bad, 0, "children that failed");
    say("done");
}

/// Starts programs from a process with a client, by both ways of the standard library.
fn forks_and_executes(path: &Path) {
    use std::os::unix::process::CommandExt as _;
    let client = client(path);
    assert!(client.wait_until_ready(DEADLINE), "no flags");
    for _ in 0..20 {
        assert!(Command::new("true").status().expect("a program").success());
        let child = fork(|| {
            let error = Command::new("true").exec();
            panic!("{error}");
        });
        assert_eq!(exit_code(child), Some(0));
    }
    assert_eq!(client.get_i64("n"), 1);
    say("done");
    close(&client);
}

/// Says how much memory it has after each value of `n`; with an argument, after asking the C library to give some back.
fn memory(path: &Path, trim: u64, ending: &AtomicBool) {
    let client = client(path);
    assert!(client.wait_until_ready(DEADLINE), "no flags");
    let mut seen = Generation(0);
    while !ending.load(Relaxed) {
        let now = client.wait_for_change(seen, Duration::from_millis(20));
        if now == seen {
            continue;
        }
        seen = now;
        // The publisher compares what it published after readers see it.
        std::thread::sleep(Duration::from_millis(500));
        let n = client.get_i64("n");
        let begun = Instant::now();
        if trim != 0 {
            crate::fork::give_memory_back();
        }
        let took = begun.elapsed();
        let status = std::fs::read_to_string("/proc/self/status").expect("a status");
        let field =
            |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        say(&format!("n={n} {} {} trimmed in {took:?}", field("VmRSS"), field("RssAnon")));
    }
}
