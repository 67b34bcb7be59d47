//! Publishers that do it wrong: the test must notice each of them.

use fastrand::Rng;
use flagstaff_format::layout::{AREA_BYTES, Area, word};

use crate::image::Cut;
use crate::life::Life;
use crate::recorder::{Op, Outcome};
use crate::{Tally, look};

/// How many images of the scripted life a publisher fails that does as `mutate` says.
fn caught(mutate: impl FnOnce(Vec<Op>) -> Vec<Op>) -> usize {
    let (mut life, mut tally) = (Life::new(), Tally::default());
    life.script();
    let ops = mutate(life.recorder.ops());
    look(&ops, &life.path, 0, &[Cut::Nothing, Cut::Sectors], &mut Rng::with_seed(1), &mut tally);
    eprintln!(
        "{} of {} images are wrong, the first: {:?}",
        tally.wrong.len(),
        tally.images,
        tally.wrong.first()
    );
    tally.wrong.len()
}

#[test]
fn the_life_that_mutants_are_made_of_is_good() {
    assert_eq!(caught(|ops| ops), 0);
}

#[test]
fn a_publisher_that_never_syncs_is_noticed() {
    let is_sync = |op: &Op| matches!(op, Op::Sync { .. });
    assert!(caught(|ops| ops.into_iter().filter(|op| !is_sync(op)).collect()) > 0);
}

#[test]
fn a_publisher_that_says_it_before_it_syncs_is_noticed() {
    let swapped = |mut ops: Vec<Op>| {
        for at in 1..ops.len() {
            if matches!(ops[at], Op::Acknowledged(_)) {
                let sync = ops[..at].iter().rposition(|op| matches!(op, Op::Sync { .. })).unwrap();
                let said = ops.remove(at);
                ops.insert(sync, said);
            }
        }
        ops
    };
    assert!(caught(swapped) > 0);
}

#[test]
fn a_publisher_that_does_not_sync_the_directory_is_noticed() {
    let is_sync = |op: &Op| matches!(op, Op::SyncDirectory { .. });
    assert!(caught(|ops| ops.into_iter().filter(|op| !is_sync(op)).collect()) > 0);
}

#[test]
fn a_publisher_that_renames_a_new_file_before_it_syncs_it_is_noticed() {
    let late = |ops: Vec<Op>| {
        let (mut out, mut held) = (Vec::new(), None);
        for op in ops {
            match op {
                Op::Create { .. } => {
                    out.push(op);
                    held = Some(Vec::new());
                }
                Op::Sync { .. } if held.is_some() => held.as_mut().unwrap().push(op),
                Op::SyncDirectory { .. } => {
                    out.push(op);
                    out.extend(held.take().unwrap_or_default());
                }
                other => out.push(other),
            }
        }
        out
    };
    assert!(caught(late) > 0);
}

/// It syncs the live slots, and takes that for a checkpoint.
#[test]
fn a_publisher_that_syncs_the_wrong_region_is_noticed() {
    let slots = |op| match op {
        Op::Sync { file, .. } => Op::Sync { file, outcome: Outcome::OnlySlots },
        other => other,
    };
    assert!(caught(|ops| ops.into_iter().map(slots).collect()) > 0);
}

#[test]
fn a_publisher_with_a_single_checkpoint_region_is_noticed() {
    let second = Area::Checkpoint(1).offset();
    let reserved = word::RESERVED[3] as u64 * 8;
    let single = |op| match op {
        Op::Write { file, at, bytes } if at >= second => Op::Write { file, at: at - AREA_BYTES, bytes },
        Op::Write { file, at, bytes } if at == reserved => Op::Write { file, at: at - 8, bytes },
        other => other,
    };
    assert!(caught(|ops| ops.into_iter().map(single).collect()) > 0);
}

/// It takes a sync that failed for one that did not.
#[test]
fn a_publisher_that_believes_a_failed_sync_is_noticed() {
    let failed = |op| match op {
        Op::Sync { file, .. } => Op::Sync { file, outcome: Outcome::Failed },
        other => other,
    };
    assert!(caught(|ops| ops.into_iter().map(failed).collect()) > 0);
}
