//! Publishers killed and stopped at random moments, while readers check every value.

use std::time::Duration;

use flagstaff_format::layout::word;
use flagstaff_format::{check_current, open_view};
use flagstaff_publisher::lock::{LockError, LockMode, PublisherLock};
use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::Reader;
use rustix::process::Signal;

use crate::context::{Context, PATIENCE};
use crate::numbered::{number, payload};
use crate::problem::{Problem, fail};
use crate::process::{Process, wait_until};

/// Readers that check every look.
const READERS: usize = 3;

/// The longest life of a publisher after its start, in microseconds.
const LIFE: u64 = 60_000;

/// One publisher in so many is stopped before it is killed.
const STOPS: u32 = 5;

#[derive(Debug, Default)]
struct Counts {
    kills: u64,
    started: u64,
    stops: u64,
    odd: u64,
}

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    let path = context.path();
    let mut first = Publisher::open(&path, &PublisherOptions::default())?;
    first.publish(&payload(1, 0))?;
    first.close()?;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let seed = context.random.u64(..).to_string();
        readers.push(context.start("check", &[&seed])?);
    }
    for reader in &readers {
        reader.line("ready", PATIENCE)?;
    }
    let view = open_view(&path)?;
    let mut before = view.map().load(word::GENERATION) / 2;
    let mut counts = Counts::default();
    while context.goes_on() || counts.kills == 0 {
        before = kill_one(context, before, &mut counts)?;
        for reader in &mut readers {
            if !reader.is_running() || reader.stdout().contains("wrong") {
                fail!(
                    "a reader, after kill {}: {}{}",
                    counts.kills,
                    reader.stdout().trim_end(),
                    reader.stderr()
                );
            }
        }
    }
    let Counts { kills, started, stops, odd } = counts;
    context.did(format!(
        "{kills} publishers killed ({started} of them after their start, {stops} stopped first), {odd} in the middle of a publish; \
         {before} generations"
    ));
    ends_well(context, readers, before)
}

/// Starts a publisher, kills it after a while, and checks the file that it leaves. Returns the generation.
fn kill_one(context: &mut Context<'_>, before: u64, counts: &mut Counts) -> Result<u64, Problem> {
    let kill = counts.kills;
    // Half of them spend nearly all of their time in the middle of a publish.
    let publisher = context.start(if kill.is_multiple_of(2) { "publish" } else { "write" }, &[])?;
    let has_started = context.random.u8(..4) > 0;
    if has_started {
        let (_, line) = publisher.line("start ", PATIENCE)?;
        let said = line.strip_prefix("start ").unwrap_or_default();
        if said != before.to_string() {
            fail!("publisher {kill} goes on from generation {said}, the one before it left {before}");
        }
        counts.started += 1;
    }
    std::thread::sleep(Duration::from_micros(context.random.u64(..LIFE)));
    if has_started && context.random.u32(..STOPS) == 0 {
        stopped(context, &publisher, kill)?;
        counts.stops += 1;
    }
    drop(publisher);
    counts.kills += 1;
    // Again: a publisher that starts may have put another file there.
    let view = open_view(&context.path())?;
    let word = view.map().load(word::GENERATION);
    counts.odd += word & 1;
    if word / 2 < before {
        fail!("kill {kill}: the generation went back from {before} to {}", word / 2);
    }
    check_current(view.map()).map_err(|damage| {
        Problem::Found(format!("kill {kill}: generation {} is damaged: {damage}", word / 2))
    })?;
    Ok(word / 2)
}

/// A stopped publisher keeps its lock, and readers continue.
fn stopped(context: &mut Context<'_>, publisher: &Process, kill: u64) -> Result<(), Problem> {
    publisher.signal(Signal::STOP);
    let mut path = context.path().into_os_string();
    path.push(".lock");
    match PublisherLock::try_acquire(path, LockMode::Owner) {
        Err(LockError::Held { .. }) => {}
        other => {
            fail!("publisher {kill} is stopped, and its lock is not held: {other:?}");
        }
    }
    let reader = Reader::open(context.path())?;
    let (before, first) = (reader.generation(), reader.get_i64_or("numbered-flag-000", -1));
    if first < 0 || reader.generation() < before {
        fail!("publisher {kill} is stopped, and a reader reports: {first}");
    }
    if context.random.bool() {
        publisher.signal(Signal::CONT);
    }
    Ok(())
}

fn ends_well(context: &mut Context<'_>, readers: Vec<Process>, before: u64) -> Result<(), Problem> {
    let last = context.start("publish", &[])?;
    last.line("start ", PATIENCE)?;
    let reader = Reader::open(context.path())?;
    if !wait_until(PATIENCE, || reader.generation().0 > before) {
        fail!("the last publisher does not publish");
    }
    context.end("the last publisher", last)?;
    let (mut looks, mut snapshots) = (0, 0);
    for reader in readers {
        let said = context.end("a reader", reader)?;
        let done = said.lines().find_map(|line| line.strip_prefix("done: ")).unwrap_or_default();
        let mut numbers = done.split(' ').filter_map(|word| word.parse::<u64>().ok());
        looks += numbers.next().unwrap_or(0);
        snapshots += numbers.next().unwrap_or(0);
    }
    let status = reader.status();
    let found = reader.get_i64_or("numbered-flag-007", -1);
    if found != number(reader.generation()) || status.durable != reader.generation() {
        fail!(
            "after a clean end a reader has {found} in generation {}, and generation {} is on the disk",
            reader.generation(),
            status.durable
        );
    }
    context.did(format!(
        "{READERS} readers: {looks} looks and {snapshots} whole snapshots, no mix, no default, no step back"
    ));
    Ok(())
}
