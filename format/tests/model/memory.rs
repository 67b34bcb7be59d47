//! A generation word with two slots of two words, in the model checker's memory.
//!
//! A word of generation `k` holds `k * 100`, plus a salt by which the words of a publisher that died differ from those of its
//! successor. Slot words are stored here as relaxed atomics. In production the kernel stores them (`pwrite`) between the fence and the
//! even store, in the same thread.

use std::sync::atomic::Ordering::Relaxed;

use flagstaff_format::protocol::{
    Generation, Observed, Orders, observe, publish, still_valid, still_valid_or_superseded,
};
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;

use super::Model;

/// Generation word and two slots of two words.
pub struct Memory {
    pub g: Model,
    pub slots: [[AtomicU64; 2]; 2],
}

impl Memory {
    pub fn new() -> Arc<Memory> {
        let word = || AtomicU64::new(0);
        Arc::new(Memory { g: Model::new(0), slots: [[word(), word()], [word(), word()]] })
    }

    /// Publishes one generation; dies after `dies_after` words, if it is one.
    pub fn publish<O: Orders>(&self, salt: u64, dies_after: Option<usize>) -> Result<Generation, ()> {
        publish::<O, _, _>(&self.g, |generation| {
            let slot = &self.slots[generation.slot() as usize];
            for (i, word) in slot.iter().enumerate() {
                if dies_after == Some(i) {
                    return Err(());
                }
                word.store(generation.0 * 100 + salt, Relaxed);
            }
            Ok(())
        })
    }

    /// One read: the generation, if the read was accepted. Asserts that all its words belong to it.
    pub fn read<O: Orders>(&self) -> Option<(Observed, Generation)> {
        let seen = observe::<O, _>(&self.g);
        let words = [0, 1].map(|i| self.slots[seen.slot()][i].load(Relaxed));
        let valid = if seen.is_superseded() {
            still_valid_or_superseded::<O, _>(&self.g, seen)
        } else {
            still_valid::<O, _>(&self.g, seen)
        };
        if !valid {
            return None;
        }
        // Nothing published: a reader leaves before it looks at a slot.
        if seen.base() == 0 {
            return Some((seen, Generation(0)));
        }
        let generation = seen.generation();
        assert!(
            words[0] == words[1] && words[0] / 100 == generation.0,
            "torn: generation {generation} has words {words:?}"
        );
        Some((seen, generation))
    }

    /// Reads `count` times; generations must not go back.
    pub fn read_times<O: Orders>(&self, count: usize) {
        let mut last = Generation(0);
        for _ in 0..count {
            if let Some((_, generation)) = self.read::<O>() {
                assert!(generation >= last, "backwards: {generation} after {last}");
                last = generation;
            }
        }
    }
}
