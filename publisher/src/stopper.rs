//! The handle that stops a publisher from another thread: its wait for the lock, its stream and its pauses.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Stops everything that was given this handle, now and later. Clones are the same handle.
///
/// A stop is remembered: what starts later with this handle fails at once. A wait for the lock, a name lookup, a TCP connect, a TLS
/// handshake, a wait for response headers, a blocked read and a wait between tries end within milliseconds.
///
/// ```
/// use std::time::Duration;
/// use flagstaff_publisher::{Stopper, Waited};
///
/// let stopper = Stopper::new();
/// let of_thread = stopper.clone();
/// let thread = std::thread::spawn(move || of_thread.wait(Duration::from_secs(60)));
/// stopper.stop();
/// assert_eq!(thread.join().unwrap(), Waited::Stopped);
/// ```
///
/// Not for use in a forked child, where its lock may have been copied while another thread held it: make a new one there.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    next_id: u64,
    on_stop: Vec<(u64, Action)>,
}

type Action = Box<dyn FnOnce() + Send>;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Waited {
    /// The time is over.
    Elapsed,
    /// The handle was stopped.
    Stopped,
}

impl Stopper {
    /// A handle that is not stopped.
    #[must_use]
    pub fn new() -> Stopper {
        Stopper::default()
    }

    /// Stops everything that uses this handle, now and later. A second call does nothing.
    pub fn stop(&self) {
        let on_stop = {
            let mut state = self.state();
            state.stopped = true;
            std::mem::take(&mut state.on_stop)
        };
        self.0.changed.notify_all();
        for (_, action) in on_stop {
            action();
        }
    }

    /// Whether [`stop`](Stopper::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Waits for the given time or until the handle is stopped.
    pub fn wait(&self, time: Duration) -> Waited {
        match self.wait_for(time, || None::<Infallible>) {
            Ok(never) => match never {},
            Err(waited) => waited,
        }
    }

    /// Waits until `ready` returns something, at most the given time or until the handle is stopped. It is called again after
    /// each [`wake`](Stopper::wake).
    pub(crate) fn wait_for<T>(
        &self,
        time: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, Waited> {
        let start = Instant::now();
        let mut state = self.state();
        loop {
            if state.stopped {
                return Err(Waited::Stopped);
            }
            if let Some(result) = ready() {
                return Ok(result);
            }
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Waited::Elapsed);
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets those who wait look again.
    pub(crate) fn wake(&self) {
        // With the lock, so that nobody is between looking and waiting.
        drop(self.state());
        self.0.changed.notify_all();
    }

    /// Calls `action` at a stop, for as long as the registration lives; `None` if the handle is stopped already. The action runs in the
    /// thread that stops, without a lock; it must be quick and must not wait.
    pub(crate) fn register(&self, action: impl FnOnce() + Send + 'static) -> Option<Registration> {
        let mut state = self.state();
        if state.stopped {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.on_stop.push((id, Box::new(action)));
        Some(Registration { id, stopper: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and the state is whole at every step.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopper").field("stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

/// Keeps an action in the stopper's list.
#[derive(Debug)]
pub(crate) struct Registration {
    id: u64,
    stopper: Stopper,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.stopper.state();
        let place = state.on_stop.iter().position(|(id, _)| *id == self.id);
        let action = place.map(|place| state.on_stop.swap_remove(place));
        drop(state);
        // Without the lock: what the action owns may take a while to drop.
        drop(action);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counting(count: &Arc<AtomicU32>) -> impl FnOnce() + Send + 'static {
        let count = count.clone();
        move || {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_wait_ends_promptly_when_another_thread_stops_it() {
        let stopper = Stopper::new();
        let start = Instant::now();
        let waited = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| stopper.wait(Duration::from_secs(60)));
            stopper.clone().stop();
            waiter.join().unwrap()
        });
        assert_eq!(waited, Waited::Stopped);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_stop_is_remembered() {
        let stopper = Stopper::new();
        assert_eq!(stopper.wait(Duration::ZERO), Waited::Elapsed);
        stopper.stop();
        stopper.stop();
        assert!(stopper.is_stopped());
        assert_eq!(stopper.wait(Duration::from_secs(60)), Waited::Stopped);
        assert!(stopper.register(|| ()).is_none());
    }

    #[test]
    fn a_stop_calls_each_registered_action_once_and_none_whose_registration_was_dropped() {
        let (stopper, calls) = (Stopper::new(), Arc::default());
        let first = stopper.register(counting(&calls)).unwrap();
        let _second = stopper.register(counting(&calls)).unwrap();
        let _third = stopper.register(counting(&calls)).unwrap();
        drop(first);
        assert_eq!(stopper.state().on_stop.len(), 2);
        stopper.stop();
        stopper.stop();
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert!(stopper.state().on_stop.is_empty());
    }

    #[test]
    fn an_action_may_use_the_stopper_that_calls_it() {
        let (stopper, stopped) = (Stopper::new(), Arc::new(AtomicU32::new(0)));
        let (of_action, seen) = (stopper.clone(), stopped.clone());
        let _registration =
            stopper.register(move || seen.store(u32::from(of_action.is_stopped()), Ordering::Relaxed));
        stopper.stop();
        assert_eq!(stopped.load(Ordering::Relaxed), 1);
    }
}
