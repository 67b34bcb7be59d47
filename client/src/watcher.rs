//! The thread that tells callbacks which flags changed.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flagstaff_reader::Snapshot;

use crate::callback;
use crate::changes::{Changes, Listener};
use crate::log::Line;
use crate::process::Process;
use crate::state::State;

/// How long one sleep lasts at most. A reader looks at its path as often anyway, so that this wakes nobody up more often; a
/// watcher that has nothing to do any more ends within it.
const SLEEP: Duration = Duration::from_secs(1);

/// Starts the thread that calls the listeners of this process, unless it runs. What differs from `seen`, or
/// from what is there when it starts, is the first change.
pub(crate) fn watch(state: &Arc<State>, process: &Process, seen: Option<Arc<Snapshot>>) {
    if !process.becomes_watcher() {
        return;
    }
    let state = state.clone();
    let thread = thread::Builder::new().name("flag-changes".to_owned());
    if let Err(error) = thread.spawn(move || {
        let seen = seen.unwrap_or_else(|| state.reader_now().snapshot());
        tell_until_closed(&state, seen);
    }) {
        process.log.push(Line::error("cannot start a thread; changes are not reported", &error));
    }
}

fn tell_until_closed(state: &State, mut seen: Arc<Snapshot>) {
    loop {
        let reader = state.reader_now();
        reader.wait_for_change(seen.generation(), SLEEP);
        if state.is_closed() {
            return;
        }
        let now = state.reader_now().snapshot();
        if Arc::ptr_eq(&now, &seen) {
            continue;
        }
        let changes = Changes::between(seen, now);
        // A recreated file holds the same flags under another generation.
        if !changes.keys().is_empty() {
            let mut listeners: Vec<&Listener> = state.listeners.iter().collect();
            listeners.reverse();
            for listener in listeners {
                if state.is_closed() {
                    return;
                }
                callback::call("change", || (listener.0)(&changes));
            }
        }
        seen = changes.new;
    }
}
