//! Publishers of numbered snapshots.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flagstaff_format::{Archive, Facts, Generation, Opened, Writer, WriterOptions};
use flagstaff_publisher::lock::{LockMode, PublisherLock};
use flagstaff_publisher::{Publisher, PublisherOptions, Stopper, payload};

use super::stdio::{Outcome, argument, is_ending, say, wait_for_the_end};
use crate::numbered::{self, number};
use crate::rate::RateReport;

/// Publishes numbered snapshots as fast as it can with a whole publisher, and one checkpoint after the other. The size changes, so
/// that areas grow.
pub(super) fn publish(path: &Path) -> Outcome {
    let options = PublisherOptions::default().checkpoint_every(Duration::ZERO);
    let mut publisher = Publisher::wait_and_open(path, &options, &Stopper::new())?;
    say(&format!("start {}", publisher.generation()));
    while !is_ending() {
        let next = publisher.generation().next();
        let filler = if next.0.is_multiple_of(8) { next.0 as usize * 7919 % 200_000 } else { 0 };
        publisher.publish(&numbered::payload(number(next), filler))?;
    }
    Ok(publisher.close()?)
}

/// Publishes numbered snapshots from prepared archives, so that nearly all of its time goes into the file: a kill hits the
/// middle of a publish as often as possible.
pub(super) fn write(path: &Path) -> Outcome {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let _lock = PublisherLock::acquire(PathBuf::from(lock), LockMode::Owner, &Stopper::new())?;
    let Opened { mut writer, .. } = Writer::open(path, &WriterOptions::default())?;
    say(&format!("start {}", writer.generation()));
    let mut ready: HashMap<i64, Archive> = HashMap::new();
    while !is_ending() {
        let number = number(writer.generation().next());
        if let Some(archive) = ready.get_mut(&number) {
            writer.publish(archive)?;
        } else {
            let mut archive = archive(number)?;
            writer.publish(&mut archive)?;
            ready.insert(number, archive);
        }
    }
    Ok(())
}

fn archive(number: i64) -> Result<Archive, Box<dyn std::error::Error>> {
    let payload = numbered::payload(number, 0);
    let flags = payload::decode(&payload, &payload::Limits::default())?;
    Ok(Archive::build(flags, Generation(1), Facts::default())?)
}

/// Publishes at a rate and measures itself. `<publishes a second, 0: as many as it can> <publishes>`; after so many, or at
/// the end of stdin, it writes its measurements.
pub(super) fn at_rate(path: &Path, arguments: &[String]) -> Outcome {
    let (rate, count): (u32, usize) = (argument(arguments, 0)?, argument(arguments, 1)?);
    let mut publisher = Publisher::wait_and_open(path, &PublisherOptions::default(), &Stopper::new())?;
    say(&format!("start {}", publisher.generation()));
    let report = RateReport::run(&mut publisher, rate, count, is_ending)?;
    say(&format!("rate {}", serde_json::to_string(&report)?));
    wait_for_the_end();
    Ok(publisher.close()?)
}
