//! The handle that ends a stream from another thread.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;

/// Ends connections and waits from another thread. Clones are the same handle.
///
/// A stop is remembered: what starts later with this handle fails at once. A name lookup, a TCP connect, a TLS handshake, a wait
/// for response headers, a blocked read and a wait between tries end within milliseconds.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    next_id: u64,
    agents: Vec<(u64, Agent)>,
}

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
        let agents = {
            let mut state = self.state();
            state.stopped = true;
            std::mem::take(&mut state.agents)
        };
        self.0.stopped.notify_all();
        for (_, agent) in agents {
            agent.shutdown();
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

    /// Waits until `ready` has an answer, at most the given time or until the handle is stopped. It is asked anew after
    /// each [`wake`](Stopper::wake).
    pub(super) fn wait_for<T>(
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
            if let Some(answer) = ready() {
                return Ok(answer);
            }
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Waited::Elapsed);
            }
            state = self.0.stopped.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets those who wait look again.
    pub(super) fn wake(&self) {
        // With the lock, so that nobody is between looking and waiting.
        drop(self.state());
        self.0.stopped.notify_all();
    }

    /// Lets a stop reach the requests of an agent for as long as the answer lives; `None` when already stopped.
    pub(super) fn register(&self, agent: &Agent) -> Option<Registration> {
        let mut state = self.state();
        if state.stopped {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.agents.push((id, agent.clone()));
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

/// Holds an agent in the stopper's list.
#[derive(Debug)]
pub(super) struct Registration {
    id: u64,
    stopper: Stopper,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.stopper.state().agents.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(stopper.register(&Agent::new_with_defaults()).is_none());
    }

    #[test]
    fn a_dropped_registration_leaves_the_list() {
        let stopper = Stopper::new();
        let first = stopper.register(&Agent::new_with_defaults()).unwrap();
        let second = stopper.register(&Agent::new_with_defaults()).unwrap();
        drop(first);
        assert_eq!(stopper.state().agents.len(), 1);
        drop(second);
        assert!(stopper.state().agents.is_empty());
    }
}
