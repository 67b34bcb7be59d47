//! Waiting for a change, without polling while there is a file, and what changed.

use std::time::{Duration, Instant};

use flagstaff_format::Generation;
use flagstaff_format::event::{Look, turn};
use flagstaff_format::protocol::Sound;

use crate::changed_keys::ChangedKeys;
use crate::reader::Reader;

/// How long a sleep on the event word lasts at most: then the path is looked at, for a file that was replaced by hand.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a path is looked at that has no file, or still the superseded one: its publisher puts the new one there
/// within microseconds after the wake, or was killed before it could.
const POLL_EVERY: Duration = Duration::from_millis(10);

impl Reader {
    /// Waits until the current generation is another one than `seen`, or `timeout` has passed, and returns it.
    ///
    /// Wakes within microseconds of a publish. Call it again with the generation that it returned to see every lasting
    /// change; changes that follow each other quickly may be seen as one.
    ///
    /// ```no_run
    /// # let flags = flagstaff_reader::Reader::attach("/run/flags.flagstaff");
    /// let mut seen = flags.generation();
    /// loop {
    ///     seen = flags.wait_for_change(seen, std::time::Duration::from_secs(60));
    ///     println!("generation {seen}");
    /// }
    /// ```
    pub fn wait_for_change(&self, seen: Generation, timeout: Duration) -> Generation {
        let start = Instant::now();
        loop {
            let attached = self.shared.attached();
            let map = attached.view.map();
            let found = turn::<Sound, _, _>(map.event(), || {
                let now = self.generation();
                let left = timeout.saturating_sub(start.elapsed());
                if now != seen || left.is_zero() {
                    return Look::Found(now);
                }
                if attached.view.file().is_none() || attached.view.observe().is_superseded() {
                    return Look::Pause(POLL_EVERY.min(left));
                }
                Look::Sleep(LOOK_EVERY.min(left))
            });
            if let Some(now) = found {
                return now;
            }
            self.shared.follow();
        }
    }

    /// The flags that may have changed since `seen`, a generation that this reader or a clone of it has returned. Costs what changed, and
    /// not what there is.
    ///
    /// Who reads the flags that it names again has what it would have had by reading all of them again.
    ///
    /// ```
    /// # let flags = flagstaff_reader::Reader::attach("flags.flagstaff");
    /// let seen = flags.generation();
    /// // Later:
    /// match flags.changes_since(seen).keys {
    ///     Some(keys) => println!("to be read again: {keys:?}"),
    ///     None => println!("to be read again: all"),
    /// }
    /// ```
    #[must_use]
    pub fn changes_since(&self, seen: Generation) -> ChangedKeys {
        self.shared.changed_keys(seen)
    }

    /// As [`Reader::changes_since`]. Waits first until the current generation is another one than `seen`, or `timeout` has passed: then
    /// nothing changed, and the generation is `seen`.
    ///
    /// ```no_run
    /// # let flags = flagstaff_reader::Reader::attach("/run/flags.flagstaff");
    /// let mut seen = flags.generation();
    /// loop {
    ///     let changed = flags.wait_for_changes(seen, std::time::Duration::from_secs(60));
    ///     seen = changed.generation;
    ///     for key in changed.keys.unwrap_or_default() {
    ///         println!("{key} is {:?}", flags.get(key.as_str()));
    ///     }
    /// }
    /// ```
    pub fn wait_for_changes(&self, seen: Generation, timeout: Duration) -> ChangedKeys {
        self.wait_for_change(seen, timeout);
        self.changes_since(seen)
    }
}
