//! The thread that looks at the files.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use vexil_publisher::payload::DEFAULT_POLL_INTERVAL;

use crate::environment::Environment;

/// The thread. Ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(crate) fn start(environments: Vec<Environment>) -> io::Result<Watcher> {
        let (stop, stopped) = mpsc::channel();
        let watch = move || {
            while stopped.recv_timeout(DEFAULT_POLL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                environments.iter().for_each(Environment::poll);
            }
        };
        let thread = thread::Builder::new().name("vexil-serve-files".to_owned()).spawn(watch)?;
        Ok(Watcher { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}
