//! The payload that the guard holds, kept for whoever decides about it.

use std::io;

use flagstaff_format::unix_micros;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::guard::Suspicion;
use crate::outcome::Keys;
use crate::side_files::SideFiles;

/// The file, `.NAME.held`.
pub(crate) const FILE: &str = "held";

/// Bytes of the file that are read: a payload of 5 MiB in which each byte is escaped.
const MOST_BYTES: u64 = 64 << 20;

/// A payload that is held, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Held {
    /// What it is called by: the hash of its text.
    pub digest: String,
    /// When it came, in microseconds since 1970.
    pub held_at: u64,
    /// Flags that readers have, and would have.
    pub before: usize,
    /// Flags that they would have.
    pub after: usize,
    /// How many flags would be gone, and the first of them.
    pub removed: usize,
    /// The first keys of those.
    pub removed_keys: Vec<String>,
    /// How many flags would have another type.
    pub retyped: usize,
    /// The first keys of those.
    pub retyped_keys: Vec<String>,
    /// The payload itself.
    pub payload: String,
}

impl Held {
    pub(crate) fn new(payload: &str, why: &Suspicion) -> Held {
        let (Keys { count: removed, listed: removed_keys }, Keys { count: retyped, listed: retyped_keys }) =
            (why.removed.clone(), why.retyped.clone());
        Held {
            digest: digest_of(payload),
            held_at: unix_micros(),
            before: why.before,
            after: why.after,
            removed,
            removed_keys,
            retyped,
            retyped_keys,
            payload: payload.to_owned(),
        }
    }

    /// What it would do, for people.
    #[must_use]
    pub fn suspicion(&self) -> Suspicion {
        let keys = |count, listed: &[String]| Keys { count, listed: listed.to_vec() };
        Suspicion {
            before: self.before,
            after: self.after,
            removed: keys(self.removed, &self.removed_keys),
            retyped: keys(self.retyped, &self.retyped_keys),
        }
    }

    pub(crate) fn read(side_files: &SideFiles) -> io::Result<Option<Held>> {
        let Some(text) = side_files.read(FILE, MOST_BYTES)? else { return Ok(None) };
        let held: Held = serde_json::from_str(&text)?;
        if held.digest != digest_of(&held.payload) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its payload is not the one that was held",
            ));
        }
        Ok(Some(held))
    }

    pub(crate) fn write(&self, side_files: &SideFiles) -> io::Result<()> {
        side_files.write(FILE, &serde_json::to_string(self)?)
    }
}

fn digest_of(payload: &str) -> String {
    format!("{:032x}", xxh3_128(payload.as_bytes()))
}
