//! Whoever can be asked for a boolean by its key, on one thread: ourselves and the rivals.
//!
//! All hold the same flags, of which every second one is true. A rival says how one key is looked up; the loops around it
//! are the same code for all, made anew for each, so that nobody pays for a call through a pointer.

pub(crate) mod archive;
pub(crate) mod lmdb;
pub(crate) mod maps;
pub(crate) mod mmap_sync;
pub(crate) mod ours;
pub(crate) mod redis;
mod rival;

use std::path::Path;

use crate::Outcome;
pub(crate) use rival::{Contender, Rival};

/// Everybody, ourselves first and the plain map second. A rival that is not installed is named in `missing`.
pub(crate) fn all(
    folder: &Path,
    keys: &[String],
    missing: &mut Vec<String>,
) -> Outcome<Vec<Box<dyn Contender>>> {
    let mut all: Vec<Box<dyn Contender>> = vec![
        Box::new(ours::Ours::new(folder, keys)?),
        Box::new(maps::Fold::new(keys)),
        Box::new(maps::Sip::new(keys)),
        Box::new(maps::Locked::new(keys)),
        Box::new(maps::Swap::new(keys)),
        Box::new(maps::Cached::new(keys)),
        Box::new(maps::Dash::new(keys)),
        Box::new(maps::Papaya::new(keys)),
        Box::new(archive::Archive::new(keys)?),
        Box::new(mmap_sync::Mapped::new(folder, keys)?),
        Box::new(lmdb::Reused::new(folder, keys)?),
        Box::new(lmdb::Anew::new(folder, keys)?),
    ];
    match redis::Redis::new(folder, keys)? {
        Some(redis) => all.push(Box::new(redis)),
        None => {
            missing.push(format!("{}: redis-server is not installed on this machine", redis::Redis::NAME));
        }
    }
    Ok(all)
}

/// Index of ourselves in [`all`].
pub(crate) const OURS: usize = 0;
/// Index of the map with foldhash in [`all`].
pub(crate) const FOLD: usize = 1;
/// Index of [`maps::Swap`] in [`all`].
pub(crate) const SWAP: usize = 4;
/// Index of [`mmap_sync::Mapped`] in [`all`].
pub(crate) const MMAP_SYNC: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::keys;
    use crate::queries::{Mix, Pace, Queries};
    use crate::timing::check;

    #[test]
    fn everybody_answers_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(200);
        let mut everybody = all(folder.path(), &keys, &mut Vec::new()).unwrap();
        assert_eq!(everybody[OURS].name(), ours::Ours::NAME);
        assert_eq!(everybody[FOLD].name(), maps::Fold::NAME);
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
