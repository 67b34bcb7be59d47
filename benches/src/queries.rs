//! What readers ask for, with the answers that are right.

use std::hint::black_box;

use crate::flags::Random;

/// Which share of the queries asks for flags that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// All of them.
    Hit,
    /// None.
    Miss,
    /// Half of them, in random order.
    Half,
}

impl Mix {
    /// All three.
    pub(crate) const ALL: [Mix; 3] = [Mix::Hit, Mix::Miss, Mix::Half];

    /// As it stands in a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mix::Hit => "hit",
            Mix::Miss => "miss",
            Mix::Half => "half hits, half misses",
        }
    }
}

/// How a pass asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One query after the other: the processor works on several at once.
    Throughput,
    /// Which query is next depends on the answer: what one read costs when something waits for it.
    Chain,
}

/// Answers of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many were asked.
    pub(crate) asked: usize,
    /// How many were true.
    pub(crate) sum: u64,
}

/// Keys in random order, laid out in the order in which they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Queries {
    /// The keys.
    pub(crate) keys: Vec<String>,
    truth: Vec<bool>,
}

impl Queries {
    /// `count` queries over flags of which every second one, from the first on, is true.
    pub(crate) fn new(keys: &[String], mix: Mix, count: usize) -> Queries {
        let mut random = Random(0xD1B5_4A32_D192_ED03);
        let (mut asked, mut truth) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for _ in 0..count {
            let at = random.below(keys.len());
            let hit = match mix {
                Mix::Hit => true,
                Mix::Miss => false,
                Mix::Half => random.below(2) == 0,
            };
            asked.push(if hit { keys[at].clone() } else { absent(&keys[at]) });
            truth.push(hit && at.is_multiple_of(2));
        }
        Queries { keys: asked, truth }
    }

    /// What a pass over the first `count` must answer.
    pub(crate) fn expected(&self, pace: Pace, count: usize) -> Tally {
        let mut at = 0;
        pass(pace, &self.keys[..count.min(self.keys.len())], |_| {
            let answer = self.truth[at];
            at += if pace == Pace::Chain { 1 + usize::from(answer) } else { 1 };
            answer
        })
    }
}

/// A key of the same length that no flag has.
fn absent(key: &str) -> String {
    format!("{}~", &key[..key.len() - 1])
}

/// Asks `look` for all keys.
#[inline(always)]
pub(crate) fn pass(pace: Pace, keys: &[String], mut look: impl FnMut(&str) -> bool) -> Tally {
    match pace {
        Pace::Throughput => {
            Tally { asked: keys.len(), sum: keys.iter().map(|key| u64::from(look(key))).sum() }
        }
        Pace::Chain => {
            let (mut at, mut tally) = (0, Tally { asked: 0, sum: 0 });
            while let Some(key) = keys.get(at) {
                // Hidden, so that the processor cannot guess the next address by guessing the answer.
                let answer = black_box(usize::from(look(key)));
                tally.asked += 1;
                tally.sum += answer as u64;
                at += 1 + answer;
            }
            tally
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::keys;

    #[test]
    fn the_expected_answers_are_those_of_a_plain_search() {
        let keys = keys(50);
        for mix in Mix::ALL {
            let queries = Queries::new(&keys, mix, 500);
            for pace in [Pace::Throughput, Pace::Chain] {
                let found = pass(pace, &queries.keys, |key| {
                    keys.iter().position(|known| known == key).is_some_and(|at| at % 2 == 0)
                });
                assert_eq!(found, queries.expected(pace, 500), "{mix:?} {pace:?}");
            }
        }
    }
}
