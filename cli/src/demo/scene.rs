//! What there is to show.

use std::time::Duration;

use super::ledger::{Ledger, median};

#[derive(Debug)]
pub(super) struct Scene {
    /// How long it lasts.
    pub(super) seconds: u64,
    pub(super) elapsed: Duration,
    /// Number of flips.
    pub(super) turn: u64,
    pub(super) url: String,
    pub(super) publisher: PublisherScene,
    pub(super) reader_pids: Vec<u32>,
    pub(super) reader_kib: Vec<Option<u64>>,
    pub(super) ledger: Ledger,
}

#[derive(Debug, Default)]
pub(super) struct PublisherScene {
    /// `None`: there is none.
    pub(super) pid: Option<u32>,
    pub(super) anonymous_kib: Option<u64>,
    /// When the next one starts.
    pub(super) back_in: Option<Duration>,
}

impl Scene {
    /// The newest generation that a reader has seen.
    pub(super) fn generation(&self) -> u64 {
        self.ledger.readers.iter().map(|reader| reader.generation).max().unwrap_or(0)
    }

    /// All times from the server's write to a reader's eye.
    pub(super) fn latencies(&self) -> Vec<u64> {
        self.ledger.readers.iter().flat_map(|reader| reader.latencies.iter().copied()).collect()
    }

    /// Nanoseconds per read of the private maps.
    pub(super) fn per_map_read(&self) -> Option<f64> {
        let all: Vec<_> =
            self.ledger.readers.iter().flat_map(|reader| reader.per_map_read.iter().copied()).collect();
        median(&all)
    }
}

/// A time in nanoseconds for people.
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

/// On or off.
pub(super) fn switch(on: bool) -> &'static str {
    if on { "ON" } else { "off" }
}
