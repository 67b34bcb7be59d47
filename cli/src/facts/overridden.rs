//! Flags that are overridden on this host.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flagstaff_publisher::{Override, overrides_of, rollback_of};
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

    /// Whether it is the same one: it was given once.
    pub(crate) fn is_same(&self, other: &Overridden) -> bool {
        (&self.key, &self.made_at) == (&other.key, &other.made_at)
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let left = left(self.left);
        let text = format!("{} = {}, {left}, by {}: {}", self.key, self.value, self.who, self.reason);
        show::harmless(&text)
    }
}

fn left(seconds: f64) -> String {
    match show::seconds(seconds).filter(|left| !left.is_zero()) {
        Some(left) => format!("{} left", show::words(left)),
        None => "is over, but no publisher lives to end it".to_owned(),
    }
}

/// A rollback. Its JSON is documented in docs/history.md.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RolledBack {
    /// Which snapshot of the history readers have, and when it was published.
    pub(crate) number: u64,
    pub(crate) published_at: String,
    pub(crate) reason: String,
    pub(crate) who: String,
    pub(crate) uid: u32,
    pub(crate) made_at: String,
    pub(crate) ends_at: String,
    /// Seconds that are left; 0 is over.
    pub(crate) left: f64,
}

impl RolledBack {
    /// Of a snapshot file; none if it cannot be read.
    pub(crate) fn of(path: &Path) -> Option<RolledBack> {
        let one = rollback_of(path).ok()??;
        let time = |micros| show::time(UNIX_EPOCH + Duration::from_micros(micros));
        Some(RolledBack {
            number: one.number,
            published_at: time(one.published_at),
            made_at: time(one.term.made_at),
            ends_at: time(one.term.ends_at),
            left: one.term.left().as_secs_f64(),
            reason: one.reason,
            who: one.who,
            uid: one.uid,
        })
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let RolledBack { number, published_at, who, reason, .. } = self;
        let text = format!("to {number} of {published_at}, {}, by {who}: {reason}", left(self.left));
        show::harmless(&text)
    }
}
