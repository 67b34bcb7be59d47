//! Which turn was sent, and who saw it when.

use super::message::Message;

/// What is known of one reader.
#[derive(Debug, Clone, Default)]
pub(super) struct ReaderFigures {
    /// Whether its process is there.
    pub(super) ended: bool,
    pub(super) ready: bool,
    pub(super) on: Option<bool>,
    pub(super) generation: u64,
    /// Nanoseconds from the server's write to the reader's eye, one for each turn seen.
    pub(super) latencies: Vec<u64>,
    /// Nanoseconds per read, one for each burst.
    pub(super) per_read: Vec<f64>,
    /// The same of the private map.
    pub(super) per_map_read: Vec<f64>,
    /// Reads per second of each burst.
    pub(super) rates: Vec<f64>,
    seen: Vec<u64>,
}

/// One flip.
#[derive(Debug, Clone, Copy)]
struct Turn {
    number: u64,
    /// Whether every reader has to see it.
    owed: bool,
}

/// The books of the demo.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) readers: Vec<ReaderFigures>,
    turns: Vec<Turn>,
}

impl Ledger {
    pub(super) fn new(readers: usize) -> Ledger {
        Ledger { readers: vec![ReaderFigures::default(); readers], turns: Vec::new() }
    }

    /// A turn went to a publisher: from now on readers owe it.
    pub(super) fn sent(&mut self, number: u64) {
        match self.turns.iter_mut().find(|turn| turn.number == number) {
            Some(turn) => turn.owed = true,
            None => self.turns.push(Turn { number, owed: true }),
        }
    }

    /// The publisher died: what it had not brought to all readers cannot be expected from them.
    pub(super) fn forgive(&mut self) {
        let readers = &self.readers;
        for turn in &mut self.turns {
            turn.owed &= readers.iter().all(|reader| reader.seen.contains(&turn.number));
        }
    }

    /// A message of reader `number`; `None` is its end.
    pub(super) fn heard(&mut self, number: usize, message: Option<Message>) {
        let Some(reader) = self.readers.get_mut(number) else { return };
        match message {
            None => reader.ended = true,
            Some(Message::Ready) => reader.ready = true,
            Some(Message::Seen { turn, generation, sent_at, seen_at, on }) => {
                reader.on = Some(on);
                reader.generation = generation;
                if !reader.seen.contains(&turn) {
                    reader.seen.push(turn);
                    // Turn 0 was there before the readers.
                    if turn > 0 {
                        reader.latencies.push(seen_at.saturating_sub(sent_at));
                    }
                }
            }
            // Of a person, not of a turn: see `hand`.
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

    /// Turns that readers owe.
    pub(super) fn owed(&self) -> impl Iterator<Item = u64> {
        self.turns.iter().filter(|turn| turn.owed && turn.number > 0).map(|turn| turn.number)
    }

    /// Turns that a reader owes and has not seen.
    pub(super) fn missed(&self, reader: usize) -> Vec<u64> {
        let seen = self.readers.get(reader).map(|reader| reader.seen.as_slice()).unwrap_or_default();
        self.owed().filter(|turn| !seen.contains(turn)).collect()
    }

    pub(super) fn is_settled(&self) -> bool {
        (0..self.readers.len()).all(|reader| self.missed(reader).is_empty())
    }
}

/// The median; `None` of nothing.
pub(super) fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(turn: u64) -> Option<Message> {
        Some(Message::Seen { turn, generation: turn, sent_at: 10, seen_at: 15, on: true })
    }

    #[test]
    fn a_turn_that_was_sent_is_owed_by_every_reader_until_it_saw_it() {
        let mut ledger = Ledger::new(2);
        ledger.sent(1);
        ledger.heard(0, seen(1));
        assert_eq!((ledger.missed(0), ledger.missed(1)), (vec![], vec![1]));
        ledger.heard(1, seen(1));
        assert!(ledger.is_settled());
        assert_eq!(ledger.readers[0].latencies, [5]);
    }

    #[test]
    fn what_a_publisher_took_with_it_is_forgiven_until_it_is_sent_again() {
        let mut ledger = Ledger::new(1);
        ledger.sent(1);
        ledger.forgive();
        assert!(ledger.is_settled());
        ledger.sent(1);
        assert_eq!(ledger.missed(0), [1]);
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&[3, 1, 2]), Some(2));
        assert_eq!(median::<u64>(&[]), None);
    }
}
