//! The publisher's side of each kind, at a given pace.

use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_publisher::{Publisher, PublisherOptions};
use heed::Env;
use mmap_sync::synchronizer::Synchronizer;
use rustix::time::{ClockId, clock_gettime};

use super::kind::Kind;
use crate::Outcome;
use crate::flags::keys;
use crate::rivals::{lmdb, mmap_sync as rival};

/// Numbers have as many digits from the first publish to the last, so that a payload is changed in place.
const FIRST: u64 = 1_000_000_000;

/// The flags of both sides.
pub(crate) struct Flags {
    /// Booleans that never change.
    pub(crate) constants: Vec<(String, bool)>,
    /// Numbers that are all the same in one publish, and one more in the next.
    pub(crate) numbers: Vec<String>,
}

impl Flags {
    pub(crate) fn new(count: usize) -> Flags {
        let mut flags = Flags { constants: Vec::new(), numbers: Vec::new() };
        for (i, key) in keys(count).into_iter().enumerate() {
            if i % 2 == 0 {
                flags.constants.push((key, i % 4 == 0));
            } else {
                flags.numbers.push(key);
            }
        }
        flags
    }
}

/// The number in a value of LMDB; 0 if there is none.
pub(crate) fn value_of(bytes: Option<&[u8]>) -> u64 {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// What publishing came to.
pub(crate) struct Report {
    /// Publishes per second.
    pub(crate) per_second: f64,
    /// Share of one core that this process took.
    pub(crate) cpu: f64,
}

enum Target {
    Flagstaff { publisher: Publisher, payload: Vec<u8>, places: Vec<usize> },
    MmapSync { synchronizer: Synchronizer, map: rival::Map<u64> },
    Lmdb { env: Env },
}

/// Somebody who publishes.
pub(crate) struct Load {
    flags: Flags,
    target: Target,
    turn: u64,
    is_wrong: bool,
}

impl Load {
    /// Opens it and publishes once. If `is_wrong`, one number is left as it was from then on.
    pub(crate) fn open(kind: Kind, folder: &Path, count: usize, is_wrong: bool) -> Outcome<Load> {
        let (flags, path) = (Flags::new(count), kind.path(folder));
        let target = match kind {
            Kind::Flagstaff | Kind::Private | Kind::Clock => {
                let publisher = Publisher::open(&path, &PublisherOptions::default())?;
                let (payload, places) = template(&flags);
                Target::Flagstaff { publisher, payload, places }
            }
            Kind::MmapSync => {
                let map =
                    flags.constants.iter().map(|(key, value)| (key.clone(), u64::from(*value))).collect();
                Target::MmapSync { synchronizer: Synchronizer::new(path.as_os_str()), map }
            }
            Kind::Lmdb => {
                let env = lmdb::open(&path)?;
                let constants: Vec<_> = flags
                    .constants
                    .iter()
                    .map(|(key, value)| (key, u64::from(*value).to_le_bytes()))
                    .collect();
                lmdb::put(&env, constants.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
                Target::Lmdb { env }
            }
        };
        let mut load = Load { flags, target, turn: FIRST - 1, is_wrong: false };
        load.publish()?;
        load.is_wrong = is_wrong;
        Ok(load)
    }

    /// Publishes `pace` times a second for as long as `time`, or as often as it can.
    pub(crate) fn publish_for(&mut self, pace: u32, time: Duration) -> Outcome<Report> {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let mut count = 0_u32;
        while pace > 0 && start.elapsed() < time {
            self.publish()?;
            count += 1;
            let due = Duration::from_secs(1) * count / pace;
            std::thread::sleep(due.min(time).saturating_sub(start.elapsed()));
        }
        // Reading processes are waited for elsewhere; an idle publisher has nothing to do.
        std::thread::sleep(time.saturating_sub(start.elapsed()));
        let seconds = start.elapsed().as_secs_f64();
        Ok(Report { per_second: f64::from(count) / seconds, cpu: (cpu_seconds() - cpu) / seconds })
    }

    fn publish(&mut self) -> Outcome<()> {
        self.turn += 1;
        let right = self.flags.numbers.len() - usize::from(self.is_wrong);
        let numbers = &self.flags.numbers[..right];
        match &mut self.target {
            Target::Flagstaff { publisher, payload, places } => {
                let digits = self.turn.to_string();
                for place in &places[..right] {
                    payload[*place..*place + digits.len()].copy_from_slice(digits.as_bytes());
                }
                publisher.publish(std::str::from_utf8(payload)?)?;
            }
            Target::MmapSync { synchronizer, map } => {
                for key in numbers {
                    match map.get_mut(key.as_str()) {
                        Some(value) => *value = self.turn,
                        None => drop(map.insert(key.clone(), self.turn)),
                    }
                }
                let _ = synchronizer.write(map, rival::GRACE)?;
            }
            Target::Lmdb { env } => {
                let value = self.turn.to_le_bytes();
                lmdb::put(env, numbers.iter().map(|key| (key.as_str(), value.as_slice())))?;
            }
        }
        Ok(())
    }
}

/// A payload, and where its numbers begin.
fn template(flags: &Flags) -> (Vec<u8>, Vec<usize>) {
    let (mut payload, mut places) = (String::from("{"), Vec::new());
    for (key, value) in &flags.constants {
        payload += &format!("\"{key}\":{value},");
    }
    for key in &flags.numbers {
        payload += &format!("\"{key}\":");
        places.push(payload.len());
        payload += &format!("{FIRST},");
    }
    payload.pop();
    payload.push('}');
    (payload.into_bytes(), places)
}

/// Processor time of this process so far.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
