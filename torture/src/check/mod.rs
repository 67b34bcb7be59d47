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
    /// Its share of the remaining time, relative to the checks after it; 0: it has a fixed length of some seconds at most.
    pub(crate) weight: u32,
    pub(crate) run: fn(&mut Context<'_>) -> Result<(), Problem>,
}

/// All checks. Without the first one there is nothing to check.
pub const CHECKS: &[Check] = &[
    Check {
        name: "file-system",
        about: "its kind, and whether a snapshot file can be made and read there",
        weight: 0,
        run: file_system::check,
    },
    Check {
        name: "lock",
        about: "it excludes others, ends with its process even if a forked child lives, and is taken over",
        weight: 0,
        run: lock::check,
    },
    Check {
        name: "mapping",
        about: "other processes see writes, renames and removals immediately; sleepers are woken",
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
        about: "a full disk and a limit on the size of files are errors and damage nothing",
        weight: 0,
        run: full::check,
    },
    Check {
        name: "death",
        about: "publishers killed and stopped at random moments while readers check every value",
        weight: 7,
        run: death::check,
    },
    Check {
        name: "steps",
        about: "publishers killed at named steps; the next one publishes within a second",
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
        about: "flipped bits and truncated files: readers return right values or defaults, and never crash",
        weight: 4,
        run: damage::check,
    },
];
