//! Publishers that do it wrong: the test must notice each of them.

use std::collections::HashMap;

use fastrand::Rng;
use flagstaff_format::layout::{AREA_BYTES, Area, word};

use crate::image::Cut;
use crate::life::Life;
use crate::recorder::{Op, Outcome};
use crate::{Tally, look};

/// How many images of the scripted life a publisher fails that does as `mutate` says.
fn caught(mutate: impl FnOnce(Vec<Op>) -> Vec<Op>) -> usize {
    let mut life = Life::new();
    life.script();
    let ops = mutate(life.recorder.ops());
    wrong(&life, &ops, &[Cut::Nothing, Cut::Sectors])
}

fn wrong(life: &Life, ops: &[Op], cuts: &[Cut]) -> usize {
    let mut tally = Tally::default();
    look(ops, &life.path, 0, cuts, &mut Rng::with_seed(1), &mut tally);
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

/// A publisher dies with half of a slot written; its successor stores what differs from the publish that it takes to stand there.
#[test]
fn a_publisher_that_compares_with_what_it_believes_is_noticed() {
    let mut life = Life::new();
    life.start();
    (0..3).for_each(|_| life.publish(10));
    // What the fourth changes beside the others is in the slot as the second left it, and in the fifth.
    life.die(12, |life| life.publish(10));
    life.publish(10);
    let ops = life.recorder.ops();
    let (mut tries, mut believed, mut now) = (0, HashMap::new(), HashMap::new());
    let mut mutant = ops.clone();
    mutant.retain(|op| {
        match op {
            Op::Tries(n) => tries = *n,
            Op::Published(_) => believed = now.clone(),
            Op::Write { at, bytes, .. }
                if (Area::Slot(0).offset()..Area::Checkpoint(0).offset()).contains(at) =>
            {
                let lines: Vec<_> = (*at..).step_by(64).zip(bytes.chunks(64).map(<[u8]>::to_vec)).collect();
                let is_believed = lines.iter().all(|(at, line)| believed.get(at) == Some(line));
                now.extend(lines);
                return tries < 5 || !is_believed;
            }
            _ => {}
        }
        true
    });
    assert!(mutant.len() < ops.len());
    assert_eq!(wrong(&life, &ops, &[Cut::Killed]), 0);
    assert!(wrong(&life, &mutant, &[Cut::Killed]) > 0);
}
