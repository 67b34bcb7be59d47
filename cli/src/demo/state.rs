//! The state of the demo, as it is shown.

use std::time::Duration;

use super::deliveries::{Deliveries, median};
use super::flags;
use super::user_change::UserChange;

/// Characters of a key and of a value on the screen.
const KEY_WIDTH: usize = 28;
const VALUE_WIDTH: usize = 10;

#[derive(Debug)]
pub(super) struct State {
    /// How long the demo lasts; `None`: until somebody ends it.
    pub(super) seconds: Option<u64>,
    pub(super) elapsed: Duration,
    /// Number of flips.
    pub(super) flip: u64,
    /// Where the page is.
    pub(super) page: String,
    /// Whether somebody has it open.
    pub(super) page_is_open: bool,
    /// The last change made there.
    pub(super) user_change: UserChange,
    pub(super) publisher: PublisherInfo,
    pub(super) reader_pids: Vec<u32>,
    pub(super) reader_kib: Vec<Option<u64>>,
    pub(super) deliveries: Deliveries,
}

#[derive(Debug, Default)]
pub(super) struct PublisherInfo {
    /// `None`: there is none.
    pub(super) pid: Option<u32>,
    pub(super) anonymous_kib: Option<u64>,
    /// When the next one starts.
    pub(super) back_in: Option<Duration>,
}

impl State {
    /// Whether the flipping flag is on.
    pub(super) fn is_on(&self) -> bool {
        flags::is_on(self.flip)
    }

    /// Whether readers see it on: a person may have flipped it too.
    pub(super) fn is_seen_on(&self) -> bool {
        let newest = self.deliveries.readers.iter().max_by_key(|reader| reader.generation);
        newest.and_then(|reader| reader.on).unwrap_or(self.is_on())
    }

    /// The newest generation that a reader has seen.
    pub(super) fn generation(&self) -> u64 {
        self.deliveries.readers.iter().map(|reader| reader.generation).max().unwrap_or(0)
    }

    /// All times from the server's write to a reader's read.
    pub(super) fn latencies(&self) -> Vec<u64> {
        self.deliveries.readers.iter().flat_map(|reader| reader.latencies.iter().copied()).collect()
    }

    /// Nanoseconds per read of the private maps.
    pub(super) fn per_map_read(&self) -> Option<f64> {
        let all: Vec<_> =
            self.deliveries.readers.iter().flat_map(|reader| reader.per_map_read.iter().copied()).collect();
        median(&all)
    }
}

/// A time in nanoseconds, for people.
pub(super) fn nanos(nanos: Option<u64>) -> String {
    match nanos {
        None => "-".to_owned(),
        Some(nanos @ 0..1_000_000) => format!("{} us", nanos / 1000),
        Some(nanos @ 1_000_000..1_000_000_000) => format!("{:.1} ms", nanos as f64 / 1e6),
        Some(nanos) => format!("{:.1} s", nanos as f64 / 1e9),
    }
}

/// Nanoseconds per read.
pub(super) fn per_read(nanos: Option<f64>) -> String {
    nanos.map_or("-".to_owned(), |nanos| format!("{nanos:.1} ns"))
}

/// Reads per second.
pub(super) fn rate(rate: Option<f64>) -> String {
    rate.map_or("-".to_owned(), |rate| format!("{:.1} M", rate / 1e6))
}

/// Memory.
pub(super) fn memory(kib: Option<u64>) -> String {
    kib.map_or("-".to_owned(), |kib| crate::show::bytes(kib * 1024))
}

/// The last change of a person: what, and who has seen it.
pub(super) fn user_change(user_change: &UserChange) -> Option<(String, String)> {
    let changed = user_change.last()?;
    let value = |json: &Option<String>, nothing: &str| match json.as_deref() {
        None => nothing.to_owned(),
        Some("true") => switch(true).to_owned(),
        Some("false") => switch(false).to_owned(),
        Some(json) => short(json, VALUE_WIDTH),
    };
    let what = format!(
        "{}: {} -> {}",
        short(&changed.key, KEY_WIDTH),
        value(&changed.old, "(new)"),
        value(&changed.new, "(removed)")
    );
    let (readers, (count, slowest)) = (user_change.readers(), user_change.seen_by());
    let seen = match slowest {
        Some(slowest) => format!("seen by {count} of {readers} after {}", nanos(Some(slowest))),
        None => "on its way".to_owned(),
    };
    Some((what, seen))
}

fn short(text: &str, columns: usize) -> String {
    crate::show::shortened(&crate::show::harmless(text), columns)
}

/// On or off.
pub(super) fn switch(on: bool) -> &'static str {
    if on { "ON" } else { "off" }
}
