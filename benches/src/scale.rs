//! How long a run takes: the full form for figures, the quick one to see that everything works.

use std::time::Duration;

/// Numbers of rounds, sizes and times of a run.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    /// Numbers of flags to read from.
    pub(crate) sizes: &'static [usize],
    /// Numbers of flags to publish.
    pub(crate) published: &'static [usize],
    /// Rounds of a contest of one thread.
    pub(crate) rounds: usize,
    /// Queries of a round. From 32,768 on the branch predictor does not learn them.
    pub(crate) queries: usize,
    /// Rounds of all runs with many processes.
    pub(crate) process_rounds: usize,
    /// Numbers of reader processes.
    pub(crate) processes: &'static [usize],
    /// Length of each of the two phases of a reader process.
    pub(crate) phase: Duration,
    /// Publishes, events and fresh processes per figure.
    pub(crate) turns: usize,
    /// Publish something wrong on purpose: then the run must fail. For the test that shows it.
    pub(crate) is_wrong: bool,
}

impl Scale {
    /// For figures that are stated.
    pub(crate) fn full() -> Scale {
        Scale {
            sizes: &[10, 100, 1_000, 10_000, 100_000],
            published: &[100, 1_000, 10_000, 50_000, 100_000],
            rounds: 21,
            queries: 32_768,
            process_rounds: 5,
            processes: &[1, 2, 4, 8],
            phase: Duration::from_millis(400),
            turns: 41,
            is_wrong: false,
        }
    }

    /// For a look: its figures say little.
    pub(crate) fn quick() -> Scale {
        Scale {
            sizes: &[10, 1_000],
            published: &[100, 1_000],
            rounds: 3,
            queries: 4_096,
            process_rounds: 1,
            processes: &[1, 2],
            phase: Duration::from_millis(50),
            turns: 5,
            is_wrong: false,
        }
    }
}
