//! The kind of file system, and whether a snapshot file works there at all.

use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::Reader;

use crate::context::Context;
use crate::file_systems::FileSystem;
use crate::numbered::{number, payload};
use crate::problem::{Problem, fail};

/// Reports what is known about the file system without writing to it.
pub(crate) fn describe(context: &mut Context<'_>) -> Result<(), Problem> {
    let found = FileSystem::of(&context.named)
        .map_err(Problem::file("examine the file system of", &context.named))?;
    let place = found.mounted_at.as_ref().map_or(String::new(), |place| format!(" at {}", place.display()));
    context.did(format!("{}{place}, {} MiB free", found.name, found.free >> 20));
    if let Some(limits) = found.family.limits() {
        context.note(limits);
    }
    if found.is_read_only {
        context
            .note("mounted read-only: readers can use an existing snapshot file; nothing can be published");
    }
    Ok(())
}

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    describe(context)?;
    let path = context.path();
    let mut publisher = Publisher::open(&path, &PublisherOptions::default())?;
    publisher.publish(&payload(1, 0))?;
    let reader = Reader::open(&path)?;
    let seen = reader.get_i64_or("numbered-flag-000", -1);
    if seen != number(publisher.generation()) {
        fail!("a reader has {seen}, expected 1");
    }
    publisher.close()?;
    context.did("a snapshot file made, published to, read, and synced to the disk");
    Ok(())
}
