//! Changes of flags, told to the caller.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flagstaff_reader::{Generation, Snapshot, Value};

use crate::callback;
use crate::core::Core;
use crate::log::Line;
use crate::process::Process;

/// How long one sleep lasts at most. A reader looks at its path as often anyway, so that this wakes nobody up more often; a
/// watcher that has nothing to do any more ends within it.
const SLEEP: Duration = Duration::from_secs(1);

/// What is called with changes.
pub(crate) struct Listener(pub(crate) Box<dyn Fn(&Changes) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
    }
}

/// What is not the same in two snapshots that followed each other.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changes {
    /// The flags before.
    pub old: Arc<Snapshot>,
    /// The flags now.
    pub new: Arc<Snapshot>,
    keys: Arc<[String]>,
}

/// One flag that is not the same.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change<'a> {
    /// Its key.
    pub key: &'a str,
    /// `None`: the flag is new.
    pub old: Option<Value<'a>>,
    /// `None`: the flag is gone.
    pub new: Option<Value<'a>>,
}

impl Changes {
    fn between(old: Arc<Snapshot>, new: Arc<Snapshot>) -> Changes {
        let differs =
            |(key, value): (String, Value<'_>)| (old.get(key.as_str()) != Some(value)).then_some(key);
        let is_gone = |(key, _): (String, Value<'_>)| new.get(key.as_str()).is_none().then_some(key);
        let mut keys: Vec<String> = new.iter().filter_map(differs).collect();
        keys.extend(old.iter().filter_map(is_gone));
        keys.sort_unstable();
        Changes { keys: keys.into(), old, new }
    }

    /// The changed flags, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Change<'_>> {
        self.keys.iter().map(|key| Change {
            key,
            old: self.old.get(key.as_str()),
            new: self.new.get(key.as_str()),
        })
    }

    /// The keys of the changed flags, sorted.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The generation of the flags now.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.new.generation()
    }
}

/// Starts the thread that calls the listeners of this process, unless it runs. What differs from `seen`, or
/// from what is there when it starts, is the first change.
pub(crate) fn watch(core: &Arc<Core>, process: &Process, seen: Option<Arc<Snapshot>>) {
    if !process.becomes_watcher() {
        return;
    }
    let core = core.clone();
    let thread = thread::Builder::new().name("flag-changes".to_owned());
    if let Err(error) = thread.spawn(move || {
        let seen = seen.unwrap_or_else(|| core.reader_now().snapshot());
        tell_until_closed(&core, seen);
    }) {
        process.log.push(Line::error("cannot start a thread; changes are not told", &error));
    }
}

fn tell_until_closed(core: &Core, mut seen: Arc<Snapshot>) {
    loop {
        let reader = core.reader_now();
        reader.wait_for_change(seen.generation(), SLEEP);
        if core.is_closed() {
            return;
        }
        let now = core.reader_now().snapshot();
        if Arc::ptr_eq(&now, &seen) {
            continue;
        }
        let changes = Changes::between(seen, now);
        // A file that was made anew holds the same flags under another generation.
        if !changes.keys.is_empty() {
            let mut listeners: Vec<&Listener> = core.listeners.iter().collect();
            listeners.reverse();
            for listener in listeners {
                if core.is_closed() {
                    return;
                }
                callback::call("change", || (listener.0)(&changes));
            }
        }
        seen = changes.new;
    }
}
