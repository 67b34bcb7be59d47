//! LMDB through heed: a B+ tree in shared memory.
#![allow(unsafe_code, reason = "opening an environment is an unsafe function of heed")]

use std::fs;
use std::path::Path;

use heed::types::{Bytes, Str};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};

use super::rival::{Effort, Rival, pairs};
use crate::Outcome;

/// Keys are text, values are what the caller makes of the bytes.
pub(crate) type Table = Database<Str, Bytes>;

/// More than any benchmark puts into it.
const MAP_BYTES: usize = 256 << 20;

/// Opens or makes an environment. Nothing is synced to the disk when a transaction commits, because publishing here does
/// not wait for the disk either.
pub(crate) fn open(folder: &Path) -> Outcome<Env> {
    fs::create_dir_all(folder)?;
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES).max_readers(64);
    // SAFETY: without syncs only a crash of the system can damage the file, and nobody opens it after one.
    let options = unsafe { options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC) };
    // SAFETY: the folder is this run's own, on a local disk; each process opens it once.
    Ok(unsafe { options.open(folder) }?)
}

/// Puts all pairs in one transaction.
pub(crate) fn put<'a, T>(env: &Env<T>, pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> Outcome<Table> {
    let mut transaction = env.write_txn()?;
    let table: Table = env.create_database(&mut transaction, None)?;
    for (key, value) in pairs {
        table.put(&mut transaction, key, value)?;
    }
    transaction.commit()?;
    Ok(table)
}

fn fill<T>(env: &Env<T>, keys: &[String]) -> Outcome<Table> {
    let pairs: Vec<_> = pairs(keys).map(|(key, value)| (key, [u8::from(value)])).collect();
    put(env, pairs.iter().map(|(key, value)| (key.as_str(), value.as_slice())))
}

/// One read transaction for all reads: fast, and blind to what is written later.
pub(crate) struct Reused {
    table: Table,
    transaction: RoTxn<'static, WithoutTls>,
}

impl Reused {
    /// Writes the flags and begins to read.
    pub(crate) fn new(folder: &Path, keys: &[String]) -> Outcome<Reused> {
        let folder = folder.join("lmdb-reused");
        fs::create_dir_all(&folder)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES);
        // SAFETY: as in `open`.
        let env = unsafe { options.open(&folder) }?;
        let table = fill(&env, keys)?;
        Ok(Reused { table, transaction: env.static_read_txn()? })
    }
}

impl Rival for Reused {
    const NAME: &str = "LMDB, reused transaction";
    const EFFORT: Effort = Effort::SLOW;

    #[inline(always)]
    fn look(&mut self, key: &str) -> Outcome<bool> {
        Ok(self.table.get(&self.transaction, key)? == Some([1].as_slice()))
    }
}

/// A read transaction for each read: sees what is written.
pub(crate) struct Anew {
    env: Env,
    table: Table,
}

impl Anew {
    pub(crate) fn new(folder: &Path, keys: &[String]) -> Outcome<Anew> {
        let env = open(&folder.join("lmdb-anew"))?;
        let table = fill(&env, keys)?;
        Ok(Anew { env, table })
    }
}

impl Rival for Anew {
    const NAME: &str = "LMDB, new transaction";
    const EFFORT: Effort = Effort::SLOW;

    #[inline(always)]
    fn look(&mut self, key: &str) -> Outcome<bool> {
        let transaction = self.env.read_txn()?;
        Ok(self.table.get(&transaction, key)? == Some([1].as_slice()))
    }
}
