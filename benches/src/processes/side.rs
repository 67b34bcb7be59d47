//! The reader's side of each kind: one constant flag, or two numbers of one publish.
#![allow(unsafe_code, reason = "mmap-sync's read is an unsafe function")]

use std::path::Path;

use flagstaff_reader::Reader;
use heed::Env;
use mmap_sync::synchronizer::Synchronizer;

use super::load::{Flags, value_of};
use crate::Outcome;
use crate::rivals::{lmdb, maps, mmap_sync as rival};

/// How a reader process reads.
pub(crate) trait Side {
    /// The value of a constant flag.
    fn constant(&mut self, key: &str) -> Outcome<bool>;
    /// Two numbers of one publish; `None` if there are none.
    fn pair(&mut self, _first: &str, _second: &str) -> Outcome<Option<(u64, u64)>> {
        Ok(None)
    }
    /// Reads of constants that were done again so far, where that can be told.
    fn retries(&self) -> u64 {
        0
    }
}

/// This project.
pub(crate) struct Ours(pub(crate) Reader);

impl Side for Ours {
    #[inline(always)]
    fn constant(&mut self, key: &str) -> Outcome<bool> {
        Ok(self.0.get_bool(key))
    }

    fn pair(&mut self, first: &str, second: &str) -> Outcome<Option<(u64, u64)>> {
        Ok(Some(self.0.read(|view| (view.get_u64(first), view.get_u64(second)))))
    }

    fn retries(&self) -> u64 {
        self.0.unsettled_reads()
    }
}

/// A map of its own.
pub(crate) struct Private(maps::Map);

impl Private {
    pub(crate) fn new(flags: &Flags) -> Private {
        Private(flags.constants.iter().cloned().collect())
    }
}

impl Side for Private {
    #[inline(always)]
    fn constant(&mut self, key: &str) -> Outcome<bool> {
        Ok(self.0.get(key).copied().unwrap_or(false))
    }
}

/// mmap-sync.
pub(crate) struct Mapped(pub(crate) Synchronizer);

impl Side for Mapped {
    #[inline(always)]
    fn constant(&mut self, key: &str) -> Outcome<bool> {
        // SAFETY: the guard goes at the end of this call; the writer waits up to `GRACE` for it and wrote this type.
        let map = unsafe { self.0.read::<rival::Map<u64>>(false) }?;
        Ok(map.get(key).is_some_and(|value| *value == 1))
    }

    fn pair(&mut self, first: &str, second: &str) -> Outcome<Option<(u64, u64)>> {
        // SAFETY: as above.
        let map = unsafe { self.0.read::<rival::Map<u64>>(false) }?;
        let get = |key| map.get(key).copied().unwrap_or(0);
        Ok(Some((get(first), get(second))))
    }
}

/// LMDB.
pub(crate) struct Lmdb {
    env: Env,
    table: lmdb::Table,
}

impl Lmdb {
    pub(crate) fn open(path: &Path) -> Outcome<Lmdb> {
        let env = lmdb::open(path)?;
        let transaction = env.read_txn()?;
        let table = env.open_database(&transaction, None)?.ok_or("LMDB has no table")?;
        transaction.commit()?;
        Ok(Lmdb { env, table })
    }
}

impl Side for Lmdb {
    #[inline(always)]
    fn constant(&mut self, key: &str) -> Outcome<bool> {
        let transaction = self.env.read_txn()?;
        Ok(value_of(self.table.get(&transaction, key)?) == 1)
    }

    fn pair(&mut self, first: &str, second: &str) -> Outcome<Option<(u64, u64)>> {
        let transaction = self.env.read_txn()?;
        let (first, second) = (self.table.get(&transaction, first)?, self.table.get(&transaction, second)?);
        Ok(Some((value_of(first), value_of(second))))
    }
}

/// Nothing is read: what the loop and the clock take.
pub(crate) struct Clock;

impl Side for Clock {
    #[inline(always)]
    fn constant(&mut self, _: &str) -> Outcome<bool> {
        Ok(true)
    }
}
