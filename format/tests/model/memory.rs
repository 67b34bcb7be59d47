//! A generation word with two slots of two words, in the model checker's memory.
//!
//! A word of generation `k` holds `k * 100`, plus a salt by which the words of a publisher that died differ from those of its
//! successor. Slot words are stored here as relaxed atomics. In production the kernel stores them (`pwrite`) between the fence and the
//! even store, in the same thread.

use std::slice::from_ref;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{self, Relaxed};

use flagstaff_format::atomics::{Load, Word};
use flagstaff_format::lines;
use flagstaff_format::protocol::{
    Generation, Observed, Orders, Sound, observe, publish, still_valid, still_valid_or_superseded,
};
use loom::sync::Arc;

use super::Model;

/// Generation word and two slots of two words.
pub struct Memory {
    pub g: Model,
    pub slots: [[Model; 2]; 2],
    /// What stands in the generation word and in them.
    standing: (AtomicU64, [[AtomicU64; 2]; 2]),
}

/// A word as publishers have it, of which there is one at a time: what it loads is always the newest. So that needs no load in the
/// model, and must not have one: the checker remembers the last access to a word alone, and after a load by a publisher it no longer
/// tries that publisher's store before what a reader did.
struct Own<'a> {
    word: &'a Model,
    standing: &'a AtomicU64,
}

impl Load for Own<'_> {
    fn load(&self) -> u64 {
        self.standing.load(Relaxed)
    }

    fn fence(order: Ordering) {
        Model::fence(order);
    }
}

impl Word for Own<'_> {
    fn store(&self, value: u64, order: Ordering) {
        self.standing.store(value, Relaxed);
        Word::store(self.word, value, order);
    }
}

/// How a publisher chooses the words that it stores; each is a line of its own here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    /// Those that differ from what stands in the slot.
    Differing,
    /// A mutant: those that differ from what the generation before the current one had there.
    DifferingFromBelief,
    /// A mutant: as the first, before anybody is told.
    TooEarly,
}

/// A flag that only the publisher which dies has changed.
fn flag_of(salt: u64) -> u64 {
    if salt == 1 { 2 } else { 1 }
}

impl Memory {
    pub fn new() -> Arc<Memory> {
        let word = || Model::new(0);
        let slots = [[word(), word()], [word(), word()]];
        Arc::new(Memory { g: Model::new(0), slots, standing: Default::default() })
    }

    /// Publishes one generation; dies after `dies_after` words, if it is one.
    pub fn publish<O: Orders>(&self, salt: u64, dies_after: Option<usize>) -> Result<Generation, ()> {
        publish::<O, _, _>(&self.g, |generation| {
            let slot = &self.slots[generation.slot() as usize];
            for (i, word) in slot.iter().enumerate() {
                if dies_after == Some(i) {
                    return Err(());
                }
                Word::store(word, generation.0 * 100 + salt, Relaxed);
            }
            Ok(())
        })
    }

    /// As [`Memory::publish`], of lines of which one seldom changes: the second word is a flag.
    pub fn publish_lines(&self, salt: u64, stores: Stores, dies: bool) -> Result<Generation, ()> {
        let write = |generation: Generation| {
            let slot = generation.slot() as usize;
            let lines = [generation.0 * 100 + salt, flag_of(salt)].map(u64::to_le_bytes);
            for ((word, standing), line) in self.slots[slot].iter().zip(&self.standing.1[slot]).zip(lines) {
                let (own, line) = (Own { word, standing }, [line]);
                let standing = from_ref(&own);
                let differs = match stores {
                    Stores::DifferingFromBelief => generation.0 < 3 || line != [flag_of(0).to_le_bytes()],
                    _ => lines::differ(standing, &line),
                };
                if differs {
                    lines::overwrite(standing, &line);
                }
            }
            if dies { Err(()) } else { Ok(()) }
        };
        let g = Own { word: &self.g, standing: &self.standing.0 };
        if stores == Stores::TooEarly {
            write(Generation((g.load() >> 1) + 1))?;
            return publish::<Sound, _, _>(&g, |_| Ok(()));
        }
        publish::<Sound, _, _>(&g, write)
    }

    /// One read of what [`Memory::publish_lines`] publishes.
    pub fn read_lines(&self) {
        let seen = observe::<Sound, _>(&self.g);
        let words = [0, 1].map(|i| Load::load(&self.slots[seen.slot()][i]));
        if !still_valid::<Sound, _>(&self.g, seen) || seen.base() == 0 {
            return;
        }
        let (generation, salt) = (words[0] / 100, words[0] % 100);
        let whole = generation == seen.generation().0 && words[1] == flag_of(salt);
        assert!(whole, "torn: generation {} has words {words:?}", seen.generation());
    }

    /// One read: the generation, if the read was accepted. Asserts that all its words belong to it.
    pub fn read<O: Orders>(&self) -> Option<(Observed, Generation)> {
        let seen = observe::<O, _>(&self.g);
        let words = [0, 1].map(|i| Load::load(&self.slots[seen.slot()][i]));
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
