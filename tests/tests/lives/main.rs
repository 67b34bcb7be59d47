//! Lives of readers: a file, a publisher that comes and goes, people who remove, rename and restore, and readers of every kind that
//! were there before. After each step each of them is asked, and every answer is compared with the payload that it is to be from.
//!
//! The rule: every answer is that of one generation that was current; a reader never goes back; and when a publisher has published,
//! every living reader answers that at its next read. Exceptions are in `vexil_tests::lives::exceptions`.
//!
//! | variable | is |
//! |---|---|
//! | `VEXIL_LONG=1` | 100,000 steps, and 1,000 restores |
//! | `VEXIL_LIVES_STEPS` | another number of steps |
//! | `VEXIL_LIVES_SEED` | the first seed: to see a life again |
//! | `VEXIL_LIVES_RESTORE_SEED` | the seed of the restores by hand |
//! | `VEXIL_LIVES_TRACE=1` | prints each step, and what was known before it |
//!
//! A life that goes wrong is shrunk and printed as a list of steps; kept in `cases/`, it is lived again first.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod clock;
mod hosts;
mod shrink;
mod step;
mod world;

use std::time::{Duration, Instant};

use fastrand::Rng;
use step::Step;
use vexil_tests::long;
use world::{Counts, World};

/// Steps of one life.
const LIFE: u64 = 2000;

/// Time for making a failing life shorter.
const SHRINKING: Duration = Duration::from_secs(60);

/// Lives every step. Of one that goes wrong: which, and how.
fn live(steps: &[Step], defect: &'static str) -> Result<Counts, (usize, String, Counts)> {
    let can_be_full = steps.iter().any(|step| matches!(step, Step::FullDisk(..)));
    let mut world = World::new(defect, can_be_full);
    for (at, step) in steps.iter().enumerate() {
        if let Err(wrong) = world.step(*step) {
            return Err((at, wrong, world.counts()));
        }
    }
    Ok(world.counts())
}

fn random_steps(seed: u64, count: u64) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    (0..count).map(|_| Step::random(&mut random)).collect()
}

fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn text(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{step}\n")).collect()
}

/// How an answer was wrong: `wrong frozen`, `wrong living` and so on. A life that goes wrong in another way is another find.
fn how(wrong: &str) -> Vec<String> {
    wrong.split(' ').take(2).map(str::to_owned).collect()
}

fn shorter(steps: &[Step], wrong: &str, defect: &'static str) -> (Vec<Step>, String) {
    let shrunk = shrink::shrink(steps.to_vec(), SHRINKING, |steps| {
        let (at, other, _) = live(steps, defect).err()?;
        (how(&other) == how(wrong)).then_some(at)
    });
    let again = live(&shrunk, defect).err().map(|(_, wrong, _)| wrong);
    (shrunk, again.unwrap_or_else(|| "not again: a matter of time".to_owned()))
}

#[test]
fn every_reader_answers_the_newest_flags_through_a_random_life() {
    let begun = Instant::now();
    let wanted = long::tries("VEXIL_LIVES_STEPS", 10_000);
    let given = given("VEXIL_LIVES_SEED");
    let first = given.unwrap_or(1);
    let mut all = Counts::default();
    for life in 0.. {
        if all.steps >= wanted {
            break;
        }
        // Known seeds, and at last one that nobody knows.
        let is_last = all.steps + LIFE >= wanted;
        let seed = if is_last && given.is_none() { fastrand::u64(..1 << 32) } else { first + life };
        eprintln!("seed {seed}, {all:?} so far, {:?}", begun.elapsed());
        let steps = random_steps(seed, LIFE.min(wanted - all.steps));
        match live(&steps, "none") {
            Ok(counts) => {
                all.steps += counts.steps;
                all.reads += counts.reads;
                all.publishes += counts.publishes;
                all.refused_by_the_disk += counts.refused_by_the_disk;
            }
            Err((at, wrong, counts)) => {
                let (shrunk, again) = shorter(&steps[..=at], &wrong, "none");
                panic!(
                    "VEXIL_LIVES_SEED={seed}: {wrong}\nat step {} ({}) after {} reads; {} steps after shrinking, which say: {again}\n{}",
                    at + 1,
                    steps[at],
                    counts.reads,
                    shrunk.len(),
                    text(&shrunk)
                );
            }
        }
    }
    eprintln!("done: {all:?}, {:?}", begun.elapsed());
    assert!(all.reads > all.steps * 10, "too little was asked: {all:?}");
}

#[test]
fn lives_that_went_wrong_once_are_good() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lives/cases");
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 2, "{cases:?}");
    let mut wrong = String::new();
    for case in cases {
        let lines = std::fs::read_to_string(&case).unwrap();
        let steps = lines.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let steps: Vec<Step> = steps.map(|line| line.parse().unwrap()).collect();
        if let Err((at, what, _)) = live(&steps, "none") {
            wrong += &format!("{} at step {}: {what}\n", case.display(), at + 1);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Stop the publisher, remove the file or put a copy in its place, start a publisher or publish once.
#[test]
fn every_reader_follows_a_restore_by_hand_at_its_next_read() {
    let rounds = if long::is_wanted() { 1000 } else { 30 };
    let seed = given("VEXIL_LIVES_RESTORE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let mut random = Rng::with_seed(seed);
    let mut steps = vec![Step::Host, Step::Host, Step::Start, Step::Publish(10, 1), Step::Copy];
    steps.extend((0..10).map(Step::Open));
    steps.extend((0..4).map(Step::Attach));
    for round in 0..rounds {
        steps.push(if random.bool() { Step::Close } else { Step::Kill });
        match random.u32(..3) {
            0 => steps.push(Step::Remove),
            1 => steps.push(Step::Restore),
            _ => steps.extend([Step::RenameAway, Step::Restore]),
        }
        let (size, variety) = (random.u32(..400), random.u32(..1000));
        if random.bool() {
            steps.push(Step::OneShot(size, variety));
            steps.push(Step::Start);
        } else {
            steps.extend([Step::Start, Step::Publish(size, variety)]);
        }
        match round % 10 {
            3 => steps.push(Step::Copy),
            5 => steps.extend([Step::Drop(random.u32(..64)), Step::Open(random.u32(..64))]),
            7 => steps.push(Step::Fork(random.u32(..64))),
            9 => steps.push(Step::End(random.u32(..64))),
            _ => {}
        }
        steps.push(Step::Publish(random.u32(..400), variety));
    }
    match live(&steps, "none") {
        Ok(counts) => eprintln!("{rounds} restores, seed {seed}: {counts:?}"),
        Err((at, wrong, _)) => panic!("seed {seed}, step {} of {}: {wrong}", at + 1, steps.len()),
    }
}

/// A host whose readers keep what they had is a planted defect. The oracle finds it, and shrinks the life to a few steps.
#[test]
fn a_reader_that_freezes_is_noticed_and_the_life_is_made_short() {
    let steps = [Step::Start, Step::Publish(10, 1), Step::Open(0), Step::Publish(400, 2)];
    assert!(live(&steps, "none").is_ok());
    let mut seed = 100;
    let (at, steps, wrong) = loop {
        let steps = random_steps(seed, 300);
        if let Err((at, wrong, _)) = live(&steps, "stale") {
            assert!(wrong.contains("wrong"), "{wrong}");
            break (at, steps, wrong);
        }
        seed += 1;
        assert!(seed < 105, "not noticed");
    };
    let (shrunk, wrong) = shorter(&steps[..=at], &wrong, "stale");
    assert!(wrong.contains("instead of") && shrunk.len() <= 6, "{wrong}\n{}", text(&shrunk));
}

#[test]
fn steps_are_read_as_they_are_written() {
    let steps = random_steps(3, 2000);
    let again: Vec<Step> = text(&steps).lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(again, steps);
    assert!("Publish 1".parse::<Step>().is_err() && "Fly 3".parse::<Step>().is_err());
}
