//! Shared memory: one process sees what another one does to a file.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flagstaff_format::{FileId, Mapping};

use crate::context::{Context, PATIENCE};
use crate::problem::{Problem, fail};
use crate::process::{Process, wait_until};
use crate::role::poke;

/// Values that are written each way.
const ROUNDS: u64 = 200;

/// Sleeps.
const SLEEPS: usize = 10;

/// The longest sleep.
const SLEEP: Duration = Duration::from_secs(3);

/// How long to wait for a value that is not seen immediately, to tell late from never.
const LATE: Duration = Duration::from_secs(1);

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    let path = context.folder.join("poked");
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(Problem::file("make", &path))?;
    file.set_len(poke::BYTES).map_err(Problem::file("set the length of", &path))?;
    let map = Mapping::read_only(&file, poke::BYTES).map_err(Problem::file("map", &path))?;
    let mut other = context.start_on("poke", &path)?;
    other.line("ready", PATIENCE)?;

    for n in 1..=ROUNDS {
        order(&mut other, &format!("write {n}"))?;
        sees("what another process writes is not seen through a mapping", n, || map.load(poke::WRITTEN))?;
        order(&mut other, &format!("store {n}"))?;
        sees("what another process stores through a mapping is not seen through one", n, || {
            map.load(poke::STORED)
        })?;
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, poke::STORED as u64 * 8).map_err(Problem::file("read", &path))?;
        sees("what another process stores through a mapping is not read", n, || u64::from_le_bytes(bytes))?;
    }
    context.did(format!(
        "{ROUNDS} values written and {ROUNDS} stored by another process, each seen immediately"
    ));
    wakes(context, &mut other, &map)?;
    moves(context, &mut other, &path, &map)?;
    other.close_stdin();
    other.wait(PATIENCE).map(drop)
}

fn order(other: &mut Process, line: &str) -> Result<(), Problem> {
    other.say(line);
    other.line(line, PATIENCE).map(drop)
}

fn sees(what: &str, expected: u64, look: impl Fn() -> u64) -> Result<(), Problem> {
    let found = look();
    if found == expected {
        return Ok(());
    }
    let begun = Instant::now();
    while begun.elapsed() < LATE {
        if look() == expected {
            let after = begun.elapsed();
            fail!("{what} immediately, but only after {after:.1?}");
        }
    }
    Err(Problem::Found(format!("{what}: found {found}, expected {expected}")))
}

fn wakes(context: &mut Context<'_>, other: &mut Process, map: &Mapping) -> Result<(), Problem> {
    let (mut woken, mut slept) = (0, Vec::new());
    for _ in 0..SLEEPS {
        let event = map.event().load();
        other.say("wake");
        let begun = Instant::now();
        match map.event().wait(event, SLEEP) {
            Ok(()) => {
                woken += 1;
                slept.push(begun.elapsed());
            }
            // It was faster than this process could fall asleep.
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(error) => {
                fail!(
                    "another process did not wake a sleep on a word of the mapped file: {error}; readers notice changes late"
                );
            }
        }
        if !wait_until(LATE, || map.event().load() != event) {
            fail!("a wake was not seen in the event word");
        }
    }
    slept.sort_unstable();
    let median = slept.get(slept.len() / 2).copied().unwrap_or_default();
    if woken == 0 {
        context.found("no sleep on a word of the mapped file was ended by a wake from another process");
    }
    context.did(format!(
        "{woken} of {SLEEPS} sleeps on a word of the mapped file ended by a wake (half within {median:.1?}, 30 ms of it before \
         the wake)"
    ));
    Ok(())
}

fn moves(context: &mut Context<'_>, other: &mut Process, path: &Path, map: &Mapping) -> Result<(), Problem> {
    let before = FileId::at(path);
    order(other, "replace 4711")?;
    if FileId::at(path) == before || FileId::at(path).is_none() {
        fail!("a file that another process renamed over the path is not seen");
    }
    let new = File::open(path).map_err(Problem::file("open", path))?;
    let new_map = Mapping::read_only(&new, poke::BYTES).map_err(Problem::file("map", path))?;
    sees("the new file is not read", 4711, || new_map.load(poke::WRITTEN))?;
    sees("the mapping of the old file does not show the old file any more", ROUNDS, || {
        map.load(poke::WRITTEN)
    })?;
    order(other, "unlink")?;
    if fs::exists(path).map_err(Problem::file("look at", path))? {
        fail!("a file that another process removed is still seen");
    }
    order(other, "write 4712")?;
    sees("the mapping of a removed file does not show that file any more", 4712, || {
        new_map.load(poke::WRITTEN)
    })?;
    context.did(
        "a file renamed over the path and a removed one, seen immediately, with the old mappings still valid",
    );
    Ok(())
}
