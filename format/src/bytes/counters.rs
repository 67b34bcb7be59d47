//! What publishers of a file have done so far, as words of its header page: for metrics, whoever publishes and whoever asks.
//!
//! They belong to the file and not to a process: the next publisher goes on counting, and a file that supersedes another one takes them over.
//! A publisher counts in its own memory and writes them about twice a second, so that a publish pays for no system call.

use std::time::Duration;

use crate::bytes::last_failure::FailureKind;

/// Words of the header page that hold them.
pub const WORDS: usize = 96;

/// Upper bounds of the buckets of a [`Durations`], in microseconds. A last bucket has no bound.
pub const BOUNDS_MICROS: [u64; 13] =
    [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// The word that is no count: the bytes of the payload that was published last.
const PAYLOAD_BYTES: usize = 6;

/// The first of the words that count failures, one for each code.
const FAILURES: usize = 8;

/// Codes that are counted by themselves. The last word is for all others.
const CODES: usize = 32;

/// The first of the words of each [`Durations`].
const DURATIONS: [usize; 3] = [40, 56, 72];

/// How often something took how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Durations {
    /// The sum.
    pub sum: Duration,
    /// For each of [`BOUNDS_MICROS`] how many took no longer, but longer than the bound before; the last one has those beyond.
    pub buckets: [u64; BOUNDS_MICROS.len() + 1],
}

impl Durations {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(*bucket))
    }
}

/// What is counted by a number alone. The value is its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A payload was published.
    Published = 0,
    /// A payload was the same as the one before.
    Unchanged = 1,
    /// A flag was added, removed or changed.
    FlagChanged = 2,
    /// A stream of the source was opened.
    Connected = 3,
    /// A checkpoint got to the disk.
    Checkpoint = 4,
    /// A payload was refused for what is in it.
    Refused = 5,
    /// A payload was held by the guard. Word 6 is the bytes of the payload.
    Held = 7,
}

/// What takes time. The value is its place among the histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// From a payload to the archive: parsing and building.
    Build = 0,
    /// From the archive to the readers: storing it in a slot.
    Store = 1,
    /// A checkpoint, until the disk has it.
    Checkpoint = 2,
}

/// All counters of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters([u64; WORDS]);

impl Default for Counters {
    fn default() -> Counters {
        Counters([0; WORDS])
    }
}

impl Counters {
    /// As the words of the header page.
    #[must_use]
    pub fn of(words: [u64; WORDS]) -> Counters {
        Counters(words)
    }

    /// For the header page.
    #[must_use]
    pub fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// How often something happened.
    #[must_use]
    pub fn count(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    /// Counts something that happened `times` times.
    pub fn add(&mut self, event: Event, times: u64) {
        self.add_at(event as usize, times);
    }

    /// Bytes of the payload that was published last; 0 is unknown.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.0[PAYLOAD_BYTES]
    }

    /// Says how large the payload was that was published last.
    pub fn set_payload_bytes(&mut self, bytes: u64) {
        self.0[PAYLOAD_BYTES] = bytes;
    }

    /// How often each kind of failure was, those that never were left out.
    pub fn failures(&self) -> impl Iterator<Item = (FailureKind, u64)> {
        let counted = self.0[FAILURES..FAILURES + CODES].iter().enumerate();
        counted.filter(|(_, count)| **count > 0).filter_map(|(code, count)| {
            let code = if code == CODES - 1 { u64::MAX } else { code as u64 };
            Some((FailureKind::from_code(code, 0)?, *count))
        })
    }

    /// Counts a failure.
    pub fn add_failure(&mut self, kind: FailureKind) {
        self.add_at(FAILURES + (kind.code() as usize).min(CODES - 1), 1);
    }

    /// How long something has taken so far.
    #[must_use]
    pub fn durations(&self, phase: Phase) -> Durations {
        let words = &self.0[DURATIONS[phase as usize]..];
        Durations {
            sum: Duration::from_nanos(words[0]),
            buckets: std::array::from_fn(|bucket| words[1 + bucket]),
        }
    }

    /// Counts something that took `time`.
    pub fn add_duration(&mut self, phase: Phase, time: Duration) {
        let at = DURATIONS[phase as usize];
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| bound * 1000 < nanos);
        self.add_at(at, nanos);
        self.add_at(at + 1 + bucket, 1);
    }

    /// Wraps, like every counter of this kind in the end.
    fn add_at(&mut self, at: usize, number: u64) {
        self.0[at] = self.0[at].wrapping_add(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_bucket_that_is_not_shorter() {
        let mut counters = Counters::default();
        for (micros, bucket) in
            [(0, 0), (10, 0), (11, 1), (100_000, 12), (100_001, 13), (u64::MAX / 1000, 13)]
        {
            let before = counters.durations(Phase::Store).buckets[bucket];
            counters.add_duration(Phase::Store, Duration::from_micros(micros));
            assert_eq!(counters.durations(Phase::Store).buckets[bucket], before + 1, "{micros} us");
        }
        assert_eq!(counters.durations(Phase::Store).count(), 6);
        assert_eq!(counters.durations(Phase::Build), Durations::default());
        assert_eq!(counters.durations(Phase::Checkpoint), Durations::default());
    }

    #[test]
    fn failures_are_counted_by_kind_and_one_that_has_no_word_of_its_own_as_other() {
        let mut counters = Counters::default();
        for kind in [FailureKind::HttpStatus(401), FailureKind::HttpStatus(503), FailureKind::Disk] {
            counters.add_failure(kind);
        }
        counters.add_failure(FailureKind::Other);
        let found: Vec<_> = counters.failures().map(|(kind, count)| (kind.name(), count)).collect();
        assert_eq!(found, [("http_status", 2), ("disk", 1), ("other", 1)]);
    }

    #[test]
    fn no_two_counters_share_a_word_and_all_lie_in_the_page() {
        let mut seen = Counters::default();
        seen.set_payload_bytes(1);
        for event in [
            Event::Published,
            Event::Unchanged,
            Event::FlagChanged,
            Event::Connected,
            Event::Checkpoint,
            Event::Refused,
            Event::Held,
        ] {
            seen.add(event, 1);
        }
        for code in 1..40 {
            if let Some(kind) = FailureKind::from_code(code, 0).filter(|kind| *kind != FailureKind::Other) {
                seen.add_failure(kind);
            }
        }
        seen.add_failure(FailureKind::Other);
        for phase in [Phase::Build, Phase::Store, Phase::Checkpoint] {
            for bound in BOUNDS_MICROS {
                seen.add_duration(phase, Duration::from_micros(bound));
            }
            seen.add_duration(phase, Duration::from_secs(1));
        }
        assert!(seen.words().iter().enumerate().all(|(at, count)| *count <= 1 || DURATIONS.contains(&at)));
    }
}
