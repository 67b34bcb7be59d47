//! Twice a second: show that the publisher lives and gets on with its work, see whether the paths still lead to its files, and try again
//! what did not get into the file.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flagstaff_format::{PathCheck, status};

use crate::failure_kind;
use crate::options::ThreadLog;
use crate::shared::Shared;
use crate::stopper::{Stopper, Waited};

/// Time from one heartbeat to the next.
const EVERY: Duration = Duration::from_millis(500);

/// The thread.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    stopper: Stopper,
    thread: JoinHandle<()>,
    /// Behind a lock to be `Sync`; only the owner waits on it.
    ended: Mutex<Receiver<()>>,
}

impl Heartbeat {
    pub(crate) fn start(shared: Arc<Shared>, log: ThreadLog) -> io::Result<Heartbeat> {
        let mut complained = false;
        Heartbeat::spawn(EVERY, move || log.run(|| beat(&shared, &mut complained)))
    }

    fn spawn(every: Duration, mut beat: impl FnMut() + Send + 'static) -> io::Result<Heartbeat> {
        let stopper = Stopper::new();
        let of_thread = stopper.clone();
        let (done, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("flag-heartbeat".to_owned()).spawn(move || {
            while of_thread.wait(every) == Waited::Elapsed {
                beat();
            }
            // Before the owner goes on: dropping the last reference releases the lock.
            drop(beat);
            // Nobody listens if the wait for this was given up.
            let _ = done.send(());
        })?;
        Ok(Heartbeat { stopper, thread, ended: Mutex::new(ended) })
    }

    /// Ends the thread, or gives up waiting for one that recreates a file on a disk that hangs. That one then holds the
    /// writer and the lock until the disk responds.
    pub(crate) fn stop(self, patience: Duration) -> Result<(), RecvTimeoutError> {
        self.stopper.stop();
        match self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => return Err(RecvTimeoutError::Timeout),
            // It panics nowhere; if it did, there is nothing left to do for it.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
        }
        let _ = self.thread.join();
        Ok(())
    }
}

/// One heartbeat. `complained`: that the file cannot be recreated was logged already.
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

    /// Symptom: a publisher did not end while its disk hung. Cause: it waited for its heartbeat thread without limit, and that one
    /// may be recreating a file. Fix: it waits as long as for the last checkpoint.
    #[test]
    fn a_heartbeat_that_hangs_is_waited_for_with_patience_only() {
        let (looks, is_looking) = mpsc::channel();
        let (answer, disk) = mpsc::channel::<()>();
        let heartbeat = Heartbeat::spawn(Duration::ZERO, move || {
            looks.send(()).unwrap();
            let _ = disk.recv();
        });
        is_looking.recv().unwrap();
        assert_eq!(heartbeat.unwrap().stop(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
        drop(answer);
    }

    #[test]
    fn what_a_heartbeat_holds_is_dropped_when_its_stop_returns() {
        let shared = Arc::new(());
        let of_heartbeat = shared.clone();
        let heartbeat =
            Heartbeat::spawn(EVERY, move || assert!(Arc::strong_count(&of_heartbeat) > 0)).unwrap();
        assert_eq!(heartbeat.stop(Duration::from_secs(60)), Ok(()));
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
