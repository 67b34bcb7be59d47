//! Which flips were sent, and which reader saw each of them when.

use super::message::Message;

/// Measurements of one reader.
#[derive(Debug, Clone, Default)]
pub(super) struct ReaderStats {
    /// Whether its process has ended.
    pub(super) ended: bool,
    pub(super) ready: bool,
    pub(super) on: Option<bool>,
    pub(super) generation: u64,
    /// Nanoseconds from the server's write to the reader's read, one for each flip seen.
    pub(super) latencies: Vec<u64>,
    /// Nanoseconds per read, one for each burst.
    pub(super) per_read: Vec<f64>,
    /// The same for the private map.
    pub(super) per_map_read: Vec<f64>,
    /// Reads per second of each burst.
    pub(super) rates: Vec<f64>,
    seen: Vec<u64>,
}

/// One flip.
#[derive(Debug, Clone, Copy)]
struct Flip {
    number: u64,
    /// Whether every reader must see it.
    required: bool,
}

/// All flips and all readers.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) readers: Vec<ReaderStats>,
    flips: Vec<Flip>,
}

impl Deliveries {
    pub(super) fn new(readers: usize) -> Deliveries {
        Deliveries { readers: vec![ReaderStats::default(); readers], flips: Vec::new() }
    }

    /// A flip was sent to a publisher: from now on every reader must see it.
    pub(super) fn sent(&mut self, number: u64) {
        match self.flips.iter_mut().find(|flip| flip.number == number) {
            Some(flip) => flip.required = true,
            None => self.flips.push(Flip { number, required: true }),
        }
    }

    /// The publisher died: readers need not see flips that it had not delivered to all of them.
    pub(super) fn publisher_died(&mut self) {
        let readers = &self.readers;
        for flip in &mut self.flips {
            flip.required &= readers.iter().all(|reader| reader.seen.contains(&flip.number));
        }
    }

    /// A message of reader `number`; `None` is its end.
    pub(super) fn heard(&mut self, number: usize, message: Option<Message>) {
        let Some(reader) = self.readers.get_mut(number) else { return };
        match message {
            None => reader.ended = true,
            Some(Message::Ready) => reader.ready = true,
            Some(Message::Seen { flip, generation, sent_at, seen_at, on }) => {
                reader.on = Some(on);
                reader.generation = generation;
                if !reader.seen.contains(&flip) {
                    reader.seen.push(flip);
                    // Flip 0 is older than the readers.
                    if flip > 0 {
                        reader.latencies.push(seen_at.saturating_sub(sent_at));
                    }
                }
            }
            // A person's change, see `user_change`.
            Some(Message::Changed { .. }) => {}
            Some(Message::Burst { reads, nanos, per_read, per_map_read }) => {
                reader.rates.push(reads as f64 * 1e9 / nanos.max(1) as f64);
                reader.per_read.push(per_read);
                reader.per_map_read.push(per_map_read);
            }
        }
    }

    pub(super) fn are_ready(&self) -> bool {
        self.readers.iter().all(|reader| reader.ready)
    }

    /// Flips that every reader must see.
    pub(super) fn required(&self) -> impl Iterator<Item = u64> {
        self.flips.iter().filter(|flip| flip.required && flip.number > 0).map(|flip| flip.number)
    }

    /// Flips that a reader must see and has not seen.
    pub(super) fn missed(&self, reader: usize) -> Vec<u64> {
        let seen = self.readers.get(reader).map(|reader| reader.seen.as_slice()).unwrap_or_default();
        self.required().filter(|flip| !seen.contains(flip)).collect()
    }

    pub(super) fn is_settled(&self) -> bool {
        (0..self.readers.len()).all(|reader| self.missed(reader).is_empty())
    }
}

/// The median; `None` if there are no values.
pub(super) fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(flip: u64) -> Option<Message> {
        Some(Message::Seen { flip, generation: flip, sent_at: 10, seen_at: 15, on: true })
    }

    #[test]
    fn a_flip_that_was_sent_is_missed_by_every_reader_until_it_sees_it() {
        let mut deliveries = Deliveries::new(2);
        deliveries.sent(1);
        deliveries.heard(0, seen(1));
        assert_eq!((deliveries.missed(0), deliveries.missed(1)), (vec![], vec![1]));
        deliveries.heard(1, seen(1));
        assert!(deliveries.is_settled());
        assert_eq!(deliveries.readers[0].latencies, [5]);
    }

    #[test]
    fn flips_lost_with_a_publisher_are_not_required_until_they_are_sent_again() {
        let mut deliveries = Deliveries::new(1);
        deliveries.sent(1);
        deliveries.publisher_died();
        assert!(deliveries.is_settled());
        deliveries.sent(1);
        assert_eq!(deliveries.missed(0), [1]);
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&[3, 1, 2]), Some(2));
        assert_eq!(median::<u64>(&[]), None);
    }
}
