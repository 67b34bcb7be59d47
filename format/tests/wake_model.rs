//! A model checker runs the very code of `flagstaff_format::event`, both sides, with that of `flagstaff_format::protocol`: nobody sleeps
//! through a publish or a mark.
//!
//! The kernel is stood in for by a lock and a condition variable of the model checker. `futex` promises that it compares the word and
//! puts the caller among the sleepers in one step against every wake: so does the lock, with the word loaded under it. Sleeps have no limit
//! here: whoever still sleeps when the publisher has said everything has missed it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code; the number of executions is the result"
)]

mod model;

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::time::Duration;

use flagstaff_format::event::{Announce, Look, Sleeper, Ticket, Turns, Waker, announce, turn};
use flagstaff_format::protocol::{Generation, Sound, mark_superseded, observe};
use loom::sync::atomic::{AtomicBool, AtomicU32, fence};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use model::memory::Memory;
use model::{Outcome, holds, noticed, preemptions, run};

/// What a lost wake is reported as.
const ASLEEP: &[&str] = &["asleep"];

/// The word, and a kernel for those who sleep on it.
struct Event {
    word: AtomicU32,
    kernel: Mutex<Kernel>,
    changed: Condvar,
    /// Whether the kernel compares under its lock.
    is_one_step: bool,
}

#[derive(Default)]
struct Kernel {
    /// Everybody who ever slept, and whether it was woken.
    woken: Vec<bool>,
    /// Nobody wakes any more.
    is_over: bool,
}

impl Event {
    fn new(is_one_step: bool) -> Event {
        let (kernel, changed) = (Mutex::new(Kernel::default()), Condvar::new());
        Event { word: AtomicU32::new(0), kernel, changed, is_one_step }
    }

    /// The publisher has nothing more to say. Whoever still sleeps has missed something.
    fn end(&self) {
        self.kernel.lock().unwrap().is_over = true;
        self.changed.notify_all();
    }
}

impl Waker for Event {
    fn bump(&self, order: Ordering) {
        self.word.fetch_add(1, order);
    }

    fn wake(&self, most: u32) {
        let mut kernel = self.kernel.lock().unwrap();
        let asleep = kernel.woken.iter_mut().filter(|woken| !**woken);
        asleep.take(most as usize).for_each(|woken| *woken = true);
        self.changed.notify_all();
    }
}

impl Sleeper for Event {
    fn load(&self) -> u32 {
        self.word.load(Relaxed)
    }

    fn fence(order: Ordering) {
        fence(order);
    }

    fn sleep(&self, ticket: u32, _: Duration) {
        if !self.is_one_step && self.word.load(Relaxed) != ticket {
            return;
        }
        let mut kernel = self.kernel.lock().unwrap();
        if self.is_one_step && self.word.load(Relaxed) != ticket {
            return;
        }
        let number = kernel.woken.len();
        kernel.woken.push(false);
        while !kernel.woken[number] && !kernel.is_over {
            kernel = self.changed.wait(kernel).unwrap();
        }
        let is_woken = kernel.woken[number];
        drop(kernel);
        assert!(is_woken, "asleep: nobody wakes it any more");
    }

    fn pause(_: Duration) {
        thread::yield_now();
    }
}

/// A snapshot file, and whether the path leads to its successor.
struct File {
    memory: Arc<Memory>,
    event: Event,
    is_renamed: AtomicBool,
}

impl File {
    fn new() -> Arc<File> {
        File::with(Event::new(true))
    }

    fn with(event: Event) -> Arc<File> {
        Arc::new(File { memory: Memory::new(), event, is_renamed: AtomicBool::new(false) })
    }

    fn publish<O: Turns>(&self) {
        announce::<O, _, _, _>(&self.event, || self.memory.publish::<Sound>(0, None)).unwrap();
    }

    fn mark<O: Turns>(&self) {
        let mark = || {
            mark_superseded(&self.memory.g);
            Ok(())
        };
        announce::<O, _, _, ()>(&self.event, mark).unwrap();
    }

    /// What `Reader::wait_for_change` looks at. The successor is as good as another generation.
    fn look(&self, seen: Generation) -> Look<Generation> {
        let now = observe::<Sound, _>(&self.memory.g);
        if now.generation() != seen {
            return Look::Found(now.generation());
        }
        match now.is_superseded() {
            true if self.is_renamed.load(Acquire) => Look::Found(Generation(u64::MAX)),
            true => Look::Pause(Duration::ZERO),
            false => Look::Sleep(Duration::MAX),
        }
    }

    /// Waits until the generation is another one than `seen`.
    fn wait<O: Turns>(&self, seen: Generation) -> Generation {
        loop {
            if let Some(now) = turn::<O, _, _>(&self.event, || self.look(seen)) {
                return now;
            }
        }
    }

    /// Waits for change after change until `last`, and reads what it was told of.
    fn follow<O: Turns>(&self, last: Generation) {
        let mut seen = Generation(0);
        while seen < last {
            let now = self.wait::<O>(seen);
            assert!(now > seen, "backwards: {now} after {seen}");
            if let Some((_, read)) = self.memory.read::<Sound>() {
                assert!(read >= now || now > last, "behind: told of {now}, read {read}");
            }
            seen = now;
        }
    }
}

/// Waiters, and a publisher that publishes so often.
fn publishes<O: Turns>(waiters: usize, count: u64, most: Option<usize>) -> Outcome {
    run(most, move || {
        let file = File::new();
        let waiters = spawn::<O>(&file, waiters, Generation(count));
        for _ in 0..count {
            file.publish::<O>();
        }
        file.event.end();
        join(waiters);
    })
}

fn spawn<O: Turns>(file: &Arc<File>, waiters: usize, last: Generation) -> Vec<thread::JoinHandle<()>> {
    let spawn = |_| {
        let file = file.clone();
        thread::spawn(move || file.follow::<O>(last))
    };
    (0..waiters).map(spawn).collect()
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_waiter_does_not_sleep_through_a_publish_exhaustive() {
    holds("one publish, one waiter", None, publishes::<Sound>(1, 1, None));
}

#[test]
fn a_waiter_sleeps_through_none_of_three_publishes() {
    let most = preemptions(Some(1), Some(3));
    holds("three publishes, one waiter", most, publishes::<Sound>(1, 3, most));
}

#[test]
fn two_waiters_are_both_woken_by_a_publish() {
    let most = preemptions(Some(1), Some(2));
    holds("one publish, two waiters", most, publishes::<Sound>(2, 1, most));
}

#[test]
fn two_waiters_are_both_woken_by_each_of_two_publishes() {
    let most = preemptions(Some(1), Some(2));
    holds("two publishes, two waiters", most, publishes::<Sound>(2, 2, most));
}

/// Mark, event, wake, rename: `Writer::supersede`.
fn supersedes<O: Turns>(most: Option<usize>) -> Outcome {
    run(most, || {
        let file = File::new();
        file.publish::<Sound>();
        let waiting = file.clone();
        let waiter = thread::spawn(move || {
            assert_eq!(waiting.wait::<O>(Generation(1)), Generation(u64::MAX));
        });
        file.mark::<O>();
        file.is_renamed.store(true, Release);
        file.event.end();
        waiter.join().unwrap();
    })
}

/// Hazard: a mark that is no event, with which a waiter slept on.
#[test]
fn a_waiter_sleeps_through_no_mark_and_goes_on_to_the_successor() {
    let most = preemptions(Some(3), Some(5));
    holds("mark and rename, one waiter", most, supersedes::<Sound>(most));
}

/// A publisher is killed after it stored the generation word and before it bumped the event word. In production the limit of a sleep
/// would do; here there is none, and the next publish must wake.
#[test]
fn a_publisher_that_died_before_it_told_is_made_up_for_by_the_next_publish() {
    let most = preemptions(None, None);
    let outcome = run(most, || {
        let file = File::new();
        let waiters = spawn::<Sound>(&file, 1, Generation(2));
        let dying = file.clone();
        thread::spawn(move || dying.memory.publish::<Sound>(0, None).unwrap()).join().unwrap();
        file.publish::<Sound>();
        file.event.end();
        join(waiters);
    });
    holds("death before the event, one waiter", most, outcome);
}

/// One type per weakened ordering or step.
macro_rules! mutants {
    ($($test:ident, $mutant:ident { $($constant:tt)* } $outcome:expr, $reasons:expr;)*) => {$(
        struct $mutant;

        impl Turns for $mutant {
            $($constant)*
        }

        #[test]
        fn $test() {
            noticed(stringify!($mutant), $outcome, $reasons);
        }
    )*};
}

mutants! {
    an_event_before_the_generation_word_is_noticed, EventFirst {
        const ANNOUNCE: Announce = Announce::Before;
    } publishes::<EventFirst>(1, 1, None), ASLEEP;
    a_wake_without_an_event_is_noticed, NoBump {
        const ANNOUNCE: Announce = Announce::WithoutBump;
    } publishes::<NoBump>(1, 1, None), ASLEEP;
    a_mark_that_is_no_event_is_noticed, MarkWithoutBump {
        const ANNOUNCE: Announce = Announce::WithoutBump;
    } supersedes::<MarkWithoutBump>(Some(3)), ASLEEP;
    an_event_that_wakes_nobody_is_noticed, NoWake {
        const ANNOUNCE: Announce = Announce::WithoutWake;
    } publishes::<NoWake>(1, 1, None), ASLEEP;
    a_wake_before_the_event_is_noticed, WakeFirst {
        const ANNOUNCE: Announce = Announce::WakeFirst;
    } publishes::<WakeFirst>(1, 1, None), ASLEEP;
    a_relaxed_bump_is_noticed, RelaxedBump {
        const BUMP: Ordering = Relaxed;
    } publishes::<RelaxedBump>(1, 1, None), ASLEEP;
    no_fence_after_the_ticket_is_noticed, NoTicketFence {
        const TICKET_FENCE: Option<Ordering> = None;
    } publishes::<NoTicketFence>(1, 1, None), ASLEEP;
    a_ticket_taken_after_the_look_is_noticed, LateTicket {
        const TICKET: Ticket = Ticket::AfterLook;
    } publishes::<LateTicket>(1, 1, None), ASLEEP;
    a_wake_of_one_where_two_sleep_is_noticed, WakesOne {
        const MOST: u32 = 1;
    } publishes::<WakesOne>(2, 1, Some(2)), ASLEEP;
}

/// W5: the end of a sleep says nothing.
#[test]
fn a_waiter_that_does_not_look_again_is_noticed() {
    let outcome = run(None, || {
        let file = File::new();
        let waiting = file.clone();
        let waiter = thread::spawn(move || {
            let slept = turn::<Sound, _, _>(&waiting.event, || waiting.look(Generation(0))).is_none();
            if slept && let Look::Sleep(_) = waiting.look(Generation(0)) {
                panic!("nothing new after a sleep");
            }
        });
        file.publish::<Sound>();
        file.event.end();
        waiter.join().unwrap();
    });
    noticed("no second look", outcome, &["nothing new"]);
}

/// A sleep that compares before it is among the sleepers: what `futex` must not be.
#[test]
fn a_kernel_that_compares_and_sleeps_in_two_steps_is_noticed() {
    let outcome = run(None, || {
        let file = File::with(Event::new(false));
        let waiters = spawn::<Sound>(&file, 1, Generation(1));
        file.publish::<Sound>();
        file.event.end();
        join(waiters);
    });
    noticed("compare, then sleep", outcome, ASLEEP);
}
