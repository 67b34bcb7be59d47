//! A model checker runs the very code of `flagstaff_format::protocol`, both sides. The mutants at the end weaken one ordering each: a
//! model that did not notice them would prove nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; the number of executions is the result"
)]

mod model;

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

use flagstaff_format::protocol::{Generation, Orders, Sound, mark_superseded};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, fence};
use loom::thread;
use model::memory::{Memory, Stores};
use model::{Outcome, holds, is_long, noticed, preemptions, run};

#[derive(Clone, Copy)]
struct Bounds {
    readers: usize,
    reads: usize,
    /// Preemptions per execution; `None` is exhaustive.
    preemptions: Option<usize>,
}

const ONE_READER: Bounds = Bounds { readers: 1, reads: 1, preemptions: None };

fn spawn_readers<O: Orders>(memory: &Arc<Memory>, bounds: Bounds) -> Vec<thread::JoinHandle<()>> {
    (0..bounds.readers)
        .map(|_| {
            let memory = memory.clone();
            thread::spawn(move || memory.read_times::<O>(bounds.reads))
        })
        .collect()
}

fn join(readers: Vec<thread::JoinHandle<()>>) {
    for reader in readers {
        reader.join().unwrap();
    }
}

/// One publisher, three publishes.
fn three_publishes<O: Orders>(bounds: Bounds) -> Outcome {
    run(bounds.preemptions, move || {
        let memory = Memory::new();
        let readers = spawn_readers::<O>(&memory, bounds);
        for _ in 0..3 {
            let _ = memory.publish::<O>(0, None);
        }
        join(readers);
    })
}

/// A publisher dies in its second publish; another one takes the lock over, publishes generation 2 again, and goes on.
fn take_over<O: Orders>(bounds: Bounds, dies_after: usize) -> Outcome {
    run(bounds.preemptions, move || {
        let memory = Memory::new();
        let readers = spawn_readers::<O>(&memory, bounds);
        let dying = memory.clone();
        let first = thread::spawn(move || {
            let _ = dying.publish::<O>(1, None);
            let _ = dying.publish::<O>(1, Some(dies_after));
        });
        // The kernel frees the lock of a dead process: release by the dead, acquire by the next, as in a join.
        first.join().unwrap();
        for _ in 0..2 {
            let _ = memory.publish::<O>(2, None);
        }
        join(readers);
    })
}

#[test]
fn one_reader_never_accepts_a_torn_read_exhaustive() {
    holds("three publishes, one reader", None, three_publishes::<Sound>(ONE_READER));
}

#[test]
fn two_reads_of_one_reader_never_go_back_within_two_preemptions() {
    let bounds = Bounds { reads: 2, preemptions: preemptions(Some(2), Some(4)), ..ONE_READER };
    holds("three publishes, one reader, two reads", bounds.preemptions, three_publishes::<Sound>(bounds));
}

#[test]
fn two_readers_never_accept_a_torn_read_within_one_preemption() {
    let bounds = Bounds { readers: 2, preemptions: preemptions(Some(1), Some(2)), ..ONE_READER };
    holds("three publishes, two readers", bounds.preemptions, three_publishes::<Sound>(bounds));
}

#[test]
fn a_publisher_that_died_anywhere_in_a_publish_is_followed_by_another_exhaustive() {
    for dies_after in [0, 1] {
        let name = format!("take-over, death after {dies_after} words, one reader");
        holds(&name, None, take_over::<Sound>(ONE_READER, dies_after));
    }
}

#[test]
fn a_take_over_disturbs_none_of_two_readers_within_one_preemption() {
    let bounds = Bounds { readers: 2, preemptions: preemptions(Some(1), Some(2)), ..ONE_READER };
    for dies_after in if is_long() { 0..2 } else { 1..2 } {
        let name = format!("take-over, death after {dies_after} words, two readers");
        holds(&name, bounds.preemptions, take_over::<Sound>(bounds, dies_after));
    }
}

#[test]
fn a_superseded_file_is_readable_at_its_last_generation_and_no_read_spans_the_mark_exhaustive() {
    let result = run(None, || {
        let memory = Memory::new();
        let marked = Arc::new(AtomicBool::new(false));
        let (reading, mark_seen) = (memory.clone(), marked.clone());
        let reader = thread::spawn(move || {
            let before = mark_seen.load(Acquire);
            if let Some((seen, generation)) = reading.read::<Sound>() {
                assert!(seen.is_superseded() || !before, "the mark was missed");
                assert!(!seen.is_superseded() || generation == Generation(2));
            }
        });
        let _ = memory.publish::<Sound>(0, None);
        let _ = memory.publish::<Sound>(0, None);
        mark_superseded(&memory.g);
        marked.store(true, Release);
        reader.join().unwrap();
    });
    holds("superseding mark, one read", None, result);
}

#[test]
fn a_mark_set_by_the_publisher_after_one_that_died_keeps_the_generation_before_exhaustive() {
    let result = run(None, || {
        let memory = Memory::new();
        let reading = memory.clone();
        let reader = thread::spawn(move || reading.read_times::<Sound>(2));
        let _ = memory.publish::<Sound>(0, None);
        let _ = memory.publish::<Sound>(1, Some(1));
        mark_superseded(&memory.g);
        reader.join().unwrap();
    });
    holds("mark after a death, two reads", None, result);
}

/// A reader lays zeros over a file that it has left. The kernel takes the whole range away before it serves a fault in
/// it again, so whoever sees a zero in a slot sees a zero generation word from then on: the fence below.
#[test]
fn zeros_laid_over_the_file_are_never_taken_for_words_of_a_generation_exhaustive() {
    let result = run(None, || {
        let memory = Memory::new();
        let _ = memory.publish::<Sound>(0, None);
        let _ = memory.publish::<Sound>(0, None);
        let reading = memory.clone();
        let reader = thread::spawn(move || {
            for _ in 0..2 {
                let _ = reading.read::<Sound>();
            }
        });
        memory.g.0.store(0, Relaxed);
        fence(Release);
        for word in memory.slots.iter().flatten() {
            word.0.store(0, Relaxed);
        }
        reader.join().unwrap();
    });
    holds("zeros, two reads", None, result);
}

/// After two publishes a publisher dies in the third, before anybody is told. Its successor's payloads are as those before.
fn lines_that_differ(stores: Stores) -> Outcome {
    run(None, move || {
        let memory = Memory::new();
        for _ in 0..2 {
            let _ = memory.publish_lines(0, stores, false);
        }
        let reading = memory.clone();
        let reader = thread::spawn(move || reading.read_lines());
        let dying = memory.clone();
        let first = thread::spawn(move || {
            let _ = dying.publish_lines(1, stores, true);
        });
        first.join().unwrap();
        for _ in 0..2 {
            let _ = memory.publish_lines(2, stores, false);
        }
        reader.join().unwrap();
    })
}

#[test]
fn a_publisher_that_stores_lines_that_differ_repairs_what_a_dead_one_left_exhaustive() {
    holds("lines that differ, one read", None, lines_that_differ(Stores::Differing));
}

#[test]
fn a_publisher_that_compares_with_what_it_believes_to_stand_there_is_noticed() {
    noticed("DifferingFromBelief", lines_that_differ(Stores::DifferingFromBelief), &["torn"]);
}

#[test]
fn lines_stored_before_the_odd_word_are_noticed() {
    noticed("TooEarly", lines_that_differ(Stores::TooEarly), &["torn"]);
}

/// One type per weakened ordering.
macro_rules! mutants {
    ($($(#[$why:meta])* $test:ident, $mutant:ident { $($constant:tt)* })*) => {$(
        struct $mutant;

        impl Orders for $mutant {
            $($constant)*
        }

        $(#[$why])*
        #[test]
        fn $test() {
            noticed(stringify!($mutant), three_publishes::<$mutant>(ONE_READER), &["torn", "backwards"]);
        }
    )*};
}

mutants! {
    no_writer_fence_is_noticed, NoWriterFence { const WRITER_FENCE: Option<Ordering> = None; }
    no_odd_store_is_noticed, NoOddStore { const ODD_STORE: Option<Ordering> = None; }
    /// Silent on x86: a reader that sees the relaxed odd word does not synchronise with the even store before it.
    a_relaxed_odd_store_is_noticed, RelaxedOddStore {
        const ODD_STORE: Option<Ordering> = Some(Relaxed);
    }
    a_relaxed_even_store_is_noticed, RelaxedEvenStore { const EVEN_STORE: Ordering = Relaxed; }
    no_fence_after_the_first_load_is_noticed, NoFirstFence {
        const FIRST_FENCE: Option<Ordering> = None;
    }
    no_fence_before_the_second_load_is_noticed, NoRecheckFence {
        const RECHECK_FENCE: Option<Ordering> = None;
    }
    a_bound_of_4_is_noticed, BoundOf4 { const BOUND: u64 = 4; }
    a_bound_of_5_is_noticed, BoundOf5 { const BOUND: u64 = 5; }
}
