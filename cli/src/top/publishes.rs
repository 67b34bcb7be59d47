//! How many generations were published in each of the last seconds.

use std::time::Instant;

/// Seconds that are kept.
pub(crate) const SECONDS: usize = 40;

#[derive(Debug)]
pub(crate) struct Publishes {
    /// The second that is going on is the last one.
    counts: Vec<u64>,
    /// When that second began.
    since: Instant,
    generation: u64,
}

impl Publishes {
    /// Counts from this generation on.
    pub(crate) fn from(generation: u64, now: Instant) -> Publishes {
        Publishes { counts: vec![0; SECONDS], since: now, generation }
    }

    /// Takes note of the generation that is current now.
    pub(crate) fn note(&mut self, generation: u64, now: Instant) {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        self.since += std::time::Duration::from_secs(seconds);
        let gone = usize::try_from(seconds).unwrap_or(SECONDS).min(SECONDS);
        self.counts.drain(..gone);
        self.counts.resize(SECONDS, 0);
        if let Some(last) = self.counts.last_mut() {
            *last += generation.saturating_sub(self.generation);
        }
        self.generation = self.generation.max(generation);
    }

    /// Publishes of each second, the newest one last.
    pub(crate) fn per_second(&self) -> &[u64] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_publish_counts_in_its_second_and_goes_out_of_sight_after_the_last_one() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut publishes = Publishes::from(7, start);
        publishes.note(9, at(500));
        publishes.note(10, at(900));
        publishes.note(10, at(1500));
        publishes.note(14, at(2999));
        assert_eq!(publishes.per_second()[SECONDS - 3..], [3, 0, 4]);
        publishes.note(14, at(2000 + 39_999));
        assert_eq!(publishes.per_second()[..2], [4, 0]);
        publishes.note(14, at(1_000_000));
        assert_eq!(publishes.per_second().iter().sum::<u64>(), 0);
    }
}
