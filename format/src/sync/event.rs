//! The event word: how a waiter sleeps until the generation word has changed, both sides.
//!
//! A futex has 32 bits and the generation word 64, so sleepers have a word of their own, which only ever counts up. The publisher
//! changes the generation word, publish or mark, then bumps the event word, then wakes everybody. A waiter takes the event word as
//! its ticket, looks at the generation word, and sleeps only while the event word still is its ticket: the kernel compares and falls
//! asleep in one step.
//!
//! # Ordering edges
//!
//! | edge | publisher | waiter | what breaks without it |
//! |---|---|---|---|
//! | W1 announce | generation word, then bump (Release) | ticket (Relaxed), fence (Acquire), then generation word | a waiter with the new ticket sees the old generation, and sleeps though nobody will wake it |
//! | W2 ticket | | ticket before the look | a publish between look and ticket is slept through |
//! | W3 sleep | bump, then wake | compare and sleep, one step for the kernel | a publish between look and sleep is slept through |
//! | W4 all | wakes everybody | | of two waiters one sleeps on |
//! | W5 again | | looks again after every sleep | a waiter that is woken for another reason returns without having looked |
//!
//! A publisher that is killed between the change and the bump wakes nobody. That is why a sleep has a limit; the next publisher
//! bumps again.
//!
//! As in [`crate::sync::protocol`] the orderings, and here the steps too, are constants that the model checker weakens
//! (`tests/wake_model.rs`).

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, fence};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;

use crate::sync::protocol::Sound;

/// A sleep where the kernel refuses to let anybody sleep on a word.
const REFUSED: Duration = Duration::from_millis(10);

/// The publisher's side of the word, and the kernel's part in it.
pub trait Waker {
    /// Adds 1.
    fn bump(&self, order: Ordering);
    /// Wakes up to `most` of those who sleep on the word.
    fn wake(&self, most: u32);
}

/// The waiter's side of the word, and the kernel's part in it.
pub trait Sleeper {
    /// Loads the word, relaxed: on a read-only page no other order is promised to work.
    fn load(&self) -> u32;
    /// A fence between this thread's accesses to atomics of this kind.
    fn fence(order: Ordering);
    /// Sleeps while the word is `ticket`, at most for `limit`, until woken. May return at any time.
    fn sleep(&self, ticket: u32, limit: Duration);
    /// Sleeps for a time.
    fn pause(time: Duration);
}

/// When the publisher bumps the event word and wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// After the generation word has changed.
    After,
    /// Before it changes.
    Before,
    /// It only wakes.
    WithoutBump,
    /// It only bumps.
    WithoutWake,
    /// It wakes, and bumps then.
    WakeFirst,
}

/// When a waiter takes its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticket {
    /// Before it looks.
    BeforeLook,
    /// After it has looked.
    AfterLook,
}

/// The orderings and steps. See the table of edges above.
pub trait Turns {
    /// W1, W3.
    const ANNOUNCE: Announce = Announce::After;
    /// W1: the bump.
    const BUMP: Ordering = Release;
    /// W1: the fence after the ticket.
    const TICKET_FENCE: Option<Ordering> = Some(Acquire);
    /// W2.
    const TICKET: Ticket = Ticket::BeforeLook;
    /// W4: all that `futex` can count.
    const MOST: u32 = u32::MAX >> 1;
}

impl Turns for Sound {}

/// Publisher: changes the generation word with `change`, and wakes those who wait for that.
///
/// # Errors
/// What `change` returned. Nobody is woken then.
pub fn announce<O: Turns, W: Waker, T, F>(event: &W, change: impl FnOnce() -> Result<T, F>) -> Result<T, F> {
    let tell = |bumps: bool| {
        if bumps {
            event.bump(O::BUMP); // W1
        }
        if O::ANNOUNCE != Announce::WithoutWake {
            event.wake(O::MOST); // W3, W4
        }
    };
    if O::ANNOUNCE == Announce::Before {
        tell(true);
        return change();
    }
    let changed = change()?;
    match O::ANNOUNCE {
        Announce::WakeFirst => {
            event.wake(O::MOST);
            event.bump(O::BUMP);
        }
        other => tell(other != Announce::WithoutBump),
    }
    Ok(changed)
}

/// What a waiter found when it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look<T> {
    /// What it waits for.
    Found(T),
    /// Not yet. It sleeps until there is an event, at most so long.
    Sleep(Duration),
    /// Not yet, and what comes next has no event: it sleeps that long.
    Pause(Duration),
}

/// Waiter: looks once, and sleeps unless it found what it waits for. To be called until it did: W5.
pub fn turn<O: Turns, S: Sleeper, T>(event: &S, look: impl FnOnce() -> Look<T>) -> Option<T> {
    let mut ticket = event.load(); // W1, W2
    if let Some(order) = O::TICKET_FENCE {
        S::fence(order);
    }
    let found = look();
    if O::TICKET == Ticket::AfterLook {
        ticket = event.load();
    }
    match found {
        Look::Found(found) => return Some(found),
        Look::Sleep(limit) => event.sleep(ticket, limit), // W3
        Look::Pause(time) => S::pause(time),
    }
    None
}

impl Waker for AtomicU32 {
    fn bump(&self, order: Ordering) {
        self.fetch_add(1, order);
    }

    fn wake(&self, most: u32) {
        // Fails only where futexes do not exist; sleepers then wake by their own limit.
        let _ = futex::wake(self, futex::Flags::empty(), most);
    }
}

impl Sleeper for AtomicU32 {
    fn load(&self) -> u32 {
        AtomicU32::load(self, Relaxed)
    }

    fn fence(order: Ordering) {
        fence(order);
    }

    fn sleep(&self, ticket: u32, limit: Duration) {
        // Every way to return, also an error, leads to another look.
        if wait(self, ticket, limit).is_err_and(is_no_wait) {
            std::thread::sleep(limit.min(REFUSED));
        }
    }

    fn pause(time: Duration) {
        std::thread::sleep(time);
    }
}

/// Sleeps on a word while it is `ticket`. The word is looked at by the kernel only.
pub(crate) fn wait(word: &AtomicU32, ticket: u32, limit: Duration) -> rustix::io::Result<()> {
    let (tv_sec, tv_nsec) = (limit.as_secs() as i64, i64::from(limit.subsec_nanos()));
    let timeout = futex::Timespec { tv_sec, tv_nsec };
    futex::wait(word, futex::Flags::empty(), ticket, Some(&timeout))
}

/// Whether the kernel did not wait at all. It may lack the call (`ENOSYS`), or a sandbox may refuse it with any number; who
/// does not sleep then, spins.
fn is_no_wait(error: Errno) -> bool {
    !matches!(error, Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symptom: a waiter used a whole processor where a sandbox refuses futexes. Cause: only `ENOSYS` led to a sleep, and
    /// sandboxes return `EPERM` or `EACCES`. Fix: whatever is no way for a wait to end leads to a sleep.
    #[test]
    fn only_the_ways_in_which_a_wait_ends_go_without_a_sleep() {
        for ended in [Errno::AGAIN, Errno::INTR, Errno::TIMEDOUT] {
            assert!(!is_no_wait(ended), "{ended}");
        }
        for refused in [Errno::NOSYS, Errno::PERM, Errno::ACCESS, Errno::FAULT, Errno::INVAL] {
            assert!(is_no_wait(refused), "{refused}");
        }
    }

    #[test]
    fn what_failed_is_not_announced() {
        let event = AtomicU32::new(u32::MAX);
        assert_eq!(announce::<Sound, _, (), _>(&event, || Err("disk full")), Err("disk full"));
        assert_eq!(event.load(Relaxed), u32::MAX);
        assert_eq!(announce::<Sound, _, _, ()>(&event, || Ok(7)), Ok(7));
        assert_eq!(event.load(Relaxed), 0, "it begins again after the largest number");
    }
}
