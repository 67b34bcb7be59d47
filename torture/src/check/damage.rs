//! Damaged copies of a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::Reader;

use crate::context::{Context, PATIENCE};
use crate::problem::{Problem, fail};
use crate::process::wait_until;
use crate::role::damaged_payload;

/// Snapshots in the file: both slots and both checkpoints have one.
const PUBLISHES: i64 = 4;

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    let path = context.path();
    let mut publisher =
        Publisher::open(&path, &PublisherOptions::default().checkpoint_every(Duration::ZERO))?;
    for n in 1..=PUBLISHES {
        publisher.publish(&damaged_payload(n))?;
        let reader = Reader::open(&path)?;
        wait_until(PATIENCE, || reader.status().durable >= publisher.generation());
    }
    publisher.close()?;
    fs::set_permissions(&path, Permissions::from_mode(0o640))
        .map_err(Problem::file("change the mode of", &path))?;
    let (seed, most) = (context.random.u64(..).to_string(), PUBLISHES.to_string());
    let time = context.left().max(Duration::from_millis(500));
    let mut child = context.start("damage", &[&seed, &most, &time.as_millis().to_string()])?;
    let status = loop {
        match child.wait(Duration::from_millis(100)) {
            Ok(status) => break status,
            Err(_) if context.is_stopped() => return Ok(()),
            Err(problem) if context.left().is_zero() => match child.wait(PATIENCE) {
                Ok(status) => break status,
                Err(_) => return Err(problem),
            },
            Err(_) => {}
        }
    };
    let said = child.stdout() + &child.stderr();
    let done = said.lines().find_map(|line| line.strip_prefix("done "));
    let Some(done) = done.filter(|_| status.success()) else {
        let note = fs::read_to_string(path.with_extension("note")).unwrap_or_default();
        fail!(
            "a reader of a damaged file ended with {status}: {}; what was done last: {}",
            said.trim_end(),
            note.lines().next().unwrap_or_default().trim_end()
        );
    };
    let numbers: Vec<&str> = done.split(' ').collect();
    if let [living, right, refused, lengths] = numbers.as_slice() {
        context.did(format!(
            "{living} bits flipped under a reader, {right} before it opened the file that made no difference, {refused} that it \
             refused, {lengths} files of another length refused; every call made each time"
        ));
    }
    Ok(())
}
