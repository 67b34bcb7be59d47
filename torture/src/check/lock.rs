//! The publisher lock.

use std::time::{Duration, Instant};

use flagstaff_format::boot;
use flagstaff_publisher::lock::{LockError, LockMode, PublisherLock};
use rustix::process::Signal;

use crate::context::{Context, PATIENCE};
use crate::problem::{Problem, fail};
use crate::process_numbers::percentile;

/// Take-overs that are timed.
const ROUNDS: usize = 11;

/// The longest median: 50 ms, in nanoseconds.
const TAKE_OVER: u64 = 50_000_000;

/// How long a publisher may take to wait on the lock. One that takes longer only seems to be slower.
const FALLING_ASLEEP: Duration = Duration::from_millis(60);

/// How long a lock may stay taken after its process was killed.
const FREE: Duration = Duration::from_secs(2);

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    excludes_and_ends(context)?;
    take_over(context)
}

fn excludes_and_ends(context: &mut Context<'_>) -> Result<(), Problem> {
    let path = context.folder.join("held.lock");
    let mut holder = context.start_on("hold", &path)?;
    let (_, line) = holder.line("held ", PATIENCE)?;
    for _ in 0..3 {
        match PublisherLock::try_acquire(&path, LockMode::Owner) {
            Err(LockError::Held { .. }) => {}
            Err(error) => fail!("the lock cannot be tried: {error}"),
            Ok(_) => {
                fail!(
                    "the lock does not exclude: two processes have it, so two publishers would write one file"
                );
            }
        }
    }
    // Does not wait for the end of its output: its child has the same stdout.
    holder.kill();
    let died = Instant::now();
    let lock = loop {
        match PublisherLock::try_acquire(&path, LockMode::Owner) {
            Ok(lock) => break lock,
            Err(error) if died.elapsed() > FREE => {
                fail!(
                    "{} s after its process was killed, with a forked child alive: {error}",
                    FREE.as_secs()
                );
            }
            Err(_) => std::thread::sleep(Duration::from_micros(200)),
        }
    };
    context.did(format!(
        "excluded a second process; free {:.1?} after its process was killed, although a forked child lives",
        died.elapsed()
    ));
    if !line.contains("PrivateTable") {
        context.note(format!("no private descriptor table here: forked children keep the lock ({line})"));
    }
    drop(lock);
    Ok(())
}

fn take_over(context: &mut Context<'_>) -> Result<(), Problem> {
    let mut publisher = context.start("stand-by", &[])?;
    publisher.line("start ", PATIENCE)?;
    let (mut locked, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let next = context.start("stand-by", &[])?;
        next.line("waits", PATIENCE)?;
        std::thread::sleep(FALLING_ASLEEP);
        if next.stdout().contains("start ") {
            fail!("a second publisher started while the first one was running");
        }
        let killed = boot::now().as_nanos() as u64;
        publisher.signal(Signal::KILL);
        let (_, line) = next.line("start ", PATIENCE)?;
        let times: Vec<u64> = line.split(' ').skip(1).filter_map(|time| time.parse().ok()).collect();
        let [lock, start] = times.as_slice() else {
            fail!("unexpected output {line:?}");
        };
        locked.push(lock.saturating_sub(killed));
        ready.push(start.saturating_sub(killed));
        publisher = next;
        if context.is_stopped() {
            return Ok(());
        }
    }
    let micros = |nanos: u64| format!("{:.1} ms", nanos as f64 / 1e6);
    let (half, most) = (percentile(&mut locked, 50), percentile(&mut locked, 100));
    context.did(format!(
        "{ROUNDS} publishers killed, the next one had the lock after {} (median) and {} (slowest), and could publish after {}",
        micros(half),
        micros(most),
        micros(percentile(&mut ready, 50)),
    ));
    if half > TAKE_OVER {
        context.found(format!(
            "taking over takes {} (median of {ROUNDS}), expected at most 50 ms",
            micros(half)
        ));
    }
    context.end("the last publisher", publisher).map(drop)
}
