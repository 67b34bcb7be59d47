//! What people ask of a publisher, and what it answers.

use std::time::Duration;

use flagstaff_format::Generation;
use serde::{Deserialize, Serialize};

/// Something that whoever may publish can ask of the publisher, whichever process that is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command {
    /// Sets a flag for a time.
    Override {
        /// The flag.
        key: String,
        /// Its value as JSON, or as plain text where the flag is a text.
        value: String,
        /// For how long.
        time: Duration,
        /// Why.
        reason: String,
        /// Also if the source has no such flag, or one of another type.
        force: bool,
    },
    /// Ends one override, or all.
    Clear {
        /// Of which flag; `None`: of all.
        key: Option<String>,
    },
    /// Gives readers the flags of a snapshot of the history, in the place of the source's, for a time.
    Rollback {
        /// The snapshot's number.
        number: u64,
        /// For how long.
        time: Duration,
        /// Why.
        reason: String,
    },
    /// Ends that.
    EndRollback,
    /// Publishes the payload that the guard holds.
    Accept {
        /// The one that was looked at, by its [digest](super::Held::digest).
        digest: String,
    },
}

/// What became of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Done {
    /// The generation that readers have now.
    pub generation: u64,
    /// What was done, for people.
    pub text: String,
    /// A publisher lives on and will end what has an end.
    #[serde(default)]
    pub has_publisher: bool,
}

impl Done {
    pub(crate) const fn new(generation: Generation, text: String) -> Done {
        Done { generation: generation.0, text, has_publisher: true }
    }
}
