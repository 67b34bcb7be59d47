//! Publishers and the disk: synced, full, and limited by the system.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flagstaff_format::{Generation, WriteError};
use flagstaff_publisher::{OpenError, PublishError, Publisher, PublisherOptions};
use flagstaff_reader::Reader;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::stdio::{Outcome, argument, say};
use crate::numbered::{self, number};
use crate::process::wait_until;

/// How long one checkpoint may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Disks of this size and more are never filled.
const NO_SMALL_DISK: u64 = 64 << 20;

fn publish(publisher: &mut Publisher, filler: usize) -> Result<Generation, PublishError> {
    let next = publisher.generation().next();
    publisher.publish(&numbered::payload(number(next), filler))?;
    Ok(publisher.generation())
}

fn wait_durable(reader: &Reader, generation: Generation) -> Result<Duration, String> {
    let begun = Instant::now();
    if !wait_until(PATIENCE, || reader.status().durable >= generation) {
        let durable = reader.status().durable;
        return Err(format!(
            "generation {generation} is not durable within {PATIENCE:?}, only {durable} is; the disk does not sync"
        ));
    }
    Ok(begun.elapsed())
}

/// As [`durable_with`]. `<count>`
pub(super) fn durable(path: &Path, arguments: &[String]) -> Outcome {
    durable_with(path, argument(arguments, 0)?, &PublisherOptions::default())
}

/// Publishes and waits until it is on the disk, `count` times; writes the times in microseconds.
pub fn durable_with(path: &Path, count: usize, options: &PublisherOptions) -> Outcome {
    let mut publisher = Publisher::open(path, &options.clone().checkpoint_every(Duration::ZERO))?;
    let mut times = Vec::new();
    let mut reader = None;
    for _ in 0..count {
        let generation = publish(&mut publisher, 0)?;
        let reader = match &reader {
            Some(reader) => reader,
            None => reader.insert(Reader::open(path)?),
        };
        times.push(wait_durable(reader, generation)?.as_micros());
    }
    let generation = publisher.generation();
    publisher.close()?;
    say(&format!("durable {generation} {}", serde_json::to_string(&times)?));
    Ok(())
}

/// On a small disk of its own, as root or in a namespace: publishes, fills the disk, publishes, makes room, publishes.
pub(super) fn full(path: &Path) -> Outcome {
    let disk = rustix::fs::statvfs(path.parent().unwrap_or(Path::new("/")))?;
    if disk.f_blocks * disk.f_frsize > NO_SMALL_DISK {
        return Err("this disk is too large to be filled".into());
    }
    let mut publisher = Publisher::open(path, &PublisherOptions::default().checkpoint_every(Duration::ZERO))?;
    let first = publish(&mut publisher, 0)?;
    let reader = Reader::open(path)?;
    wait_durable(&reader, first)?;
    let hog = fill_up(path)?;
    for _ in 0..3 {
        match publish(&mut publisher, 500_000) {
            Err(PublishError::File(WriteError::Io { .. })) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Err("published what the full disk has no room for".into()),
        }
        for reader in [&reader, &Reader::open(path)?] {
            if (reader.generation(), reader.get_i64_or("numbered-flag-000", -1)) != (first, number(first)) {
                return Err(format!("a reader returns generation {}", reader.generation()).into());
            }
        }
    }
    say("the disk is full: publishing is an error and readers keep what they have");
    // A payload that fits into the space reserved before is still published.
    let second = publish(&mut publisher, 0)?;
    if reader.generation() != second {
        return Err("what had room was not published".into());
    }
    fs::remove_file(&hog)?;
    let healed = publish(&mut publisher, 500_000)?;
    if (reader.generation(), reader.get_i64_or("numbered-flag-000", -1)) != (healed, number(healed)) {
        return Err("publishing does not work again when there is room".into());
    }
    wait_durable(&reader, healed)?;
    publisher.close()?;
    say("healed");
    Ok(())
}

/// Fills the rest of the disk with a file, and returns its path.
fn fill_up(path: &Path) -> std::io::Result<PathBuf> {
    let hog = path.with_file_name("hog");
    let mut file = fs::OpenOptions::new().create(true).append(true).open(&hog)?;
    for block in [64 * 1024, 4096] {
        while file.write_all(&vec![1; block]).is_ok() {}
    }
    Ok(hog)
}

/// With a limit of 1 MiB for files: the publisher must return an error and not be killed by a signal.
pub(super) fn limited(path: &Path) -> Outcome {
    let limit = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
    setrlimit(Resource::Fsize, limit)?;
    match Publisher::open(path, &PublisherOptions::default()) {
        Err(OpenError::File(error @ WriteError::FileSizeLimit { .. })) => {
            say(&format!("limited: {error}"));
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("a file of 257 MiB was made where 1 MiB is allowed".into()),
    }
}
