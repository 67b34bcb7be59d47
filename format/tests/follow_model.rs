//! A model checker runs the very code of `flagstaff_format::follow`: the fast path of a reader that moves from file to file never goes
//! back to one before.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; the number of executions is the result"
)]

mod model;

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

use flagstaff_format::atomics::{Exchange, Load, Word};
use flagstaff_format::follow::{Follow, Forward, catch_up};
use flagstaff_format::protocol::Sound;
use loom::sync::Arc;
use loom::thread;
use model::{Model, Outcome, holds, noticed, preemptions, run};

/// Files by their number, as `Versions` has them.
struct Pointers {
    now: Model,
    fast_path: Model,
    /// For each file whether it was left, as the tag of its view says.
    left: [Model; 3],
}

fn load(pointer: &Model) -> u64 {
    Exchange::load(pointer, Acquire)
}

impl Pointers {
    fn new() -> Pointers {
        Pointers { now: Model::new(0), fast_path: Model::new(0), left: [0; 3].map(Model::new) }
    }

    fn catch_up<O: Follow>(&self) {
        let leave = |file: u64| Word::store(&self.left[file as usize], 1, Relaxed);
        catch_up::<O, _>(&self.fast_path, || load(&self.now), leave);
    }

    /// As `Versions::get`.
    fn get<O: Follow>(&self) -> u64 {
        let now = load(&self.now);
        if load(&self.fast_path) != now {
            self.catch_up::<O>();
        }
        now
    }

    /// As `Shared::follow` with `Versions::replace`: on to the next file, unless another thread was faster.
    fn step<O: Follow>(&self) {
        let now = self.get::<O>();
        if self.now.compare_exchange(now, now + 1, Release, Acquire).is_ok() {
            self.catch_up::<O>();
        }
    }

    /// As a read: what is known for sure, then by the fast path.
    fn look<O: Follow>(&self) {
        let known = self.get::<O>();
        let fast = load(&self.fast_path);
        assert!(fast >= known, "backwards: read from file {fast} after file {known}");
        let again = load(&self.fast_path);
        assert!(again >= fast, "backwards: read from file {again} after file {fast}");
    }

    /// As a handle that has kept the fast path of the first file, in a thread that has seen where the fast path leads.
    fn look_at_kept(&self) {
        let fast = load(&self.fast_path);
        let is_left = Load::load(&self.left[0]) == 1;
        assert!(is_left || fast == 0, "backwards: a handle stays at file 0 after file {fast} was seen");
    }
}

/// Threads that move on, each once, and one that reads. In the end the fast path is to be at the newest file.
fn moves<O: Follow>(movers: usize, most: Option<usize>) -> Outcome {
    run(most, move || {
        let pointers = Arc::new(Pointers::new());
        let spawn = |_| {
            let pointers = pointers.clone();
            thread::spawn(move || pointers.step::<O>())
        };
        let threads: Vec<_> = (0..movers).map(spawn).collect();
        pointers.look::<O>();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(load(&pointers.fast_path) == load(&pointers.now), "behind: nobody moves any more");
    })
}

#[test]
fn a_reader_beside_two_threads_that_move_never_goes_back_to_a_file_before() {
    let most = preemptions(Some(5), None);
    holds("two moves, one reader", most, moves::<Sound>(2, most));
}

#[test]
fn three_threads_that_move_at_once_leave_the_fast_path_at_the_newest_file() {
    let most = preemptions(Some(1), Some(2));
    holds("three moves, one reader", most, moves::<Sound>(3, most));
}

/// The way that was taken before.
struct Stores;

impl Follow for Stores {
    const FORWARD: Forward = Forward::StoreAndLookAgain;
}

/// Whether the pointer goes back while a thread follows to file 1 and another one moves on to file 2 in the middle of that.
fn goes_back<O: Follow>() -> bool {
    let (now, fast_path) = (AtomicU64::new(1), AtomicU64::new(0));
    let (looks, is_back) = (Cell::new(0), Cell::new(false));
    let nothing = |_| {};
    let look = || {
        let seen = now.load(Acquire);
        looks.set(looks.get() + 1);
        if looks.get() == 1 {
            now.store(2, Release);
            catch_up::<O, _>(&fast_path, || now.load(Acquire), nothing);
        } else {
            is_back.set(is_back.get() || fast_path.load(Acquire) < 2);
        }
        seen
    };
    catch_up::<O, _>(&fast_path, look, nothing);
    assert_eq!(fast_path.load(Acquire), 2);
    is_back.get()
}

/// Symptom: a thread that had read from a new file could read from the old one for a moment. Cause: a thread that had moved to a file
/// stored the pointer of the fast path after another one had moved further, and looked again only then; unless the file was marked, as
/// one that was replaced by hand is not, reads took it. Fix: the pointer is exchanged, and only if it still is what it was before the
/// look. The checker found besides that the second look could come too early, and the pointer stay behind.
#[test]
fn a_pointer_that_follows_never_goes_back_behind_a_thread_that_was_faster() {
    assert!(!goes_back::<Sound>());
    assert!(goes_back::<Stores>(), "what was before is not noticed");
    noticed("Stores", moves::<Stores>(2, Some(3)), &["backwards", "behind"]);
}

struct LateMark;

impl Follow for LateMark {
    const LEAVE_FIRST: bool = false;
}

/// Two moves and a handle. The checker remembers the last access to a word alone, so the moves come first, in its own thread.
fn keeps<O: Follow>() -> Outcome {
    run(None, || {
        let pointers = Arc::new(Pointers::new());
        let of_handle = pointers.clone();
        let handle = thread::spawn(move || of_handle.look_at_kept());
        pointers.step::<O>();
        pointers.step::<O>();
        handle.join().unwrap();
    })
}

#[test]
fn a_handle_that_keeps_its_pointer_leaves_a_file_before_anybody_is_at_the_next_one() {
    holds("two moves, one handle", None, keeps::<Sound>());
    noticed("LateMark", keeps::<LateMark>(), &["a handle stays"]);
    noticed("RelaxedFollow", keeps::<RelaxedFollow>(), &["a handle stays"]);
}

/// One type per weakened ordering or step.
macro_rules! mutants {
    ($($test:ident, $mutant:ident { $($constant:tt)* })*) => {$(
        struct $mutant;

        impl Follow for $mutant {
            $($constant)*
        }

        #[test]
        fn $test() {
            noticed(stringify!($mutant), moves::<$mutant>(2, Some(4)), &["backwards", "behind"]);
        }
    )*};
}

mutants! {
    a_late_look_at_the_pointer_that_follows_is_noticed, LateLook {
        const FORWARD: Forward = Forward::LookLate;
    }
    a_relaxed_load_of_the_pointer_that_follows_is_noticed, RelaxedLead {
        const LOAD: Ordering = Relaxed;
    }
    a_relaxed_exchange_of_the_pointer_that_follows_is_noticed, RelaxedFollow {
        const EXCHANGE: Ordering = Relaxed;
    }
}
