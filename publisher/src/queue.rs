//! A bounded queue with a thread of its own, for calls of code that may block.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Handles one item; the number says how many before it were dropped.
pub type Handler<T> = Arc<dyn Fn(T, u64) + Send + Sync>;

/// A bounded queue with a thread. Who hands something over never waits: when it is full, the oldest are dropped, and counted, because
/// the newest say how things are.
pub struct Queue<T> {
    thread: &'static str,
    most_waiting: usize,
    handler: Option<Handler<T>>,
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    dropped: u64,
    has_thread: bool,
    /// The handler has one.
    is_busy: bool,
    is_closed: bool,
}

impl<T: Send + 'static> Queue<T> {
    /// Of at most `most_waiting`. Without a handler nothing is kept.
    #[must_use]
    pub fn new(thread: &'static str, most_waiting: usize, handler: Option<Handler<T>>) -> Queue<T> {
        let waiting = VecDeque::new();
        let state = State { waiting, dropped: 0, has_thread: false, is_busy: false, is_closed: false };
        Queue {
            thread,
            most_waiting,
            handler,
            shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }),
        }
    }

    /// Hands one over. Never waits. The thread is started with the first one.
    pub fn push(&self, one: T) {
        let Some(handler) = &self.handler else { return };
        let mut state = self.shared.state();
        if state.is_closed {
            return;
        }
        let oldest = if state.waiting.len() == self.most_waiting { state.waiting.pop_front() } else { None };
        state.dropped += u64::from(oldest.is_some());
        state.waiting.push_back(one);
        if !state.has_thread {
            let (shared, handler) = (self.shared.clone(), handler.clone());
            let work = move || {
                while let Some((one, dropped)) = shared.next() {
                    handler(one, dropped);
                }
            };
            // Where there is no thread left, the next one is tried with. There is nobody to tell.
            state.has_thread = thread::Builder::new().name(self.thread.to_owned()).spawn(work).is_ok();
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is handled, but no longer than `patience`, and returns whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        let is_at_work = |state: &mut State<T>| state.is_busy || !state.waiting.is_empty();
        let state = self.shared.state();
        let waited = self.shared.changed.wait_timeout_while(state, patience, is_at_work);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Takes nothing any more. The thread ends after what it is doing, and after what waits.
    pub fn finish(&self) {
        self.shared.state().is_closed = true;
        self.shared.changed.notify_all();
    }

    /// As [`Queue::finish`], without what waits.
    pub fn close(&self) {
        let mut state = self.shared.state();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.shared.changed.notify_all();
        drop(waiting);
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // No code of others runs under the lock, and the state is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is closed.
    fn next(&self) -> Option<(T, u64)> {
        let mut state = self.state();
        state.is_busy = false;
        loop {
            if let Some(one) = state.waiting.pop_front() {
                state.is_busy = true;
                return Some((one, std::mem::take(&mut state.dropped)));
            }
            if state.is_closed {
                return None;
            }
            // Somebody may wait for just this.
            self.changed.notify_all();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("thread", &self.thread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const MOST_WAITING: usize = 64;
    const DEADLINE: Duration = Duration::from_secs(20);

    #[test]
    fn a_handler_that_blocks_holds_up_nobody_and_hears_how_many_it_missed() {
        let (said, heard) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let both = Mutex::new((said, gone));
        let queue = Queue::new(
            "test",
            MOST_WAITING,
            Some(Arc::new(move |number: usize, dropped| {
                let both = both.lock().unwrap();
                both.0.send((number, dropped)).unwrap();
                let _ = both.1.recv();
            })),
        );
        queue.push(0);
        assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), (0, 0));
        (1..=MOST_WAITING + 5).for_each(|number| queue.push(number));
        go.send(()).unwrap();
        assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), (6, 5));
        go.send(()).unwrap();
        assert_eq!(heard.recv_timeout(DEADLINE).unwrap(), (7, 0));
        queue.close();
        drop(go);
        // The sender goes with the thread, and the thread ends without another call.
        drop(queue);
        assert_eq!(heard.recv_timeout(DEADLINE), Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn what_waits_is_handled_before_a_finished_queue_ends() {
        let (said, heard) = mpsc::channel();
        let said = Mutex::new(said);
        let queue = Queue::new(
            "test",
            MOST_WAITING,
            Some(Arc::new(move |number: usize, _| said.lock().unwrap().send(number).unwrap())),
        );
        (0..10).for_each(|number| queue.push(number));
        queue.finish();
        queue.push(99);
        drop(queue);
        assert_eq!(heard.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_flush_waits_for_the_handler_and_gives_up_on_one_that_blocks() {
        let (go, gone) = mpsc::channel::<()>();
        let gone = Mutex::new(gone);
        let handler: Handler<()> = Arc::new(move |(), _| {
            let _ = gone.lock().unwrap().recv();
        });
        let queue = Queue::new("test", MOST_WAITING, Some(handler));
        assert!(queue.flush(Duration::ZERO), "nothing to wait for");
        queue.push(());
        queue.push(());
        assert!(!queue.flush(Duration::from_millis(20)));
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert!(queue.flush(DEADLINE));
        queue.close();
    }
}
