//! A model checker runs the very code of `flagstaff_format::memo` for handles that threads share, with that of `flagstaff_format::protocol`: a
//! value is never taken for one of another generation, and no thread goes back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; the number of executions is the result"
)]

mod model;

use std::sync::atomic::Ordering::{self, Relaxed};

use flagstaff_format::atomics::Load;
use flagstaff_format::memo::{BoolMemo, Claim, MemoOrders, WordMemo};
use flagstaff_format::protocol::{Generation, Sound, observe, still_valid};
use loom::sync::Arc;
use loom::thread;
use model::memory::Memory;
use model::{Model, Outcome, holds, is_long, noticed, preemptions, run};

/// The value of a stamp: twice the generation leads to `generation * 100`.
const fn value(stamp: u64) -> u64 {
    stamp * 50
}

/// Threads that refresh a memory, each with a generation of its own, and one that asks it twice for one of them.
fn refreshes<O: MemoOrders>(stamps: &'static [u64], ask: [u64; 2], most: Option<usize>) -> Outcome {
    run(most, move || {
        let memo = Arc::new(WordMemo::with(Model::new));
        memo.set::<Sound>(2, value(2));
        let refresh = |stamp: &'static u64| {
            let memo = memo.clone();
            thread::spawn(move || memo.set::<O>(*stamp, value(*stamp)))
        };
        let threads: Vec<_> = stamps.iter().map(refresh).collect();
        for stamp in ask {
            if let Some(found) = memo.get::<O>(stamp) {
                assert!(found == value(stamp), "mixed: the value under stamp {stamp}");
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        for stamp in stamps.iter().chain(&[2]) {
            if let Some(found) = memo.get::<O>(*stamp) {
                assert!(found == value(*stamp), "mixed: the value that stays under stamp {stamp}");
            }
        }
    })
}

#[test]
fn threads_that_refresh_a_number_at_once_never_mix_a_value_with_another_stamp() {
    let most = preemptions(Some(2), None);
    for ask in [[2, 4], [4, 6]] {
        let name = format!("two refreshes, stamps {ask:?} asked for");
        holds(&name, most, refreshes::<Sound>(&[4, 6], ask, most));
    }
}

#[test]
fn a_thread_that_refreshes_a_number_never_mixes_it_with_another_stamp_exhaustive() {
    for ask in [[2, 4], [4, 4]] {
        let name = format!("one refresh, stamps {ask:?} asked for");
        holds(&name, None, refreshes::<Sound>(&[4], ask, None));
    }
}

/// Where a handle takes the stamp from under which it remembers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StampOf {
    /// The generation that the value was read from: `Source::stamp`.
    Value,
    /// The one that it asked its memory for before it read.
    Question,
    /// The one that is current after it has read.
    Afterwards,
}

/// A flag handle as `BoolFlag` and `NumberFlag` are: both in one, shared by threads. The boolean is whether the generation is even.
struct Flag {
    memory: Arc<Memory>,
    number: WordMemo<Model>,
    boolean: BoolMemo<Model>,
    stamp_of: StampOf,
}

impl Flag {
    fn stamp(&self) -> u64 {
        Load::load(&self.memory.g) & !1
    }

    /// Reads what the memory does not have: the generation, and the stamp to remember it under.
    fn look(&self, asked: u64) -> Option<(Generation, u64)> {
        let seen = observe::<Sound, _>(&self.memory.g);
        let word = self.memory.slots[seen.slot()][0].0.load(Relaxed);
        if !still_valid::<Sound, _>(&self.memory.g, seen) {
            return None;
        }
        let stamp = match self.stamp_of {
            StampOf::Value => seen.base(),
            StampOf::Question => asked,
            StampOf::Afterwards => self.stamp(),
        };
        Some((Generation(word / 100), stamp))
    }

    fn number(&self) -> Option<Generation> {
        let stamp = self.stamp();
        if let Some(found) = self.number.get::<Sound>(stamp) {
            assert!(found == value(stamp), "mixed: the number under stamp {stamp}");
            return Some(Generation(found / 100));
        }
        let (generation, stamp) = self.look(stamp)?;
        self.number.set::<Sound>(stamp, generation.0 * 100);
        Some(generation)
    }

    fn boolean(&self) -> Option<Generation> {
        let stamp = self.stamp();
        if let Some(found) = self.boolean.get(stamp) {
            assert!(found == (stamp / 2).is_multiple_of(2), "mixed: the boolean under stamp {stamp}");
            return Some(Generation(stamp / 2));
        }
        let (generation, stamp) = self.look(stamp)?;
        self.boolean.set(stamp, generation.0.is_multiple_of(2));
        Some(generation)
    }
}

/// One read of a handle.
type Read = fn(&Flag) -> Option<Generation>;

/// Two threads that share a handle, one of which reads it twice, beside a publisher.
fn shared(read: Read, stamp_of: StampOf, publishes: usize, most: Option<usize>) -> Outcome {
    run(most, move || {
        let memory = Memory::new();
        memory.publish::<Sound>(0, None).unwrap();
        let (number, boolean) = (WordMemo::with(Model::new), BoolMemo::with(Model::new));
        let flag = Arc::new(Flag { memory: memory.clone(), number, boolean, stamp_of });
        let spawn = |reads: usize| {
            let flag = flag.clone();
            thread::spawn(move || {
                let mut last = Generation(0);
                for _ in 0..reads {
                    if let Some(now) = read(&flag) {
                        assert!(now >= last, "backwards: {now} after {last}");
                        last = now;
                    }
                }
            })
        };
        let threads = [1, 2].map(spawn);
        for _ in 0..publishes {
            memory.publish::<Sound>(0, None).unwrap();
        }
        for thread in threads {
            thread.join().unwrap();
        }
    })
}

#[test]
fn a_number_handle_shared_by_two_threads_answers_for_the_generation_it_is_asked_for() {
    let (publishes, most) = (if is_long() { 2 } else { 1 }, preemptions(Some(1), Some(2)));
    let outcome = shared(Flag::number, StampOf::Value, publishes, most);
    holds(&format!("number handle, two threads, 1 + {publishes} publishes"), most, outcome);
}

#[test]
fn a_boolean_handle_shared_by_two_threads_answers_for_the_generation_it_is_asked_for() {
    let (publishes, most) = (if is_long() { 2 } else { 1 }, preemptions(Some(1), Some(2)));
    let outcome = shared(Flag::boolean, StampOf::Value, publishes, most);
    holds(&format!("boolean handle, two threads, 1 + {publishes} publishes"), most, outcome);
}

/// Hazard: the value of generation `k + 1` remembered under `k`.
#[test]
fn a_stamp_that_is_not_of_the_generation_the_value_was_read_from_is_noticed() {
    let kinds: [(&str, Read); 2] = [("number", Flag::number), ("boolean", Flag::boolean)];
    for (name, read) in kinds {
        for (of, stamp_of) in [("the question", StampOf::Question), ("afterwards", StampOf::Afterwards)] {
            let outcome = shared(read, stamp_of, 1, Some(2));
            noticed(&format!("{name} under the stamp of {of}"), outcome, &["mixed", "backwards"]);
        }
    }
}

/// One type per weakened ordering or step.
macro_rules! mutants {
    ($($test:ident, $mutant:ident { $($constant:tt)* } $stamps:expr, $ask:expr;)*) => {$(
        struct $mutant;

        impl MemoOrders for $mutant {
            $($constant)*
        }

        #[test]
        fn $test() {
            noticed(stringify!($mutant), refreshes::<$mutant>($stamps, $ask, None), &["mixed"]);
        }
    )*};
}

mutants! {
    refreshes_by_everybody_at_once_are_noticed, EverybodyRefreshes {
        const CLAIM: Claim = Claim::Store;
    } &[4, 6], [4, 6];
    an_old_stamp_that_stays_while_the_value_changes_is_noticed, NoClaim {
        const CLAIM: Claim = Claim::None;
    } &[4], [2, 2];
    no_fence_before_the_value_is_noticed, NoMemoWriterFence {
        const WRITER_FENCE: Option<Ordering> = None;
    } &[4], [2, 2];
    a_relaxed_store_of_the_stamp_is_noticed, RelaxedStamp {
        const STAMP: Ordering = Relaxed;
    } &[4], [4, 4];
    a_relaxed_first_load_of_the_stamp_is_noticed, RelaxedFirstLoad {
        const FIRST_LOAD: Ordering = Relaxed;
    } &[4], [4, 4];
    no_second_load_of_the_stamp_is_noticed, NoSecondLoad {
        const RECHECK_FENCE: Option<Ordering> = None;
    } &[4], [2, 2];
}
