//! Which flags may have changed, as the change feed of the file tells: nothing is compared.

use flagstaff_format::{ChangedFlags, Generation};

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
