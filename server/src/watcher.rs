//! The threads that watch the files, one per environment, so that a large file delays no other.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagstaff_publisher::payload::DEFAULT_POLL_INTERVAL;

use crate::flags::environment::Environment;

/// The threads. Dropping this ends them, at most after the check in progress.
#[derive(Debug)]
pub(crate) struct Watcher {
    stops: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// Time for a check in progress to finish.
const LAST_LOOK: Duration = Duration::from_millis(50);

impl Watcher {
    pub(crate) fn start(environments: impl Iterator<Item = Environment>) -> io::Result<Watcher> {
        let mut watcher = Watcher { stops: Vec::new(), threads: Vec::new() };
        for environment in environments {
            let (stop, stopped) = mpsc::channel();
            let watch = move || {
                while stopped.recv_timeout(DEFAULT_POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    environment.poll();
                }
            };
            let thread = thread::Builder::new().name("flag-serve-file".to_owned()).spawn(watch)?;
            watcher.stops.push(stop);
            watcher.threads.push(thread);
        }
        Ok(watcher)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stops.clear();
        let begun = Instant::now();
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && begun.elapsed() < LAST_LOOK {
                thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                // It does not panic.
                let _ = thread.join();
            }
        }
    }
}
