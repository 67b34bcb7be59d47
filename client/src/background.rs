//! The threads of a client in this process: when they are started, and what a first read waits for.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Release, SeqCst};
use std::sync::atomic::fence;
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_reader::{LinkState, Reader};

use crate::log::silently;
use crate::process::Process;
use crate::state::State;
use crate::{election, path_watch, watcher};
use flagstaff_publisher::Entry;

/// How long the first read waits at most for flags that were there before.
const IMPORT_LIMIT: Duration = Duration::from_secs(1);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Starts the background if need be. Returns the reader to use.
#[cold]
pub(crate) fn started_reader(state: &Arc<State>) -> &Reader {
    if !state.process().is_some_and(Process::is_started) {
        start(state);
        wait_for_import(state);
    }
    state.reader_now()
}

/// Waits for flags of the SDK, or of another base URL, so that the first read returns them. The process with the lock takes them over in
/// about 10 ms: it reads a file, without network. Once there is a snapshot this waits for nothing.
pub(crate) fn wait_for_import(state: &State) {
    let is_due = state.process().is_some_and(Process::is_started)
        && state.reader.generation().0 == 0
        && state.settings.has_predecessor();
    if !is_due {
        return;
    }
    let begun = Instant::now();
    // A publisher that connects has found no such flags.
    while state.reader.generation().0 == 0
        && state.reader.status().link == LinkState::Idle
        && begun.elapsed() < IMPORT_LIMIT
    {
        thread::sleep(LOOK_EVERY);
    }
}

/// Starts the threads of this process. Does nothing if they are there, or if the client is closed.
pub(crate) fn start(state: &Arc<State>) {
    if state.is_closed() {
        return state.go_direct();
    }
    let make = || Process::new(state.settings.on_error.as_ref());
    let process = match state.processes.get_or_push(make) {
        Entry::New(process) | Entry::Found(process) => process,
    };
    // After the process can be found: either `close` finds it, or this finds that there was a `close`. The fence keeps the look
    // from coming before what was added.
    fence(SeqCst);
    if state.is_closed() {
        return;
    }
    if let Some(callback) = state.settings.on_start.as_ref().filter(|_| !process.is_started()) {
        // Before there is a thread that may have something to say, and where no lock is taken.
        (callback.0)();
    }
    process.start(|| {
        // Before the background may decide otherwise.
        state.go_direct();
        let state = state.clone();
        thread::Builder::new().name("flag-client".to_owned()).spawn(move || work(&state)).map(drop)
    });
    if process.is_started() && process.becomes_path_watch() {
        path_watch::watch_paths_of(state, process);
    }
    if !process.is_started() {
        // So that the next read tries again.
        state.is_direct.store(false, Release);
    }
    if state.listeners.iter().next().is_some() {
        watcher::watch(state, process, None);
    }
}

fn work(state: &Arc<State>) {
    if let Some(process) = state.process() {
        process.has_begun();
        let ending = silently(|| election::run(state, process));
        process.has_ended(ending);
    }
}
