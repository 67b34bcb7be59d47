//! Maps of one process: those of the standard library, and those that several threads can share. All but one hash with
//! foldhash, so that what differs is the synchronisation.

use std::collections::HashMap;
use std::convert::identity;
use std::hash::RandomState;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::{ArcSwap, Cache};
use dashmap::DashMap;

use super::rival::{Rival, pairs};
use crate::Outcome;

type State = foldhash::fast::RandomState;

/// The map that rivals have in common.
pub(crate) type Map = HashMap<String, bool, State>;

/// Declares a rival: what it holds, how it is made of all flags, its name in tables, and how it looks a key up.
macro_rules! rival {
    ($(#[$doc:meta])* $rival:ident($held:ty), $make:expr, $name:literal, |$map:ident, $key:ident| $look:expr) => {
        $(#[$doc])*
        pub(crate) struct $rival($held);

        impl $rival {
            pub(crate) fn new(keys: &[String]) -> $rival {
                $rival($make(pairs(keys).collect()))
            }
        }

        impl Rival for $rival {
            const NAME: &str = $name;

            #[inline(always)]
            fn look(&mut self, $key: &str) -> Outcome<bool> {
                let $map = &mut self.0;
                Ok($look)
            }
        }
    };
}

rival!(
    /// The fastest common hash, nothing shared.
    Fold(Map), identity, "`HashMap` (foldhash), unsynchronised",
    |map, key| map.get(key).copied().unwrap_or(false)
);
rival!(
    /// The hash that the standard library takes.
    Sip(HashMap<String, bool, RandomState>), identity, "`HashMap` (SipHash), unsynchronised",
    |map, key| map.get(key).copied().unwrap_or(false)
);
rival!(
    /// A map that may be changed, the simplest way. Not through `get_mut`, which would leave out the lock.
    Locked(RwLock<Map>), RwLock::new, "`RwLock<HashMap>` (foldhash)",
    |map, key| map.read().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(false)
);
rival!(
    /// A whole map behind one pointer, loaded for each read.
    Swap(ArcSwap<Map>), ArcSwap::from_pointee, "`ArcSwap<HashMap>`, `load`",
    |map, key| map.load().get(key).copied().unwrap_or(false)
);
rival!(
    /// The same with a cache of the thread's own, which has to be mutable.
    Cached(Cache<Arc<ArcSwap<Map>>, Arc<Map>>), |map| Cache::new(Arc::new(ArcSwap::from_pointee(map))),
    "`arc_swap::Cache`", |map, key| map.load().get(key).copied().unwrap_or(false)
);
rival!(
    /// Shards with a lock each.
    Dash(DashMap<String, bool, State>), identity, "DashMap",
    |map, key| map.get(key).is_some_and(|value| *value)
);
rival!(
    /// Without locks.
    Papaya(papaya::HashMap<String, bool, State>), identity, "papaya",
    |map, key| map.pin().get(key).copied().unwrap_or(false)
);
