//! Which flags changed, as the caller is told.

use std::fmt;
use std::sync::Arc;

use flagstaff_reader::{Generation, Snapshot, Value};

/// A callback that is called with changes.
pub(crate) struct Listener(pub(crate) Box<dyn Fn(&Changes) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
    }
}

/// The differences between two snapshots that followed each other.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changes {
    /// The flags before.
    pub old: Arc<Snapshot>,
    /// The flags now.
    pub new: Arc<Snapshot>,
    keys: Arc<[String]>,
}

/// One changed flag.
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
    /// The differences between two snapshots.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// let before = flags.snapshot();
    /// // .. later:
    /// let changes = flagstaff::Changes::between(before, flags.snapshot());
    /// assert!(changes.keys().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn between(old: Arc<Snapshot>, new: Arc<Snapshot>) -> Changes {
        Changes { keys: new.changed_keys(&old).into(), old, new }
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
