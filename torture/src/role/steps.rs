//! A publisher that goes through everything once, and a reader that watches it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flagstaff_format::{FileId, Generation};
use flagstaff_publisher::{Publisher, PublisherOptions, Stopper};
use flagstaff_reader::Reader;

use super::stdio::{Outcome, is_ending, say};
use crate::process::wait_until;
use crate::steady;
use crate::steps::Stepper;

/// The number that [`succeed`] publishes: more than any number before.
pub(crate) const LAST: u64 = 1000;

/// How long a checkpoint or a new file may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn wait_for(what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
    if wait_until(PATIENCE, condition) { Ok(()) } else { Err(format!("not within {PATIENCE:?}: {what}")) }
}

/// Goes through everything: the lock, a cache of the SDK, publishes, checkpoints, a file that is made again, and a clean end.
/// `[<step> <signal>]`: at the first step of that name it is killed, or stopped if the signal is `stop`.
pub(super) fn publish(path: &Path, arguments: &[String]) -> Outcome {
    let stepper = Stepper::new(Stepper::asked(arguments));
    publish_watched(path, &stepper)?;
    // At the end, because the thread that holds the lock has no stdout.
    stepper.seen().iter().for_each(|step| say(&format!("step {step}")));
    say("ended");
    Ok(())
}

fn publish_watched(path: &Path, stepper: &Arc<Stepper>) -> Outcome {
    let cache = path.with_file_name("cache.json");
    let options = PublisherOptions::default()
        .checkpoint_every(Duration::ZERO)
        .import(Some(&cache))
        .watch(stepper.watch());
    let mut publisher = Publisher::wait_and_open(path, &options, &Stopper::new())?;
    let durable = |publisher: &Publisher| -> Outcome {
        let reader = Reader::open(path)?;
        Ok(wait_for("a checkpoint", || reader.status().durable >= publisher.generation())?)
    };
    durable(&publisher)?;
    for (n, filler) in [(2, 100), (3, 300_000), (4, 10)] {
        publisher.publish(&steady::payload(n, filler))?;
        durable(&publisher)?;
    }
    let before = FileId::at(path);
    std::fs::remove_file(path)?;
    wait_for("a new file", || FileId::at(path).is_some_and(|now| Some(now) != before))?;
    publisher.publish(&steady::payload(5, 10))?;
    durable(&publisher)?;
    Ok(publisher.close()?)
}

/// Takes over from a publisher that died, publishes the last number and ends.
pub(super) fn succeed(path: &Path) -> Outcome {
    let mut publisher = Publisher::wait_and_open(path, &PublisherOptions::default(), &Stopper::new())?;
    say(&format!("start {}", publisher.generation()));
    publisher.publish(&steady::payload(LAST, 10))?;
    say("published");
    Ok(publisher.close()?)
}

/// Checks every look, from the first flags on, until its end.
pub(super) fn read(path: &Path) -> Outcome {
    let reader = Reader::attach(path);
    say("ready");
    // Leaves the processor to the publisher.
    check_steadily(&reader, std::thread::yield_now)
}

/// Checks every look at [`steady`] flags, from the first flags on, until stdin ends. Does `rest` now and then.
pub fn check_steadily(reader: &Reader, rest: impl Fn()) -> Outcome {
    while steady::number(reader).is_none() && !is_ending() {
        reader.wait_for_change(Generation(0), Duration::from_millis(10));
    }
    let (mut newest, mut looks) = (0, 0_u64);
    while !is_ending() {
        match steady::look(reader, newest)? {
            n if n > newest => {
                newest = n;
                say(&format!("n={n}"));
            }
            _ => {}
        }
        looks += 1;
        if looks.is_multiple_of(64) {
            // A file that was removed by hand, and whose publisher died before it could mark it, is noticed here.
            let _ = reader.status();
            rest();
        }
    }
    say(&format!("done: {looks} looks"));
    Ok(())
}
