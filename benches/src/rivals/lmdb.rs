//! LMDB through heed: a B+ tree in shared memory.
#![allow(unsafe_code, reason = "opening an environment is an unsafe function of heed")]

use std::fs;
use std::path::Path;

use heed::types::{Bytes, Str};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};

use super::{Effort, Rival, pairs};
use crate::Outcome;

/// Keys are text, values are what the caller makes of the bytes.
pub type Table = Database<Str, Bytes>;

/// More than any benchmark puts into it.
const MAP_BYTES: usize = 256 << 20;

/// Opens or makes an environment. Nothing is synced to the disk when a transaction commits, because publishing here does
/// not wait for the disk either.
///
/// # Errors
/// LMDB refuses.
pub fn open(folder: &Path) -> Outcome<Env> {
    fs::create_dir_all(folder)?;
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES).max_readers(64);
    // SAFETY: without syncs only a crash of the system can damage the file, and nobody opens it after one.
    let options = unsafe { options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC) };
    // SAFETY: the folder is this run's own, on a local disk; each process opens it once.
    Ok(unsafe { options.open(folder) }?)
}

/// Puts all pairs in one transaction.
///
/// # Errors
/// LMDB refuses.
pub fn put<'a, T>(env: &Env<T>, pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> Outcome<Table> {
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

fn is_true(found: heed::Result<Option<&[u8]>>, failure: &mut Option<Box<dyn std::error::Error>>) -> bool {
    match found {
        Ok(found) => found == Some([1].as_slice()),
        Err(error) => {
            *failure = Some(error.into());
            false
        }
    }
}

/// One read transaction for all reads: fast, and blind to what is written later.
pub struct Reused {
    table: Table,
    transaction: RoTxn<'static, WithoutTls>,
    failure: Option<Box<dyn std::error::Error>>,
}

impl Reused {
    /// Writes the flags and begins to read.
    ///
    /// # Errors
    /// LMDB refuses.
    pub fn new(folder: &Path, keys: &[String]) -> Outcome<Reused> {
        let folder = folder.join("lmdb-reused");
        fs::create_dir_all(&folder)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES);
        // SAFETY: as in `open`.
        let env = unsafe { options.open(&folder) }?;
        let table = fill(&env, keys)?;
        Ok(Reused { table, transaction: env.static_read_txn()?, failure: None })
    }
}

impl Rival for Reused {
    fn name(&self) -> &str {
        "LMDB, reused transaction"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        is_true(self.table.get(&self.transaction, key), &mut self.failure)
    }

    fn effort(&self) -> Effort {
        Effort::SLOW
    }

    fn failure(&mut self) -> Option<Box<dyn std::error::Error>> {
        self.failure.take()
    }
}

/// A read transaction for each read: sees what is written.
pub struct Anew {
    env: Env,
    table: Table,
    failure: Option<Box<dyn std::error::Error>>,
}

impl Anew {
    /// Writes the flags.
    ///
    /// # Errors
    /// LMDB refuses.
    pub fn new(folder: &Path, keys: &[String]) -> Outcome<Anew> {
        let env = open(&folder.join("lmdb-anew"))?;
        let table = fill(&env, keys)?;
        Ok(Anew { env, table, failure: None })
    }
}

impl Rival for Anew {
    fn name(&self) -> &str {
        "LMDB, new transaction"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        match self.env.read_txn() {
            Ok(transaction) => is_true(self.table.get(&transaction, key), &mut self.failure),
            Err(error) => {
                self.failure = Some(error.into());
                false
            }
        }
    }

    fn effort(&self) -> Effort {
        Effort::SLOW
    }

    fn failure(&mut self) -> Option<Box<dyn std::error::Error>> {
        self.failure.take()
    }
}
