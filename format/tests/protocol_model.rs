//! A model checker runs the very code of `vexil_format::protocol`, both sides.
//!
//! Every interleaving and every value that the memory model lets a relaxed load see is tried, up to the stated number of
//! preemptions. Two slots of two words stand for the slots; a word of generation `k` holds `k * 100`, plus a salt by which
//! the words of a publisher that died differ from those of its successor. The mutants at the end weaken one ordering
//! each: a model that did not notice them would prove nothing.
//!
//! Slot words are stored here as relaxed atomics. In production the kernel stores them (`pwrite`) between the fence and
//! the even store, in the same thread.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; the number of executions is the result"
)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::AtomicUsize as Counter;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, fence};
use loom::thread;
use vexil_format::protocol::{
    Generation, Observed, Orders, Sound, mark_superseded, observe, publish, still_valid,
    still_valid_or_superseded,
};
use vexil_format::sync::Word;

struct Model(AtomicU64);

impl Word for Model {
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}

/// Generation word and two slots of two words.
struct Memory {
    g: Model,
    slots: [[AtomicU64; 2]; 2],
}

impl Memory {
    fn new() -> Arc<Memory> {
        let word = || AtomicU64::new(0);
        Arc::new(Memory { g: Model(word()), slots: [[word(), word()], [word(), word()]] })
    }

    /// Publishes one generation; dies after `dies_after` words, if it is one.
    fn publish<O: Orders>(&self, salt: u64, dies_after: Option<usize>) {
        let _ = publish::<O, _, ()>(&self.g, |generation| {
            let slot = &self.slots[generation.slot() as usize];
            for (i, word) in slot.iter().enumerate() {
                if dies_after == Some(i) {
                    return Err(());
                }
                word.store(generation.0 * 100 + salt, Relaxed);
            }
            Ok(())
        });
    }

    /// One read: the generation, if the read was accepted. Asserts that all its words belong to it.
    fn read<O: Orders>(&self) -> Option<(Observed, Generation)> {
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
    fn read_times<O: Orders>(&self, count: usize) {
        let mut last = Generation(0);
        for _ in 0..count {
            if let Some((_, generation)) = self.read::<O>() {
                assert!(generation >= last, "backwards: {generation} after {last}");
                last = generation;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Bounds {
    readers: usize,
    reads: usize,
    /// Preemptions per execution; `None` is exhaustive.
    preemptions: Option<usize>,
}

const ONE_READER: Bounds = Bounds { readers: 1, reads: 1, preemptions: None };

/// Runs a model and answers the number of executions, or that and the message of the assertion that failed.
fn run(bounds: Bounds, body: impl Fn() + Sync + Send + 'static) -> Result<usize, (usize, String)> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                default(info);
            }
        }));
    });
    let executions = std::sync::Arc::new(Counter::new(0));
    let counter = executions.clone();
    let mut model = loom::model::Builder::new();
    model.preemption_bound = bounds.preemptions;
    model.max_branches = 100_000;
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| {
        model.check(move || {
            counter.fetch_add(1, Relaxed);
            body();
        });
    }));
    QUIET.set(false);
    let executions = executions.load(Relaxed);
    result.map(|()| executions).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        (executions, text.unwrap_or_default())
    })
}

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
fn three_publishes<O: Orders>(bounds: Bounds) -> Result<usize, (usize, String)> {
    run(bounds, move || {
        let memory = Memory::new();
        let readers = spawn_readers::<O>(&memory, bounds);
        for _ in 0..3 {
            memory.publish::<O>(0, None);
        }
        join(readers);
    })
}

/// A publisher dies in its second publish; another one takes the lock over, publishes generation 2 again, and goes on.
fn take_over<O: Orders>(bounds: Bounds, dies_after: usize) -> Result<usize, (usize, String)> {
    run(bounds, move || {
        let memory = Memory::new();
        let readers = spawn_readers::<O>(&memory, bounds);
        let dying = memory.clone();
        let first = thread::spawn(move || {
            dying.publish::<O>(1, None);
            dying.publish::<O>(1, Some(dies_after));
        });
        // The kernel frees the lock of a dead process: release by the dead, acquire by the next, as in a join.
        first.join().unwrap();
        for _ in 0..2 {
            memory.publish::<O>(2, None);
        }
        join(readers);
    })
}

fn holds(name: &str, result: Result<usize, (usize, String)>) {
    match result {
        Ok(executions) => println!("{name}: {executions} executions, none torn"),
        Err((executions, message)) => {
            panic!("{name}: {message} (execution {executions})")
        }
    }
}

#[test]
fn one_reader_never_accepts_a_torn_read_exhaustive() {
    holds("three publishes, one reader", three_publishes::<Sound>(ONE_READER));
}

#[test]
fn two_reads_of_one_reader_never_go_back_within_two_preemptions() {
    let bounds = Bounds { reads: 2, preemptions: Some(2), ..ONE_READER };
    holds("three publishes, one reader, two reads, 2 preemptions", three_publishes::<Sound>(bounds));
}

#[test]
fn two_readers_never_accept_a_torn_read_within_one_preemption() {
    let bounds = Bounds { readers: 2, preemptions: Some(1), ..ONE_READER };
    holds("three publishes, two readers, 1 preemption", three_publishes::<Sound>(bounds));
}

#[test]
fn a_publisher_that_died_anywhere_in_a_publish_is_followed_by_another_exhaustive() {
    for dies_after in [0, 1] {
        let name = format!("take-over, death after {dies_after} words, one reader");
        holds(&name, take_over::<Sound>(ONE_READER, dies_after));
    }
}

#[test]
fn a_take_over_disturbs_none_of_two_readers_within_one_preemption() {
    let bounds = Bounds { readers: 2, preemptions: Some(1), ..ONE_READER };
    holds("take-over, two readers, 1 preemption", take_over::<Sound>(bounds, 1));
}

#[test]
fn a_superseded_file_is_readable_at_its_last_generation_and_no_read_spans_the_mark_exhaustive() {
    let result = run(ONE_READER, || {
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
        memory.publish::<Sound>(0, None);
        memory.publish::<Sound>(0, None);
        mark_superseded(&memory.g);
        marked.store(true, Release);
        reader.join().unwrap();
    });
    holds("superseding mark, one read", result);
}

#[test]
fn a_mark_set_by_the_publisher_after_one_that_died_keeps_the_generation_before_exhaustive() {
    let result = run(ONE_READER, || {
        let memory = Memory::new();
        let reading = memory.clone();
        let reader = thread::spawn(move || reading.read_times::<Sound>(2));
        memory.publish::<Sound>(0, None);
        memory.publish::<Sound>(1, Some(1));
        mark_superseded(&memory.g);
        reader.join().unwrap();
    });
    holds("mark after a death, two reads", result);
}

/// A reader lays zeros over a file that it has left. The kernel takes the whole range away before it serves a fault in
/// it again, so whoever sees a zero in a slot sees a zero generation word from then on: the fence below.
#[test]
fn zeros_laid_over_the_file_are_never_taken_for_words_of_a_generation_exhaustive() {
    let result = run(ONE_READER, || {
        let memory = Memory::new();
        memory.publish::<Sound>(0, None);
        memory.publish::<Sound>(0, None);
        let reading = memory.clone();
        let reader = thread::spawn(move || {
            for _ in 0..2 {
                let _ = reading.read::<Sound>();
            }
        });
        memory.g.store(0, Relaxed);
        fence(Release);
        for word in memory.slots.iter().flatten() {
            word.store(0, Relaxed);
        }
        reader.join().unwrap();
    });
    holds("zeros, two reads", result);
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
            let (executions, message) = three_publishes::<$mutant>(ONE_READER)
                .expect_err("the model did not notice the mutant");
            assert!(
                message.starts_with("torn") || message.starts_with("backwards"),
                "the model failed for another reason: {message}"
            );
            println!("{}: noticed in execution {executions}: {message}", stringify!($mutant));
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
