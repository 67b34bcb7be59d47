//! A model checker runs the very code of `flagstaff_format::feed`, both sides, in a ring of four entries. The mutants at the end break
//! one edge each: a model that did not notice them would prove nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; the number of executions is the result"
)]

mod model;

use std::sync::atomic::Ordering::{self, Relaxed};

use flagstaff_format::feed::{Addition, Lost, Size, addition, changed, head_of};
use flagstaff_format::protocol::{Generation, Orders, observe, publish, still_valid};
use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;
use model::{Model, Outcome, holds, noticed, run};

/// When a publisher stores what belongs to the feed: F1.
#[derive(PartialEq)]
enum When {
    WhileOdd,
    AfterFlip,
}

/// A feed as the model runs it.
trait Feed: Size + Orders {
    const WHEN: When = When::WhileOdd;
    /// F4.
    const LOOKS_AGAIN: bool = true;
}

/// Sizes by which three publishes come round.
struct Small;

impl Size for Small {
    const ENTRIES: usize = 4;
    const MOST: usize = 2;
}

impl Orders for Small {}
impl Feed for Small {}

struct Memory {
    g: Model,
    heads: [AtomicU64; 2],
    ring: [AtomicU64; 4],
}

/// The place that a generation changes. A publisher that died changed another one under the same number.
fn place(generation: Generation, salt: u32) -> u32 {
    generation.0 as u32 * 100 + salt
}

impl Memory {
    /// A feed that has begun, with `before` publishes.
    fn new<F: Feed>(before: usize) -> Arc<Memory> {
        let word = || AtomicU64::new(0);
        let memory =
            Memory { g: Model::new(0), heads: [word(), word()], ring: [word(), word(), word(), word()] };
        for _ in 0..before {
            memory.publish::<F>(0, None);
        }
        Arc::new(memory)
    }

    /// Publishes one generation that changes one place; dies after `dies_after` stores of the feed, if it is one.
    fn publish<F: Feed>(&self, salt: u32, dies_after: Option<usize>) {
        let tell = |generation: Generation| {
            let current = Generation(generation.0 - 1);
            let head = self.heads[head_of::<F>(current)].load(Relaxed);
            let changes = [place(generation, salt)];
            let Addition { start, entries, head } = addition::<F>(head, current, Some(&changes));
            let stores =
                entries.into_iter().enumerate().map(|(i, entry)| (&self.ring[(start + i) % 4], entry));
            let stores = stores.chain([(&self.heads[head_of::<F>(generation)], head)]);
            for (i, (word, value)) in stores.enumerate() {
                if dies_after == Some(i) {
                    return Err(());
                }
                word.store(value, Relaxed);
            }
            if dies_after.is_some() { Err(()) } else { Ok(()) }
        };
        let published = publish::<F, _, ()>(&self.g, |generation| match F::WHEN {
            When::WhileOdd => tell(generation),
            When::AfterFlip if dies_after.is_some() => tell(generation),
            When::AfterFlip => Ok(()),
        });
        if let (Ok(generation), When::AfterFlip) = (published, F::WHEN) {
            let _ = tell(generation);
        }
    }

    /// Asks once what changed since `back` generations before the current one. `salted`: from which generation on the successor of a dead
    /// publisher published.
    fn ask<F: Feed>(&self, back: u64, salted: u64) {
        let seen = observe::<F, _>(&self.g);
        let (current, from) = (seen.generation(), Generation(seen.generation().0.saturating_sub(back)));
        let head = self.heads[head_of::<F>(current)].load(Relaxed);
        let said = changed::<F>(head, |at| self.ring[at].load(Relaxed), current, from);
        if F::LOOKS_AGAIN && !still_valid::<F, _>(&self.g, seen) {
            return;
        }
        let salt = |generation: u64| if generation >= salted { 7 } else { 0 };
        let truth = || (from.0 + 1..=current.0).map(|of| place(Generation(of), salt(of))).collect::<Vec<_>>();
        match said {
            Ok(places) => assert_eq!(places, truth(), "a wrong set from {from} to {current}"),
            Err(Lost::NoFeed) => panic!("torn: no feed at {current}, which was published"),
            Err(Lost::Overrun | Lost::Anything) => {
                assert!(back > 1 || from.0 == 0, "what one publish changed is not told at {current}");
            }
        }
    }
}

/// Two publishes while a reader asks.
fn two_publishes<F: Feed + 'static>(back: u64, bound: Option<usize>) -> Outcome {
    run(bound, move || {
        let memory = Memory::new::<F>(2);
        let asking = memory.clone();
        let reader = thread::spawn(move || asking.ask::<F>(back, u64::MAX));
        memory.publish::<F>(0, None);
        memory.publish::<F>(0, None);
        reader.join().unwrap();
    })
}

/// A publisher dies in its third publish, after so many stores; another one publishes the third generation again, and goes on.
fn take_over<F: Feed + 'static>(dies_after: usize, bound: Option<usize>) -> Outcome {
    run(bound, move || {
        let memory = Memory::new::<F>(2);
        let asking = memory.clone();
        let reader = thread::spawn(move || asking.ask::<F>(1, 3));
        memory.publish::<F>(3, Some(dies_after));
        memory.publish::<F>(7, None);
        memory.publish::<F>(7, None);
        reader.join().unwrap();
    })
}

#[test]
fn a_reader_is_told_what_changed_and_nothing_else_exhaustive() {
    for back in [1, 2, 9] {
        let bound = None;
        holds(&format!("two publishes, asked {back} back"), bound, two_publishes::<Small>(back, bound));
    }
}

#[test]
fn what_a_dead_publisher_told_of_a_generation_that_another_one_published_is_never_taken_for_it_exhaustive() {
    for dies_after in 0..3 {
        let bound = None;
        holds(&format!("death after {dies_after} stores"), bound, take_over::<Small>(dies_after, bound));
    }
}

/// One type per broken edge.
macro_rules! mutants {
    ($($mutant:ident: $test:ident($($argument:expr),*) size { $($size:tt)* } orders { $($orders:tt)* } feed { $($feed:tt)* } $name:ident;)*) => {$(
        struct $mutant;

        impl Size for $mutant {
            const ENTRIES: usize = 4;
            const MOST: usize = 2;
            $($size)*
        }

        impl Orders for $mutant {
            $($orders)*
        }

        impl Feed for $mutant {
            $($feed)*
        }

        #[test]
        fn $name() {
            let outcome = $test::<$mutant>($($argument,)* Some(3));
            noticed(stringify!($mutant), outcome, &["torn", "a wrong set", "is not told"]);
        }
    )*};
}

mutants! {
    AfterFlip: take_over(2) size {} orders {} feed { const WHEN: When = When::AfterFlip; }
        a_feed_that_is_stored_after_the_flip_is_noticed;
    OneHead: two_publishes(1) size { const HEADS: usize = 1; } orders {} feed {}
        one_head_for_both_slots_is_noticed;
    WholeRing: two_publishes(9) size { const READABLE: usize = 4; } orders {} feed {}
        a_reader_of_the_whole_ring_is_noticed;
    NoLook: two_publishes(1) size {} orders {} feed { const LOOKS_AGAIN: bool = false; }
        a_reader_that_does_not_look_again_is_noticed;
    NoWriterFence: two_publishes(1) size {} orders { const WRITER_FENCE: Option<Ordering> = None; } feed {}
        no_writer_fence_is_noticed;
    RelaxedEvenStore: two_publishes(1) size {} orders { const EVEN_STORE: Ordering = Relaxed; } feed {}
        a_relaxed_even_store_is_noticed;
    NoFirstFence: two_publishes(1) size {} orders { const FIRST_FENCE: Option<Ordering> = None; } feed {}
        no_fence_after_the_first_load_is_noticed;
    NoRecheckFence: two_publishes(1) size {} orders { const RECHECK_FENCE: Option<Ordering> = None; } feed {}
        no_fence_before_the_second_load_is_noticed;
}
