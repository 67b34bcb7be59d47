//! Flags that are overridden on this host.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flagstaff_publisher::{Override, Term, overrides_of, rollback_of};
use serde::Serialize;

use crate::show;

/// An override. Its JSON is documented in docs/overrides.md.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Overridden {
    pub(crate) key: String,
    pub(crate) value: serde_json::Value,
    /// What the source says; null also if it has no such flag.
    pub(crate) source: Option<serde_json::Value>,
    #[serde(flatten)]
    pub(crate) given: Given,
}

/// By whom, why, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Given {
    pub(crate) reason: String,
    pub(crate) who: String,
    pub(crate) uid: u32,
    pub(crate) made_at: String,
    pub(crate) ends_at: String,
    /// Seconds that are left; 0 is over.
    pub(crate) left: f64,
}

impl Given {
    fn of(reason: &str, who: &str, uid: u32, term: &Term) -> Given {
        Given {
            reason: reason.to_owned(),
            who: who.to_owned(),
            uid,
            made_at: time(term.made_at),
            ends_at: time(term.ends_at),
            left: term.left().as_secs_f64(),
        }
    }

    /// For people.
    fn words(&self) -> String {
        let left = match show::seconds(self.left).filter(|left| !left.is_zero()) {
            Some(left) => format!("{} left", show::words(left)),
            None => "is over, but no publisher lives to end it".to_owned(),
        };
        format!("{left}, by {}: {}", self.who, self.reason)
    }
}

fn time(micros: u64) -> String {
    show::time(UNIX_EPOCH + Duration::from_micros(micros))
}

impl Overridden {
    /// All of a snapshot file; none if they cannot be read, which `flagstaff override --list` explains.
    pub(crate) fn all(path: &Path) -> Vec<Overridden> {
        overrides_of(path).unwrap_or_default().iter().map(Overridden::of).collect()
    }

    pub(crate) fn of(one: &Override) -> Overridden {
        let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Overridden {
            key: one.key.clone(),
            value: json(one.value.get()),
            source: one.source.as_ref().map(|source| json(source.get())),
            given: Given::of(&one.reason, &one.who, one.uid, &one.term),
        }
    }

    /// Whether it is the same one: it was given once.
    pub(crate) fn is_same(&self, other: &Overridden) -> bool {
        (&self.key, &self.given.made_at) == (&other.key, &other.given.made_at)
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        show::harmless(&format!("{} = {}, {}", self.key, self.value, self.given.words()))
    }
}

/// A rollback. Its JSON is documented in docs/history.md.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RolledBack {
    /// Which snapshot of the history readers have, and when it was published.
    pub(crate) number: u64,
    pub(crate) published_at: String,
    #[serde(flatten)]
    pub(crate) given: Given,
}

impl RolledBack {
    /// Of a snapshot file; none if it cannot be read.
    pub(crate) fn of(path: &Path) -> Option<RolledBack> {
        let one = rollback_of(path).ok()??;
        let given = Given::of(&one.reason, &one.who, one.uid, &one.term);
        Some(RolledBack { number: one.number, published_at: time(one.published_at), given })
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let RolledBack { number, published_at, given } = self;
        show::harmless(&format!("to {number} of {published_at}, {}", given.words()))
    }
}
