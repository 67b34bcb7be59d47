//! Maps of the standard library: what a process would keep for itself.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::{PoisonError, RwLock};

use super::{Rival, pairs};

/// As it stands in tables and plots.
pub const FOLD: &str = "`HashMap` (foldhash), unsynchronised";

/// The map that rivals have in common.
pub type Map = HashMap<String, bool, foldhash::fast::RandomState>;

/// The fastest common hash, nothing shared.
#[derive(Debug)]
pub struct Fold(Map);

impl Fold {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Fold {
        Fold(pairs(keys).collect())
    }
}

impl Rival for Fold {
    fn name(&self) -> &str {
        FOLD
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        self.0.get(key).copied().unwrap_or(false)
    }
}

/// The hash that the standard library takes.
#[derive(Debug)]
pub struct Sip(HashMap<String, bool, RandomState>);

impl Sip {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Sip {
        Sip(pairs(keys).collect())
    }
}

impl Rival for Sip {
    fn name(&self) -> &str {
        "`HashMap` (SipHash), unsynchronised"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        self.0.get(key).copied().unwrap_or(false)
    }
}

/// A map that may be changed, the simplest way.
#[derive(Debug)]
pub struct Locked(RwLock<Map>);

impl Locked {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Locked {
        Locked(RwLock::new(pairs(keys).collect()))
    }
}

impl Rival for Locked {
    fn name(&self) -> &str {
        "`RwLock<HashMap>` (foldhash)"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        // As from several threads: `get_mut` would leave out the lock.
        let map = &self.0;
        map.read().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(false)
    }
}
