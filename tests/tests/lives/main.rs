//! Lives of readers: a file, a publisher that comes and goes, people who remove, rename and restore, and readers of every kind that
//! were there before. After each step each of them is asked, and every answer is compared with the payload that it is to be from.
//!
//! The rule: every answer is that of one generation that was current; a reader never goes back; and when a publisher has published,
//! every living reader answers that at its next read. Exceptions are in `flagstaff_tests::lives::exceptions`.
//!
//! | variable | is |
//! |---|---|
//! | `FLAGSTAFF_LONG=1` | 100,000 steps, and 1,000 restores |
//! | `FLAGSTAFF_LIVES_STEPS`, `FLAGSTAFF_LIVES_SERVICE_STEPS` | another number of steps |
//! | `FLAGSTAFF_LIVES_SECONDS` | no new life begins after that |
//! | `FLAGSTAFF_LIVES_SEED` | the first seed: to see a life again |
//! | `FLAGSTAFF_LIVES_RESTORE_SEED` | the seed of the restores by hand |
//! | `FLAGSTAFF_LIVES_TRACE=1` | prints each step, and what was known before it |
//!
//! Seeds are fixed, so that the same commit is judged the same.
//! A life that goes wrong is shrunk and printed as a list of steps; kept in `cases/`, it is lived again first.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod clock;
mod command;
mod disk;
mod foreign;
mod hosts;
mod service;
mod shrink;
mod step;
mod world;

use std::time::{Duration, Instant};

use fastrand::Rng;
use flagstaff_tests::long;
use service::Service;
use step::Step;
use world::{Counts, World};

/// Steps of one life.
const LIFE: u64 = 2000;

/// Time for making a failing life shorter.
const SHRINKING: Duration = Duration::from_secs(60);

/// Where the flags of a life come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A publisher that does what it is told: what is at the path and in each file is known at each step.
    Told,
    /// A service: of who publishes it is known only that somebody does.
    Service,
}

/// Lives every step. Of one that goes wrong: which, and how.
fn live(kind: Kind, steps: &[Step], defect: &'static str) -> Result<Counts, (usize, String, Counts)> {
    let can_be_full = steps.iter().any(|step| matches!(step, Step::FullDisk(..)));
    match kind {
        Kind::Told => {
            let mut world = World::new(defect, can_be_full);
            for (at, step) in steps.iter().enumerate() {
                world.step(*step).map_err(|wrong| (at, wrong, world.counts()))?;
            }
            Ok(world.counts())
        }
        Kind::Service => {
            let mut service =
                Service::new(defect, can_be_full).map_err(|wrong| (0, wrong, Counts::default()))?;
            for (at, step) in steps.iter().enumerate() {
                service.step(*step).map_err(|wrong| (at, wrong, service.counts()))?;
            }
            Ok(service.counts())
        }
    }
}

fn random_steps(kind: Kind, seed: u64, count: u64) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    let any = match kind {
        Kind::Told => Step::random,
        Kind::Service => Step::random_of_service,
    };
    // A disk that can be full is one in memory. Every second life is on the disk that is here.
    let on_disk = |step| match step {
        Step::FullDisk(size, variety) if seed.is_multiple_of(2) => Step::Publish(size, variety),
        step => step,
    };
    (0..count).map(|_| on_disk(any(&mut random))).collect()
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

fn shorter(kind: Kind, steps: &[Step], wrong: &str, defect: &'static str) -> (Vec<Step>, String) {
    let shrunk = shrink::shrink(steps.to_vec(), SHRINKING, |steps| {
        let (at, other, _) = live(kind, steps, defect).err()?;
        (how(&other) == how(wrong)).then_some(at)
    });
    let again = live(kind, &shrunk, defect).err().map(|(_, wrong, _)| wrong);
    (shrunk, again.unwrap_or_else(|| "not again: a matter of time".to_owned()))
}

/// Lives one life after the other, until there were enough steps, or the time is over.
fn lives(kind: Kind, variable: &str, short: u64, whole: u64) {
    let begun = Instant::now();
    let wanted = given(variable).unwrap_or(if long::is_wanted() { whole } else { short });
    let limit = given("FLAGSTAFF_LIVES_SECONDS").map_or(Duration::MAX, Duration::from_secs);
    let first = given("FLAGSTAFF_LIVES_SEED").unwrap_or(1);
    let mut all = Counts::default();
    for life in 0.. {
        if all.steps >= wanted || begun.elapsed() > limit {
            break;
        }
        let seed = first + life;
        eprintln!("{kind:?} seed {seed}, {all:?} so far, {:?}", begun.elapsed());
        let steps = random_steps(kind, seed, LIFE.min(wanted - all.steps));
        match live(kind, &steps, "none") {
            Ok(counts) => all.add(counts),
            Err((at, wrong, counts)) => {
                eprintln!("{kind:?} seed {seed}, step {}: {wrong}; it is made shorter", at + 1);
                let (shrunk, again) = shorter(kind, &steps[..=at], &wrong, "none");
                panic!(
                    "FLAGSTAFF_LIVES_SEED={seed}: {wrong}\nat step {} ({}) after {} reads; {} steps after shrinking, which say: {again}\n{}",
                    at + 1,
                    steps[at],
                    counts.reads,
                    shrunk.len(),
                    text(&shrunk)
                );
            }
        }
    }
    let how = if all.steps < wanted { "cut off by time" } else { "done" };
    eprintln!("{kind:?} {how}: {all:?}, {:?}", begun.elapsed());
    assert!(all.steps > 0 && all.reads > all.steps * 10, "too little was asked: {all:?}");
}

#[test]
fn every_reader_answers_the_newest_flags_through_a_random_life() {
    lives(Kind::Told, "FLAGSTAFF_LIVES_STEPS", 4000, 90_000);
}

#[test]
fn every_reader_and_client_answers_the_newest_flags_of_the_service_whoever_publishes() {
    lives(Kind::Service, "FLAGSTAFF_LIVES_SERVICE_STEPS", 500, 10_000);
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
        let is_service = case.file_name().unwrap().to_string_lossy().starts_with("service-");
        let kind = if is_service { Kind::Service } else { Kind::Told };
        if let Err((at, what, _)) = live(kind, &steps, "none") {
            wrong += &format!("{} at step {}: {what}\n", case.display(), at + 1);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Stop the publisher, remove the file or put a copy in its place, start a publisher or publish once.
#[test]
fn every_reader_follows_a_restore_by_hand_at_its_next_read() {
    let rounds = if long::is_wanted() { 1000 } else { 30 };
    let seed = given("FLAGSTAFF_LIVES_RESTORE_SEED").unwrap_or(1);
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
    match live(Kind::Told, &steps, "none") {
        Ok(counts) => eprintln!("{rounds} restores, seed {seed}: {counts:?}"),
        Err((at, wrong, _)) => panic!("seed {seed}, step {} of {}: {wrong}", at + 1, steps.len()),
    }
}

/// A host whose readers keep what they had is a planted defect. The oracle finds it, and shrinks the life to a few steps.
#[test]
fn a_reader_that_freezes_is_noticed_and_the_life_is_made_short() {
    let steps = [Step::Start, Step::Publish(10, 1), Step::Open(0), Step::Publish(400, 2)];
    assert!(live(Kind::Told, &steps, "none").is_ok());
    // Also while payloads come, and whoever publishes.
    let racing = [Step::Start, Step::Publish(10, 1), Step::Open(0), Step::Race(4, 400, 2)];
    assert!(live(Kind::Told, &racing, "stale").is_err_and(|(_, wrong, _)| wrong.contains("racing")));
    let of_service = [Step::Open(0), Step::Publish(10, 2)];
    let wrong = live(Kind::Service, &of_service, "stale").map_err(|(at, wrong, _)| (at, wrong));
    assert!(wrong.as_ref().is_err_and(|(at, _)| *at == 1), "{wrong:?}");
    let mut seed = 100;
    let (at, steps, wrong) = loop {
        let steps = random_steps(Kind::Told, seed, 300);
        if let Err((at, wrong, _)) = live(Kind::Told, &steps, "stale") {
            assert!(wrong.contains("wrong"), "{wrong}");
            break (at, steps, wrong);
        }
        seed += 1;
        assert!(seed < 105, "not noticed");
    };
    let (shrunk, wrong) = shorter(Kind::Told, &steps[..=at], &wrong, "stale");
    assert!(wrong.contains("instead of") && shrunk.len() <= 6, "{wrong}\n{}", text(&shrunk));
}

/// Small edits are told by the feed: a host that does not hear one of its keys is found out.
#[test]
fn a_reader_that_misses_a_key_of_the_feed_is_noticed() {
    let mut steps = vec![Step::Host, Step::Host, Step::Start, Step::Publish(300, 1)];
    steps.extend((0..12).map(Step::Open));
    steps.extend((0..20).map(|i| Step::Publish(300, i * 3)));
    live(Kind::Told, &steps, "none").unwrap_or_else(|(at, wrong, _)| panic!("step {}: {wrong}", at + 1));
    let wrong = live(Kind::Told, &steps, "deaf").map_err(|(_, wrong, _)| wrong);
    assert!(wrong.as_ref().is_err_and(|wrong| wrong.contains("known by the feed")), "{:?}", wrong.err());
}

#[test]
fn steps_are_read_as_they_are_written() {
    let steps = [random_steps(Kind::Told, 3, 2000), random_steps(Kind::Service, 3, 500)].concat();
    let again: Vec<Step> = text(&steps).lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(again, steps);
    assert!("Publish 1".parse::<Step>().is_err() && "Fly 3".parse::<Step>().is_err());
}
