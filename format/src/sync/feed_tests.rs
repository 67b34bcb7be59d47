use std::collections::VecDeque;

use fastrand::Rng;

use super::*;

const MOST: usize = InFile::MOST;

/// A ring as it stands in a file, and what really changed.
struct File {
    ring: Vec<u64>,
    heads: [u64; 2],
    generation: Generation,
    history: VecDeque<Option<Vec<u32>>>,
}

impl File {
    fn new(generation: u64) -> File {
        let generation = Generation(generation);
        File { ring: vec![0; InFile::ENTRIES], heads: [0; 2], generation, history: VecDeque::new() }
    }

    /// Stores what a publish stores; a publisher that dies before its even store leaves that behind.
    fn store(&mut self, changed: Option<&[u32]>) {
        let head = self.heads[head_of::<InFile>(self.generation)];
        let addition = addition::<InFile>(head, self.generation, changed);
        assert!(addition.entries.len() <= MOST);
        for (i, entry) in addition.entries.into_iter().enumerate() {
            self.ring[(addition.start + i) % InFile::ENTRIES] = entry;
        }
        self.heads[head_of::<InFile>(self.generation.next())] = addition.head;
    }

    fn publish(&mut self, changed: Option<&[u32]>) {
        self.store(changed);
        self.generation = self.generation.next();
        self.history.push_front(changed.map(<[u32]>::to_vec));
    }

    fn changed(&self, from: u64) -> Result<Vec<u32>, Lost> {
        let head = self.heads[head_of::<InFile>(self.generation)];
        changed::<InFile>(head, |at| self.ring[at], self.generation, Generation(from))
    }

    /// What really changed in the last `count` publishes.
    fn truth(&self, count: usize) -> Option<Vec<u32>> {
        let mut places = Vec::new();
        for one in self.history.iter().take(count) {
            places.extend(one.as_ref()?);
        }
        places.sort_unstable();
        places.dedup();
        Some(places)
    }
}

fn random_places(random: &mut Rng) -> Option<Vec<u32>> {
    match random.u32(..80) {
        0 => None,
        1..4 => Some((0..random.u32(..400)).collect()),
        _ => Some((0..random.u32(..4)).map(|_| random.u32(..1000)).collect()),
    }
}

/// Also of publishers that died between the stores of the ring and the even store of the generation word.
#[test]
fn what_the_feed_says_is_what_changed_over_random_publishes_and_deaths() {
    let (mut known, mut lost) = (0, 0);
    for seed in 0..40 {
        let mut random = Rng::with_seed(seed);
        let mut file = File::new(random.u64(..1 << 46));
        for _ in 0..300 {
            if random.u32(..10) == 0 {
                file.store(random_places(&mut random).as_deref());
            }
            file.publish(random_places(&mut random).as_deref());
            for _ in 0..5 {
                let count = random.usize(..30).min(file.history.len());
                match file.changed(file.generation.0 - count as u64) {
                    Ok(places) => {
                        assert_eq!(Some(places), file.truth(count), "seed {seed}");
                        known += 1;
                    }
                    Err(Lost::NoFeed) => panic!("seed {seed}: a feed that was written is none"),
                    Err(_) => lost += 1,
                }
            }
        }
    }
    assert!(known > 20_000 && lost > 2_000, "{known} answers, {lost} times none");
}

#[test]
fn a_feed_that_nobody_began_or_that_is_of_other_generations_says_nothing() {
    let mut file = File::new(7);
    assert_eq!(file.changed(6), Err(Lost::NoFeed));
    file.publish(Some(&[3]));
    assert_eq!(file.changed(7), Ok(vec![3]), "the first publish of a ring is told");
    assert_eq!(file.changed(6), Err(Lost::Anything));
    assert_eq!((file.changed(8), file.changed(9)), (Ok(vec![]), Err(Lost::Overrun)));
    // An older program publishes, which does not know the feed.
    file.generation = file.generation.next();
    assert_eq!(file.changed(8), Err(Lost::NoFeed));
    file.publish(Some(&[4]));
    assert_eq!((file.changed(9), file.changed(8)), (Ok(vec![4]), Err(Lost::Anything)));
}

#[test]
fn a_publish_of_more_places_than_one_may_tell_is_an_overrun_and_one_of_as_many_is_not() {
    let mut file = File::new(1);
    file.publish(Some(&[]));
    let all: Vec<u32> = (0..=MOST as u32).collect();
    file.publish(Some(&all[..MOST]));
    assert_eq!(file.changed(2), Ok(all[..MOST].to_vec()));
    file.publish(Some(&all));
    assert_eq!((file.changed(3), file.changed(2)), (Err(Lost::Anything), Err(Lost::Anything)));
    file.publish(Some(&[u32::MAX]));
    assert_eq!(file.changed(4), Err(Lost::Anything), "a place that no entry can name");
}

#[test]
fn one_flipped_bit_of_the_ring_never_changes_what_is_said() {
    let mut file = File::new(1000);
    (0..6).for_each(|place| file.publish(Some(&[place])));
    let truth = file.changed(1001);
    assert_eq!(truth, Ok(vec![1, 2, 3, 4, 5]));
    for at in 0..8 {
        for bit in 0..64 {
            file.ring[at] ^= 1 << bit;
            let said = file.changed(1001);
            assert!(said == truth || said.is_err(), "bit {bit} of entry {at}: {said:?}");
            assert!(said.is_err() || !(1..=6).contains(&at), "bit {bit} of entry {at} is not noticed");
            file.ring[at] ^= 1 << bit;
        }
    }
    for bit in 0..64 {
        file.heads[0] ^= 1 << bit;
        assert_eq!(file.changed(1001), Err(Lost::NoFeed), "bit {bit} of the head");
        file.heads[0] ^= 1 << bit;
    }
}
