//! The settings, and what is seen in them.

use super::kind::Kind;
use crate::histogram::Histogram;
use crate::timing::median;

/// Heading in the document.
pub(crate) const SECTION: &str = "Reading, many processes";
/// Title of the table of one publisher's pace.
pub(crate) fn rates(pace: &str) -> String {
    format!("million reads per second, all processes together, over number of processes: {pace}")
}
/// Title of the table of processor time.
pub(crate) fn costs(pace: &str) -> String {
    format!("ns of processor time per read, over number of processes: {pace}")
}
/// Title of the table of percentiles.
pub(crate) const PERCENTILES: &str = "ns of a single read, clock included, one process";

/// Flags of most settings, and of a few where a publish takes little of the machine.
pub(super) const FLAGS: usize = 1_000;
pub(super) const FEW_FLAGS: usize = 100;
/// Publishes per second, and their names.
pub(crate) const PACES: [(u32, &str); 3] =
    [(0, "publisher idle"), (10, "10 publishes a second"), (1_000, "1,000 publishes a second")];

/// What one setting showed in one round.
pub(super) struct Round {
    /// Reads per second of all processes.
    pub(super) rate: f64,
    /// Nanoseconds of processor time per read.
    pub(super) cost: f64,
    /// Reads done again, of a million.
    pub(super) retries: f64,
    pub(super) times: Histogram,
    /// Publishes per second.
    pub(super) publishes: f64,
    /// Share of one core that publishing took.
    pub(super) cpu: f64,
}

/// What one setting showed, over all rounds.
pub(super) struct Seen {
    pub(super) kind: Kind,
    pub(super) flags: usize,
    pub(super) processes: usize,
    pub(super) pace: u32,
    pub(super) rounds: Vec<Round>,
}

impl Seen {
    pub(super) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    /// The median, over the rounds, of this divided by another setting's.
    pub(super) fn beside(&self, other: &Seen, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(a, b)| of(a) / of(b)).collect())
    }
}

impl Round {
    /// At least 1 ns.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        self.times.percentile(share).max(1) as f64
    }
}
