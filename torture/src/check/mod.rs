//! The checks in their order.

mod damage;
mod death;
mod disk;
mod file_system;
mod full;
mod lock;
mod mapping;
mod readers;
mod steps;

use crate::context::Context;
use crate::problem::Problem;

pub(crate) use file_system::describe;

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its part of the time that is left, compared with those that follow; 0: it takes what it takes, some seconds at most.
    pub(crate) weight: u32,
    pub(crate) run: fn(&mut Context<'_>) -> Result<(), Problem>,
}

/// All checks. Without the first one there is nothing to check.
pub const CHECKS: &[Check] = &[
    Check {
        name: "file-system",
        about: "what kind it is, and whether a snapshot file can be made and read there",
        weight: 0,
        run: file_system::check,
    },
    Check {
        name: "lock",
        about: "it excludes others, ends with its process although a forked child lives, and is taken over",
        weight: 0,
        run: lock::check,
    },
    Check {
        name: "mapping",
        about: "what one process writes, others see at once; renames and removals too; sleepers are woken",
        weight: 0,
        run: mapping::check,
    },
    Check {
        name: "disk",
        about: "checkpoints reach the disk and are read after a reboot",
        weight: 0,
        run: disk::check,
    },
    Check {
        name: "full",
        about: "a full disk and a limit on the size of files are errors that harm nobody",
        weight: 0,
        run: full::check,
    },
    Check {
        name: "death",
        about: "publishers killed and stopped at random moments, under the eyes of readers",
        weight: 7,
        run: death::check,
    },
    Check {
        name: "steps",
        about: "publishers killed at named steps, succeeded within a second",
        weight: 4,
        run: steps::check,
    },
    Check {
        name: "readers",
        about: "many readers, some slow, stopped and killed, at 100 publishes a second",
        weight: 5,
        run: readers::check,
    },
    Check {
        name: "damage",
        about: "flipped bits and cut-off files: readers answer right or not at all, and never crash",
        weight: 4,
        run: damage::check,
    },
];
