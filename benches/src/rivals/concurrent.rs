//! Maps for several threads of one process. All with foldhash, so that what differs is the synchronisation.

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::maps::Map;
use super::{Rival, pairs};

type State = foldhash::fast::RandomState;

/// A whole map behind one pointer, loaded for each read.
#[derive(Debug)]
pub struct Swap(ArcSwap<Map>);

impl Swap {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Swap {
        Swap(ArcSwap::from_pointee(pairs(keys).collect()))
    }
}

impl Rival for Swap {
    fn name(&self) -> &str {
        "`ArcSwap<HashMap>`, `load`"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        self.0.load().get(key).copied().unwrap_or(false)
    }
}

/// The same with a cache of the thread's own, which has to be mutable.
pub struct Cached(Cache<Arc<ArcSwap<Map>>, Arc<Map>>);

impl Cached {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Cached {
        Cached(Cache::new(Arc::new(ArcSwap::from_pointee(pairs(keys).collect()))))
    }
}

impl Rival for Cached {
    fn name(&self) -> &str {
        "`arc_swap::Cache`"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        self.0.load().get(key).copied().unwrap_or(false)
    }
}

/// Shards with a lock each.
#[derive(Debug)]
pub struct Dash(dashmap::DashMap<String, bool, State>);

impl Dash {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Dash {
        Dash(pairs(keys).collect())
    }
}

impl Rival for Dash {
    fn name(&self) -> &str {
        "DashMap"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| *value)
    }
}

/// Without locks.
#[derive(Debug)]
pub struct Papaya(papaya::HashMap<String, bool, State>);

impl Papaya {
    /// Holds these flags.
    #[must_use]
    pub fn new(keys: &[String]) -> Papaya {
        Papaya(pairs(keys).collect())
    }
}

impl Rival for Papaya {
    fn name(&self) -> &str {
        "papaya"
    }

    #[inline(always)]
    fn look(&mut self, key: &str) -> bool {
        self.0.pin().get(key).copied().unwrap_or(false)
    }
}
