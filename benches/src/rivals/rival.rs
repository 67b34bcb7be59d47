//! What is asked of a rival, and the loop around it.

use crate::Outcome;
use crate::queries::{Pace, Tally, pass};

/// How much of a contest a slow contender takes part in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Runs in every so-manieth round.
    pub(crate) every: usize,
    /// Asks the first so-manieth part of the queries.
    pub(crate) part: usize,
}

impl Effort {
    /// Every round, all queries.
    pub(crate) const FULL: Effort = Effort { every: 1, part: 1 };
    /// For what takes some hundred nanoseconds per read.
    pub(crate) const SLOW: Effort = Effort { every: 3, part: 1 };
    /// For what asks another process.
    pub(crate) const REMOTE: Effort = Effort { every: 7, part: 32 };
}

/// One way to look a boolean up.
pub(crate) trait Rival {
    /// As it stands in tables and plots.
    const NAME: &str;
    /// How much it takes part.
    const EFFORT: Effort = Effort::FULL;

    /// The flag's value; `false` if it is missing.
    fn look(&mut self, key: &str) -> Outcome<bool>;
}

/// A [`Rival`] behind a pointer: one call per pass.
pub(crate) trait Contender {
    /// As it stands in a table.
    fn name(&self) -> &str;

    /// How much it takes part.
    fn effort(&self) -> Effort;

    /// Asks for all keys.
    fn pass(&mut self, pace: Pace, keys: &[String]) -> Outcome<Tally>;
}

impl<R: Rival> Contender for R {
    fn name(&self) -> &str {
        R::NAME
    }

    fn effort(&self) -> Effort {
        R::EFFORT
    }

    fn pass(&mut self, pace: Pace, keys: &[String]) -> Outcome<Tally> {
        let mut failure = None;
        // Written out twice, so that each pace has a loop of its own with the look-up inside it.
        let tally = match pace {
            Pace::Throughput => pass(Pace::Throughput, keys, |key| or_false(self.look(key), &mut failure)),
            Pace::Chain => pass(Pace::Chain, keys, |key| or_false(self.look(key), &mut failure)),
        };
        failure.map_or(Ok(tally), Err)
    }
}

/// Keeps the error of a failed look-up for the end of the pass.
#[inline(always)]
fn or_false(found: Outcome<bool>, failure: &mut Option<Box<dyn std::error::Error>>) -> bool {
    found.unwrap_or_else(|error| {
        *failure = Some(error);
        false
    })
}

/// Every second flag is true, from the first on.
pub(crate) fn pairs(keys: &[String]) -> impl Iterator<Item = (String, bool)> {
    keys.iter().enumerate().map(|(i, key)| (key.clone(), i % 2 == 0))
}
