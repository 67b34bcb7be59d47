//! Flags that are overridden on this host.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flagstaff_publisher::{Override, overrides_of};
use serde::Serialize;

use crate::show;

/// An override. Its JSON is documented in docs/overrides.md.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Overridden {
    pub(crate) key: String,
    pub(crate) value: serde_json::Value,
    /// What the source says; null also if it has no such flag.
    pub(crate) source: Option<serde_json::Value>,
    pub(crate) reason: String,
    pub(crate) who: String,
    pub(crate) uid: u32,
    pub(crate) made_at: String,
    pub(crate) ends_at: String,
    /// Seconds that are left; 0 is over.
    pub(crate) left: f64,
}

impl Overridden {
    /// All of a snapshot file; none if they cannot be read, which `flagstaff override --list` explains.
    pub(crate) fn all(path: &Path) -> Vec<Overridden> {
        overrides_of(path).unwrap_or_default().iter().map(Overridden::of).collect()
    }

    pub(crate) fn of(one: &Override) -> Overridden {
        let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
        let time = |micros| show::time(UNIX_EPOCH + Duration::from_micros(micros));
        Overridden {
            key: one.key.clone(),
            value: json(one.value.get()),
            source: one.source.as_ref().map(|source| json(source.get())),
            reason: one.reason.clone(),
            who: one.who.clone(),
            uid: one.uid,
            made_at: time(one.term.made_at),
            ends_at: time(one.term.ends_at),
            left: one.term.left().as_secs_f64(),
        }
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let left = match show::seconds(self.left).filter(|left| !left.is_zero()) {
            Some(left) => format!("{} left", show::words(left)),
            None => "is over, but no publisher lives to end it".to_owned(),
        };
        let text = format!("{} = {}, {left}, by {}: {}", self.key, self.value, self.who, self.reason);
        show::harmless(&text)
    }
}
