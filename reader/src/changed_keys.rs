//! Which flags may have changed, as the change feed of the file tells: nothing is compared.

use std::time::Duration;

use flagstaff_format::{ChangedFlags, Generation};

use crate::reader::Reader;

/// The flags that may have changed up to a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedKeys {
    /// The current generation: what to ask with next.
    pub generation: Generation,
    /// All keys that may have changed, sorted. A flag that was changed there and back is among them.
    ///
    /// `None`: not known. Compare snapshots, or read all flags again. So it is after keys came or went, after a publish that changed more
    /// than about a hundred flags, after more changes than the feed holds, and when the reader has moved to another file.
    pub keys: Option<Vec<String>>,
}

impl ChangedKeys {
    pub(crate) fn unknown(generation: Generation) -> ChangedKeys {
        ChangedKeys { generation, keys: None }
    }

    pub(crate) fn of(generation: Generation, changed: Option<ChangedFlags>) -> ChangedKeys {
        let keys = changed.map(|changed| {
            let mut keys: Vec<_> = changed.flags.into_iter().map(|flag| flag.key).collect();
            keys.sort_unstable();
            keys
        });
        ChangedKeys { generation, keys }
    }
}

impl Reader {
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
