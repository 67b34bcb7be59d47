//! Whoever can be asked for a boolean by its key, on one thread: ourselves and the rivals.
//!
//! All hold the same flags, of which every second one is true. A rival says how one key is looked up; the loops around it
//! are the same code for all, made anew for each, so that nobody pays for a call through a pointer.

pub mod archive;
pub mod concurrent;
pub mod lmdb;
pub mod maps;
pub mod mmap_sync;
pub mod ours;
pub mod redis;

use std::path::Path;

use crate::Outcome;
use crate::queries::{Pace, Tally, pass};

/// How much of a contest a slow contender takes part in.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Runs in every so-manieth round.
    pub every: usize,
    /// Asks the first so-manieth part of the queries.
    pub part: usize,
}

impl Effort {
    /// Every round, all queries.
    pub const FULL: Effort = Effort { every: 1, part: 1 };
    /// For what takes some hundred nanoseconds per read.
    pub const SLOW: Effort = Effort { every: 3, part: 1 };
    /// For what asks another process.
    pub const REMOTE: Effort = Effort { every: 7, part: 32 };
}

/// One way to look a boolean up.
pub trait Rival {
    /// As it stands in a table.
    fn name(&self) -> &str;

    /// The flag's value; `false` if it is missing.
    fn look(&mut self, key: &str) -> bool;

    /// How much it takes part.
    fn effort(&self) -> Effort {
        Effort::FULL
    }

    /// Why a look-up failed, once, if one did.
    fn failure(&mut self) -> Option<Box<dyn std::error::Error>> {
        None
    }
}

/// A [`Rival`] behind a pointer: one call per pass.
pub trait Contender {
    /// As it stands in a table.
    fn name(&self) -> &str;

    /// How much it takes part.
    fn effort(&self) -> Effort;

    /// Asks for all keys.
    ///
    /// # Errors
    /// A look-up failed.
    fn pass(&mut self, pace: Pace, keys: &[String]) -> Outcome<Tally>;
}

impl<R: Rival> Contender for R {
    fn name(&self) -> &str {
        Rival::name(self)
    }

    fn effort(&self) -> Effort {
        Rival::effort(self)
    }

    fn pass(&mut self, pace: Pace, keys: &[String]) -> Outcome<Tally> {
        let tally = match pace {
            Pace::Throughput => pass(Pace::Throughput, keys, |key| self.look(key)),
            Pace::Chain => pass(Pace::Chain, keys, |key| self.look(key)),
        };
        self.failure().map_or(Ok(tally), Err)
    }
}

/// Everybody, ourselves first and the plain map second. A rival that is not installed is named in `missing`.
///
/// # Errors
/// A rival cannot be set up.
pub fn all(folder: &Path, keys: &[String], missing: &mut Vec<String>) -> Outcome<Vec<Box<dyn Contender>>> {
    let mut all: Vec<Box<dyn Contender>> = vec![
        Box::new(ours::Ours::new(folder, keys)?),
        Box::new(maps::Fold::new(keys)),
        Box::new(maps::Sip::new(keys)),
        Box::new(maps::Locked::new(keys)),
        Box::new(concurrent::Swap::new(keys)),
        Box::new(concurrent::Cached::new(keys)),
        Box::new(concurrent::Dash::new(keys)),
        Box::new(concurrent::Papaya::new(keys)),
        Box::new(archive::Archive::new(keys)?),
        Box::new(mmap_sync::Mapped::new(folder, keys)?),
        Box::new(lmdb::Reused::new(folder, keys)?),
        Box::new(lmdb::Anew::new(folder, keys)?),
    ];
    match redis::Redis::new(folder, keys)? {
        Some(redis) => all.push(Box::new(redis)),
        None => {
            missing
                .push("redis over a unix socket: redis-server is not installed on this machine".to_owned());
        }
    }
    Ok(all)
}

/// Index of ourselves in [`all`].
pub const OURS: usize = 0;
/// Index of the map with foldhash in [`all`].
pub const FOLD: usize = 1;
/// Index of [`concurrent::Swap`] in [`all`].
pub const SWAP: usize = 4;
/// Index of [`mmap_sync::Mapped`] in [`all`].
pub const MMAP_SYNC: usize = 9;

/// Every second flag is true, from the first on.
pub(crate) fn pairs(keys: &[String]) -> impl Iterator<Item = (String, bool)> {
    keys.iter().enumerate().map(|(i, key)| (key.clone(), i % 2 == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::keys;
    use crate::queries::{Mix, Queries};
    use crate::timing::check;

    #[test]
    fn everybody_answers_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(200);
        let mut everybody = all(folder.path(), &keys, &mut Vec::new()).unwrap();
        assert_eq!(everybody[OURS].name(), ours::NAME);
        assert_eq!(everybody[FOLD].name(), maps::FOLD);
        assert!(everybody[SWAP].name().contains("ArcSwap"));
        assert!(everybody[MMAP_SYNC].name().contains("mmap-sync"));
        for mix in Mix::ALL {
            let queries = Queries::new(&keys, mix, 500);
            for contender in &mut everybody {
                for pace in [Pace::Throughput, Pace::Chain] {
                    let found = contender.pass(pace, &queries.keys).unwrap();
                    check(contender.name(), queries.expected(pace, 500), found).unwrap();
                }
            }
        }
    }
}
