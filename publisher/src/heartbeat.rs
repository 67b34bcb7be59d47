//! Twice a second: show that the publisher lives and gets on with its work, see whether the paths still lead to its files, and try again
//! what did not get into the file. In between, whenever somebody rings: do what is asked for.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagstaff_format::{HeaderPage, PathCheck, status};

use crate::bell::{Bell, Woken};
use crate::failure_kind;
use crate::options::ThreadLog;
use crate::shared::Shared;

/// Time from one heartbeat to the next.
const EVERY: Duration = Duration::from_millis(500);

/// Time between two tries to wake the thread when it is to end.
const WAKE_EVERY: Duration = Duration::from_millis(5);

/// The thread.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
    /// Behind a lock to be `Sync`; only the owner waits on it.
    ended: Mutex<Receiver<()>>,
}

/// What the thread does when it wakes. The page is the one on which it sleeps then.
trait Work: Send + 'static {
    fn beat(&mut self) -> Option<Arc<HeaderPage>>;
    /// Somebody has left something for this publisher.
    fn look(&mut self);
}

struct Beats {
    shared: Arc<Shared>,
    log: ThreadLog,
    /// That the file cannot be recreated was logged already.
    complained: bool,
}

impl Work for Beats {
    fn beat(&mut self) -> Option<Arc<HeaderPage>> {
        self.log.run(|| beat(&self.shared, &mut self.complained));
        Some(self.shared.writer().header_page())
    }

    fn look(&mut self) {
        if self.shared.has_lock() {
            self.log.run(|| self.shared.look_after_local());
        }
    }
}

impl Heartbeat {
    pub(crate) fn start(shared: Arc<Shared>, log: ThreadLog) -> io::Result<Heartbeat> {
        let page = shared.writer().header_page();
        Heartbeat::spawn(EVERY, Some(page), Beats { shared, log, complained: false })
    }

    fn spawn(every: Duration, page: Option<Arc<HeaderPage>>, mut work: impl Work) -> io::Result<Heartbeat> {
        let bell = Arc::new(Bell::on(page));
        let of_thread = bell.clone();
        let (done, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("flag-heartbeat".to_owned()).spawn(move || {
            let mut next = Instant::now() + every;
            loop {
                match of_thread.sleep_until(next) {
                    Woken::Stopped => break,
                    Woken::Rung => work.look(),
                    Woken::Elapsed => {
                        of_thread.move_to(work.beat());
                        next = Instant::now() + every;
                    }
                }
            }
            // Before the owner goes on: dropping the last reference releases the lock.
            drop(work);
            // Nobody listens if the wait for this was given up.
            let _ = done.send(());
        })?;
        Ok(Heartbeat { bell, thread, ended: Mutex::new(ended) })
    }

    /// Ends the thread, or gives up waiting for one that recreates a file on a disk that hangs. That one then holds the
    /// writer and the lock until the disk responds.
    pub(crate) fn stop(self, patience: Duration) -> Result<(), RecvTimeoutError> {
        let begun = Instant::now();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Again and again: the thread may just be about to sleep.
            self.bell.stop();
            let left = patience.saturating_sub(begun.elapsed());
            match ended.recv_timeout(left.min(WAKE_EVERY)) {
                Err(RecvTimeoutError::Timeout) if left > WAKE_EVERY => {}
                Err(RecvTimeoutError::Timeout) => return Err(RecvTimeoutError::Timeout),
                // It panics nowhere; if it did, there is nothing left to do for it.
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        drop(ended);
        let _ = self.thread.join();
        Ok(())
    }
}

/// One heartbeat.
fn beat(shared: &Shared, complained: &mut bool) {
    // The lock first: without it the file may belong to another publisher, and what lies at the path may be its new file.
    if !shared.has_lock() {
        return;
    }
    let mut writer = shared.writer();
    // This thread is alive in any case. What readers want to know is whether flags would come.
    if shared.makes_progress() {
        status::beat(writer.status_words());
    }
    let (state, damage) = (writer.path_state(), writer.damage());
    if state != PathCheck::Same || damage.is_some() {
        match shared.supersede(&mut writer) {
            Ok(()) => {
                shared.superseded.store(true, Ordering::Release);
                tracing::warn!(
                    ?state,
                    damage,
                    "snapshot file was changed by another program and has been recreated"
                );
            }
            Err(error) => {
                shared.failed(&writer, failure_kind::of_disk(&error));
                if !std::mem::replace(complained, true) {
                    tracing::error!(%error, ?state, damage, "snapshot file was changed by another program and cannot be recreated");
                }
            }
        }
    } else {
        *complained = false;
        writer.keep_live_link();
    }
    shared.counted.write(writer.status_words());
    drop(writer);
    // First what is over is ended: the payload that waits for the file may have it.
    if shared.look_after_local() {
        shared.catch_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hangs(mpsc::Sender<()>, mpsc::Receiver<()>);

    impl Work for Hangs {
        fn beat(&mut self) -> Option<Arc<HeaderPage>> {
            self.0.send(()).unwrap();
            let _ = self.1.recv();
            None
        }

        fn look(&mut self) {}
    }

    /// Symptom: a publisher did not end while its disk hung. Cause: it waited for its heartbeat thread without limit, and that one
    /// may be recreating a file. Fix: it waits as long as for the last checkpoint.
    #[test]
    fn a_heartbeat_that_hangs_is_waited_for_with_patience_only() {
        let (looks, is_looking) = mpsc::channel();
        let (answer, disk) = mpsc::channel::<()>();
        let heartbeat = Heartbeat::spawn(Duration::ZERO, None, Hangs(looks, disk)).unwrap();
        is_looking.recv().unwrap();
        assert_eq!(heartbeat.stop(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
        drop(answer);
    }

    struct Holds(Arc<()>);

    impl Work for Holds {
        fn beat(&mut self) -> Option<Arc<HeaderPage>> {
            assert!(Arc::strong_count(&self.0) > 0);
            None
        }

        fn look(&mut self) {}
    }

    #[test]
    fn what_a_heartbeat_holds_is_dropped_when_its_stop_returns() {
        let shared = Arc::new(());
        let heartbeat = Heartbeat::spawn(EVERY, None, Holds(shared.clone())).unwrap();
        assert_eq!(heartbeat.stop(Duration::from_secs(60)), Ok(()));
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
