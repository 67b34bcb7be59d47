//! Checkpoints.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use flagstaff_format::layout::{AREA_BYTES, Area};
use flagstaff_reader::Reader;

use crate::boots::make_old;
use crate::context::{Context, PATIENCE};
use crate::file_systems::Family;
use crate::numbered::number;
use crate::problem::{Problem, fail};
use crate::process_numbers::percentile;

/// Calls of `fdatasync` that are timed.
const SYNCS: usize = 5;

/// Publishes, each of which must reach the disk.
const PUBLISHES: &str = "5";

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    let path = context.folder.join("synced");
    let file = File::create(&path).map_err(Problem::file("make", &path))?;
    let mut times = Vec::new();
    for n in 0..SYNCS {
        file.write_all_at(&[n as u8; 4096], 0).map_err(Problem::file("write", &path))?;
        let begun = Instant::now();
        file.sync_data().map_err(Problem::file("sync (fdatasync)", &path))?;
        times.push(begun.elapsed().as_micros() as u64);
    }
    let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 100));
    context.did(format!("{SYNCS} plain calls of fdatasync: {half} us (median), {most} us (slowest)"));
    if Family::of(&context.named).is_ok_and(|family| family == Family::Memory) {
        context
            .note("this file system is in memory: a sync does nothing, and no flags are left after a reboot");
    }

    let publisher = context.start("durable", &[PUBLISHES])?;
    let line =
        context.last_line("a publisher that waits for the disk", publisher, "durable ", PATIENCE * 2)?;
    let (generation, times) = line.split_once(' ').unwrap_or((&line, "[]"));
    context.did(format!("{PUBLISHES} publishes, each durable after (us) {times}"));

    // The file after a reboot, if nothing but the checkpoints reached the disk.
    let path = context.path();
    make_old(&path).map_err(Problem::file("change", &path))?;
    let file = File::options().write(true).open(&path).map_err(Problem::file("open", &path))?;
    for slot in [Area::Slot(0), Area::Slot(1)] {
        let zeros = vec![0; 1 << 16];
        debug_assert!(zeros.len() as u64 <= AREA_BYTES);
        file.write_all_at(&zeros, slot.offset()).map_err(Problem::file("write", &path))?;
    }
    let reader = Reader::open(&path)?;
    let found = (reader.generation().0.to_string(), reader.get_i64_or("numbered-flag-007", -1));
    if found != (generation.to_owned(), number(reader.generation())) {
        fail!(
            "after a reboot that left nothing but checkpoints, a reader has generation {} with {}, expected {generation}",
            found.0,
            found.1
        );
    }
    context.did("the last of them read from its checkpoint, as after a reboot that lost everything else");
    fs::remove_file(&path).map_err(Problem::file("remove", &path))
}
