//! A disk that says no: each step that an operating system may refuse fails, once or for a while.

use std::time::Instant;

use fastrand::Rng;

use crate::image::Cut;
use crate::life::Life;
use crate::recorder::Op;
use crate::{Tally, look, seed};

/// Steps that are given up in silence, because nothing depends on them now. A file without its second name is what file systems without
/// hard links have; the publisher that runs tries it again twice a second.
const SILENT: [&str; 8] = [
    "sync directory",
    "reserve",
    "store event",
    "store reserved",
    "store feed head",
    "write feed",
    "link",
    "rename second name",
];

/// Operations after a failure that are all looked at.
const AFTERMATH: usize = 30;

fn scripted(fails: Option<std::ops::Range<usize>>) -> Life {
    // Its operations are fewer.
    let mut life = if flagstaff_tests::long::is_wanted() { Life::new() } else { Life::by_calls() };
    if let Some(fails) = fails {
        life.recorder.fail(fails);
    }
    life.script();
    life
}

/// The kernel forgets which pages were dirty when a sync fails, and [`crate::machine::Machine`] does the same: a publisher
/// that syncs the same bytes twice would call something durable that is not.
#[test]
fn a_disk_that_fails_at_any_step_loses_nothing_that_was_acknowledged_and_heals() {
    let (mut random, begun) = (Rng::with_seed(seed()), Instant::now());
    let steps = scripted(None).recorder.fallible();
    let mut tally = Tally::default();
    for length in [1, 4] {
        for first in (0..steps).step_by(length.min(2)) {
            let mut life = scripted(Some(first..first + length));
            let failed = life.recorder.failed();
            assert!(
                !life.errors.is_empty() || failed.iter().all(|name| SILENT.contains(name)),
                "{failed:?} failed at step {first} and nobody was told"
            );
            // It heals: what comes now is durable again.
            life.recorder.heal();
            life.start();
            life.errors.clear();
            life.publish(1234);
            life.checkpoint();
            assert!(life.errors.is_empty(), "step {first}: {:?}", life.errors);
            let ops = life.recorder.ops();
            let failed_at = life.recorder.failed_at();
            for (from, count, cuts) in [
                (failed_at, AFTERMATH, &[Cut::Nothing][..]),
                (random.usize(..ops.len()), 6, &[Cut::Nothing, Cut::Sectors]),
                (ops.len() - 1, 1, &[Cut::Nothing, Cut::Sectors]),
            ] {
                let seen = &ops[..(from + count).min(ops.len())];
                look(seen, &life.path, from, cuts, &mut random, &mut tally);
            }
            assert!(tally.wrong.is_empty(), "{failed:?} failed at step {first}: {:#?}", tally.wrong);
        }
    }
    let took = begun.elapsed();
    eprintln!(
        "{steps} steps failed once, every other with the three after it; {} images in {took:.1?}",
        tally.images
    );
}

/// Symptom: a checkpoint that had been called durable was gone after a power loss. Cause: the sync of the first attempt had
/// failed and taken the header page with it, in which stands how far the region reaches; the second attempt wrote the
/// region anew, but not that word. Fix: it is stored again before each sync.
#[test]
fn a_checkpoint_after_a_failed_sync_brings_the_header_to_the_disk_as_well() {
    let (mut life, mut tally) = (Life::new(), Tally::default());
    life.start();
    life.publish(100);
    // Reserve, say so, frame, archive, say so again, sync.
    let sync = life.recorder.fallible() + 5;
    life.recorder.fail(sync..sync + 1);
    life.checkpoint();
    assert_eq!(life.recorder.failed(), ["sync"]);
    assert_eq!(life.errors.len(), 1, "{:?}", life.errors);
    let ops = life.recorder.ops();
    assert_eq!(ops.last(), Some(&Op::Acknowledged(1)));
    look(&ops, &life.path, ops.len() - 1, &[Cut::Nothing], &mut Rng::with_seed(1), &mut tally);
    assert!(tally.wrong.is_empty(), "{:?}", tally.wrong);
}

/// Symptom: after a sync of the directory that failed, a power loss took a whole file with checkpoints that had been called
/// durable. Cause: the failure was passed over. Fix: the directory is synced again with the next checkpoint, which is
/// not called durable before.
#[test]
fn nothing_is_durable_before_the_name_of_its_file_is() {
    let mut dry = Life::new();
    dry.start();
    // The last step but one, before the file gets its second name.
    let name = dry.recorder.fallible() - 2;
    for failures in [1, 6] {
        let (mut life, mut tally) = (Life::new(), Tally::default());
        life.recorder.fail(name..name + 1);
        life.start();
        assert_eq!(life.recorder.failed(), ["sync directory"]);
        assert!(life.errors.is_empty(), "readers need no disk: {:?}", life.errors);
        life.publish(100);
        let again = life.recorder.fallible() + 6;
        life.recorder.fail(again..again + failures - 1);
        life.checkpoint();
        assert_eq!(life.errors.is_empty(), failures == 1, "{:?}", life.errors);
        life.recorder.heal();
        life.checkpoint();
        let ops = life.recorder.ops();
        assert_eq!(ops.last(), Some(&Op::Acknowledged(1)));
        look(&ops, &life.path, ops.len() - 1, &[Cut::Nothing], &mut Rng::with_seed(1), &mut tally);
        assert!(tally.wrong.is_empty(), "{:?}", tally.wrong);
    }
}
