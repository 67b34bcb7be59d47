//! Many readers beside a publisher at 100 publishes a second.

use std::time::Duration;

use crate::crowd::Kind;
use crate::many::Many;
use crate::problem::Problem;
use crate::stage::Stage;

/// Reader processes.
const READERS: usize = 48;

/// Of the time of this check, the part without readers, and the part for starting and ending them.
const PARTS: u32 = 6;

pub(super) fn check(stage: &mut Stage<'_>) -> Result<(), Problem> {
    let time = stage.left().max(Duration::from_secs(1));
    let many = Many {
        readers: READERS,
        kinds: vec![Kind::Waits, Kind::Polls, Kind::Polls, Kind::Slow],
        time: time * (PARTS - 2) / PARTS,
        alone: time / PARTS,
        rate: 100,
        disturb: true,
        seed: stage.random.u64(..),
    };
    let report = many.run(stage.launcher, &stage.folder, &|| !stage.is_stopped())?;
    if stage.is_stopped() {
        return Ok(());
    }
    stage.findings.extend(report.findings());
    let crowd = &report.crowd;
    stage.did(format!(
        "{READERS} readers at a time, {} killed and replaced, {} stops: {} looks, {} whole snapshots, {} KiB of memory of its own each",
        crowd.killed, crowd.stopped, crowd.looks, crowd.snapshots, crowd.own_memory
    ));
    stage.did(format!("publisher alone: {}", report.alone));
    stage.did(format!("publisher with them: {}", report.beside));
    Ok(())
}
