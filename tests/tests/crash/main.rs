//! Power losses: everything that a publisher does to its file system is recorded, and the disk that a power loss at each
//! moment could leave is built, opened and looked at. `FLAGSTAFF_IMAGES` says how many, `FLAGSTAFF_LONG` has ten times as many, `FLAGSTAFF_SEED` repeats them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod content;
mod faults;
mod image;
mod judge;
mod life;
mod machine;
mod mutants;
mod recorder;

use std::path::Path;
use std::time::Instant;

use fastrand::Rng;
use tempfile::TempDir;

use image::Cut;
use judge::Promises;
use life::Life;
use machine::Machine;
use recorder::Op;

/// Each deed of a random life makes about 60 images.
const DEEDS: usize = 12;

/// In memory where that is possible: the disk is the one in [`Machine`], and real syncs would only take time.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Its second life has an empty file in the place of one with flags, which is found again by its second name.
const SEED: u64 = 1_795_747_413_723_376_603;

fn seed() -> u64 {
    flagstaff_tests::long::seed(SEED)
}

fn images(otherwise: usize) -> usize {
    flagstaff_tests::long::tries("FLAGSTAFF_IMAGES", otherwise as u64) as usize
}

/// What came of looking at many images.
#[derive(Debug, Default)]
struct Tally {
    images: usize,
    wrong: Vec<String>,
}

/// Builds the images of `cuts` after each operation from number `first` on, and looks at them.
fn look(ops: &[Op], path: &Path, first: usize, cuts: &[Cut], random: &mut Rng, tally: &mut Tally) {
    let folder = folder();
    let image = folder.path().join(path.file_name().unwrap());
    let (mut machine, mut promises) = (Machine::new(), Promises::default());
    for (number, op) in ops.iter().enumerate() {
        machine.apply(op);
        promises.apply(op);
        if number < first {
            continue;
        }
        for cut in cuts {
            image::build(&machine, *cut, random, folder.path());
            if let Err(what) = judge::judge(&image, *cut, &promises) {
                tally.wrong.push(format!("{cut:?} after operation {number}, {}: {what}", brief(op)));
            }
            tally.images += 1;
            image::clear(folder.path());
        }
    }
}

fn brief(op: &Op) -> String {
    match op {
        Op::Write { at, bytes, .. } => format!("write of {} bytes at {at}", bytes.len()),
        other => format!("{other:?}"),
    }
}

#[test]
fn after_a_power_loss_at_any_moment_of_a_scripted_life_nothing_acknowledged_is_lost() {
    let (mut random, mut tally) = (Rng::with_seed(seed()), Tally::default());
    for mut life in [Life::new(), Life::by_calls()] {
        let begun = Instant::now();
        life.script();
        assert!(life.errors.is_empty(), "{:?}", life.errors);
        let ops = life.recorder.ops();
        look(&ops, &life.path, 0, &Cut::ALL, &mut random, &mut tally);
        eprintln!("{} images, {} operations in {:.1?}", tally.images, ops.len(), begun.elapsed());
    }
    assert!(
        tally.wrong.is_empty(),
        "{} wrong: {:#?}",
        tally.wrong.len(),
        &tally.wrong[..tally.wrong.len().min(5)]
    );
}

#[test]
fn after_a_power_loss_at_any_moment_of_random_lives_nothing_acknowledged_is_lost() {
    let (mut random, mut tally, begun) = (Rng::with_seed(seed()), Tally::default(), Instant::now());
    let (mut lives, mut operations) = (0, 0);
    while tally.images < images(5000) {
        let mut life = if lives % 2 == 0 { Life::new() } else { Life::by_calls() };
        life.random(&mut random, DEEDS);
        let ops = life.recorder.ops();
        look(&ops, &life.path, 0, &Cut::ALL, &mut random, &mut tally);
        (lives, operations) = (lives + 1, operations + ops.len());
        assert!(tally.wrong.is_empty(), "life {lives}: {:#?}", &tally.wrong[..tally.wrong.len().min(5)]);
    }
    let took = begun.elapsed();
    eprintln!("{} images of {operations} operations in {lives} lives, {took:.1?}", tally.images);
}
