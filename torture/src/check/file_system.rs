//! What the file system is, and whether a snapshot file lives there at all.

use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::Reader;

use crate::kinds::FileSystem;
use crate::numbered::{number, payload};
use crate::problem::Problem;
use crate::stage::Stage;

/// Says what is known of it without touching it.
pub(crate) fn describe(stage: &mut Stage<'_>) -> Result<(), Problem> {
    let found =
        FileSystem::of(&stage.named).map_err(Problem::file("examine the file system of", &stage.named))?;
    let place = found.mounted_at.as_ref().map_or(String::new(), |place| format!(" at {}", place.display()));
    stage.did(format!("{}{place}, {} MiB free", found.name, found.free >> 20));
    if let Some(limits) = found.family.limits() {
        stage.note(limits);
    }
    if found.is_read_only {
        stage.note(
            "mounted read-only: readers work on a snapshot file that is there; nothing can be published",
        );
    }
    Ok(())
}

pub(super) fn check(stage: &mut Stage<'_>) -> Result<(), Problem> {
    describe(stage)?;
    let path = stage.path();
    let mut publisher = Publisher::open(&path, &PublisherOptions::default())?;
    let _ = publisher.publish(&payload(1, 0))?;
    let reader = Reader::open(&path)?;
    let seen = reader.get_i64_or("numbered-flag-000", -1);
    if seen != number(publisher.generation()) {
        return Err(Problem::Found(format!("a reader has {seen}, expected 1")));
    }
    publisher.close()?;
    stage.did("a snapshot file made, published to, read, and brought to the disk");
    Ok(())
}
