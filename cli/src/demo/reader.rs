//! The reader process of the demo.
//!
//! It waits for a change and reports what it saw and when. Between two changes it reads flags as fast as it can, in a short burst, so
//! that four readers on two cores neither starve each other nor delay arrivals.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use flagstaff_reader::{Generation, Reader, Snapshot, Value};

use super::clock;
use super::flags::{FLIP, FLIPPING, SENT_AT};
use super::message::{Message, fingerprint};
use crate::differences::between;
use crate::failure::Failure;
use crate::output;

/// Reads of one pass. The processor's branch predictor would learn a shorter cycle of keys.
const READS: usize = 32_768;

/// Length of a burst, the part for the private map included.
const BURST: Duration = Duration::from_millis(150);
const MAP_BURST: Duration = Duration::from_millis(30);

/// From a change to the burst of the first reader, and from one reader to the next: one burst at a time.
const FIRST: Duration = Duration::from_millis(100);
const NEXT: Duration = Duration::from_millis(200);

/// Changed flags that are reported of one generation.
const MOST_NAMED: usize = 16;

/// From one burst to the next while nothing changes.
const PERIOD: Duration = Duration::from_secs(1);

/// A reader of the demo
#[derive(Debug, Parser)]
pub(super) struct DemoReader {
    #[arg(long)]
    file: PathBuf,

    #[arg(long)]
    number: u32,
}

impl DemoReader {
    pub(super) fn run(self) -> Result<(), Failure> {
        let reader = Reader::attach(&self.file);
        while reader.generation().0 == 0 {
            let _ = reader.wait_for_change(Generation(0), PERIOD);
        }
        let burst = Burst::new(&reader);
        say(Message::Ready)?;
        let offset = FIRST + NEXT * self.number;
        let (mut seen, mut before) = (Generation(0), reader.snapshot());
        let mut next_burst = Instant::now() + offset;
        loop {
            let left = next_burst.saturating_duration_since(Instant::now());
            let now = reader.wait_for_change(seen, left);
            if now != seen {
                seen = now;
                let message = look(&reader, now);
                let seen_at = clock::now();
                say(message)?;
                let after = reader.snapshot();
                say_what_changed(&before, &after, seen_at)?;
                before = after;
                next_burst = Instant::now() + offset;
            } else if Instant::now() >= next_burst {
                say(burst.run(&reader))?;
                next_burst += PERIOD;
            }
        }
    }
}

fn look(reader: &Reader, generation: Generation) -> Message {
    let (flip, sent_at, on) =
        reader.read(|flags| (flags.get_u64(FLIP), flags.get_u64(SENT_AT), flags.get_bool(FLIPPING)));
    Message::Seen { flip, generation: generation.0, sent_at, seen_at: clock::now(), on }
}

/// Reports what was not changed by the demo.
fn say_what_changed(before: &Snapshot, after: &Snapshot, seen_at: u64) -> Result<(), Failure> {
    let all = between(before, after);
    let others = all.iter().filter(|change| ![FLIP, SENT_AT].contains(&change.key.as_str()));
    for change in others.take(MOST_NAMED) {
        say(Message::Changed { key: fingerprint(&change.key), seen_at })?;
    }
    Ok(())
}

fn say(message: Message) -> Result<(), Failure> {
    output::line(&message.to_string())
}

/// The keys to read, their order, and the map to compare with.
struct Burst {
    keys: Vec<String>,
    order: Vec<u16>,
    map: HashMap<String, bool>,
}

impl Burst {
    fn new(reader: &Reader) -> Burst {
        let snapshot = reader.snapshot();
        let switches = snapshot.iter().filter_map(|(key, value)| match value {
            Value::Bool(on) => Some((key, on)),
            _ => None,
        });
        let map: HashMap<_, _> = switches.collect();
        let keys: Vec<_> = map.keys().cloned().collect();
        // The same order in every run: xorshift with a fixed seed.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |n: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % n.max(1) as u64) as u16
        };
        let order = (0..READS).map(|_| below(keys.len())).collect();
        Burst { keys, order, map }
    }

    fn run(&self, reader: &Reader) -> Message {
        let map = self.passes(MAP_BURST, |key| self.map.get(key).copied().unwrap_or(false));
        let own = self.passes(BURST - MAP_BURST, |key| reader.get_bool(key));
        Message::Burst {
            reads: own.reads,
            nanos: own.nanos,
            per_read: own.per_read,
            per_map_read: map.per_read,
        }
    }

    /// Reads all keys again and again for `time`. The time per read is that of the median pass, so that a pass in which
    /// another process had the core does not count; the sums hold all of them.
    fn passes(&self, time: Duration, read: impl Fn(&str) -> bool) -> Passes {
        let start = clock::now();
        let end = start + time.as_nanos() as u64;
        let (mut times, mut before) = (Vec::with_capacity(1024), start);
        while before < end {
            let on =
                self.order.iter().filter(|&&i| self.keys.get(usize::from(i)).is_some_and(|key| read(key)));
            black_box(on.count());
            let now = clock::now();
            times.push(now - before);
            before = now;
        }
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or(0);
        Passes {
            reads: (times.len() * READS) as u64,
            nanos: before - start,
            per_read: median as f64 / READS as f64,
        }
    }
}

struct Passes {
    reads: u64,
    nanos: u64,
    per_read: f64,
}
