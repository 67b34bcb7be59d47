//! Many readers beside a publisher at 100 publishes a second.

use std::time::Duration;

use crate::context::Context;
use crate::many::Many;
use crate::problem::Problem;
use crate::reader_pool::ReaderKind;

/// Reader processes.
const READERS: usize = 48;

/// The time of this check has so many parts: one without readers, one for starting and ending them, the rest with readers.
const PARTS: u32 = 6;

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    let time = context.left().max(Duration::from_secs(1));
    let many = Many {
        readers: READERS,
        kinds: vec![ReaderKind::Waits, ReaderKind::Polls, ReaderKind::Polls, ReaderKind::Slow],
        time: time * (PARTS - 2) / PARTS,
        alone: time / PARTS,
        rate: 100,
        disturb: true,
        seed: context.random.u64(..),
    };
    let report = many.run(context.launcher, &context.folder, &|| !context.is_stopped())?;
    if context.is_stopped() {
        return Ok(());
    }
    context.report.findings.extend(report.findings());
    let pool = &report.pool;
    context.did(format!(
        "{READERS} readers at a time, {} killed and replaced, {} stops: {} looks, {} whole snapshots, {} KiB of private memory each",
        pool.killed, pool.stopped, pool.looks, pool.snapshots, pool.own_memory
    ));
    context.did(format!("publisher alone: {}", report.alone));
    context.did(format!("publisher with them: {}", report.beside));
    Ok(())
}
