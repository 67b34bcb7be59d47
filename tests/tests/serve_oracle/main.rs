//! A random life of `flagstaff serve`: API clients, open pages, streams, a publisher that follows, people who edit the files by hand, stops and
//! kills, all at the same time; and one rule, see [`judge`].
//!
//! `FLAGSTAFF_SEED` repeats a list of steps, `FLAGSTAFF_STEPS=3,17,18` only those of its steps, `FLAGSTAFF_WITHOUT=edit,kill` all but those of a kind.
//! `FLAGSTAFF_LONG=1` goes on for minutes (`FLAGSTAFF_SECONDS` says how many seconds), each time with another seed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod client;
mod ear;
mod editor;
mod judge;
mod planted;
mod record;
mod shrink;
mod step;
mod world;

use std::time::{Duration, Instant};

use step::{Step, list};
use world::{Found, World};

/// More than a run of the given time has.
const BURSTS: usize = 20_000;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap_or_else(|error| panic!("{name} is {text:?}: {error}")))
}

/// Steps of seeds that once found something: an edit that is saved by rename while a PATCH is written; a second server that is started by
/// a link while an editor has moved the file away; a kill while a broken edit is out of its place; an edit that is saved while another one
/// is out of its place, and does not know of it.
const CASES: [(u64, &[usize]); 4] = [
    (1_795_726_157_854_257_435, &[16, 17, 18]),
    (1_795_734_652_872_042_326, &[73, 75, 80, 88]),
    (71, &[4218, 4220, 4221, 4222, 4223, 4225, 4227]),
    (81, &[3195, 3196, 3200, 3201, 3202, 3203, 3204, 3206]),
];

/// The list of steps of the short form. It says the same of the same program each time, as far as machines do.
const SEED: u64 = 1;

fn fail(seed: u64, steps: &[Step], found: &Found) -> ! {
    let places: Vec<_> = steps.iter().map(|step| step.place.to_string()).collect();
    let places = places.join(",");
    panic!(
        "{}\n{steps:#?}\nFLAGSTAFF_SEED={seed} FLAGSTAFF_STEPS={places} repeats these {} steps",
        found.what,
        steps.len()
    );
}

#[test]
fn what_was_accepted_or_saved_by_hand_is_in_the_file_the_stream_and_the_history() {
    let is_long = flagstaff_tests::long::is_wanted();
    let seconds = number("FLAGSTAFF_SECONDS").unwrap_or(if is_long { 600 } else { 15 });
    let seed = flagstaff_tests::long::seed(SEED);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut steps = list(seed, BURSTS);
    if let Some(wanted) = variable("FLAGSTAFF_STEPS") {
        let wanted: Vec<usize> = wanted.split(',').map(|place| place.parse().unwrap()).collect();
        steps.retain(|step| wanted.contains(&step.place));
        while Instant::now() < until {
            shrink::run(&steps).unwrap_or_else(|found| fail(seed, &steps, &found));
        }
        return;
    }
    if let Some(without) = variable("FLAGSTAFF_WITHOUT") {
        steps.retain(|step| !without.split(',').any(|name| name == step.action.name()));
    }
    let ran = World::new().run(&steps, until);
    match ran {
        Ok(tally) => eprintln!("nothing found: {tally:?}"),
        Err(found) => {
            let burst: Vec<_> = steps.iter().filter(|step| step.burst == found.burst).collect();
            eprintln!("seed {seed}, burst {}: {}\n{burst:#?}", found.burst, found.what);
            let patience = Duration::from_secs(if is_long { 600 } else { 60 });
            let (fewer, found) = shrink::shrink(steps, found, Instant::now() + patience);
            fail(seed, &fewer, &found);
        }
    }
}

#[test]
fn steps_that_once_found_something_find_nothing() {
    for (seed, places) in CASES {
        let most = places.iter().max().copied().unwrap_or(0);
        let steps: Vec<_> =
            list(seed, most + 1).into_iter().filter(|step| places.contains(&step.place)).collect();
        shrink::run(&steps).unwrap_or_else(|found| fail(seed, &steps, &found));
    }
}
