//! Checks with real processes, on the machine and the file system where it runs, that no flag is lost or torn and nothing crashes.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use flagstaff_torture::{Launcher, Plan};
//!
//! // A program that passes what follows `torture-child` to `flagstaff_torture::role::main`.
//! let children = Launcher::new("/usr/local/bin/flagstaff", ["torture-child"]);
//! let report = Plan::new("/var/lib/flagstaff").seconds(30).run(&children, &AtomicBool::new(false), &|line| println!("{line}"));
//! assert!(report.is_good());
//! ```
//!
//! # Guarantees
//! - Everything happens in a new folder inside the one that is named. It is removed at the end.
//! - No child outlives the process that started it, not even a stopped one: the kernel kills it with its parent.
//! - Each finding is reported with the command that repeats its check. Random choices follow from a seed; scheduling does not.
//! - The user's disk is never filled: full disks are tried on a small one in memory.
//!
//! # Limits
//! It samples: a file system that passes has passed that many tries. A power loss cannot be tried from inside; `tests/tests/crash` of
//! the project replays them.
//!
//! # Map
//! `plan` runs the checks of `check/` in order; `context` is what a check is given, `report` the result, `problem` what ends a check.
//! `launcher` and `process` start the children, whose parts are in `role/`; `reader_pool` starts very many readers, `rate` measures a
//! publisher, `many` compares a publisher alone with one beside many readers. `numbered` and `steady` are flags whose values show a
//! mix of generations, `calls` makes every call of a reader, `steps` names the steps of a publisher, `boots` makes a file look as if
//! it were from before a reboot, `file_systems` knows kinds of file systems, `process_numbers` reads memory, descriptors and times.

pub mod boots;
mod calls;
mod check;
mod context;
pub mod file_systems;
#[allow(unsafe_code, reason = "no crate has fork, alarm and _exit safe")]
mod fork;
mod launcher;
pub mod many;
pub mod numbered;
mod plan;
mod problem;
mod process;
pub mod process_numbers;
pub mod rate;
pub mod reader_pool;
mod report;
pub mod role;
pub mod steady;
pub mod steps;

pub use calls::{KEYS, every_call};
pub use check::{CHECKS, Check};
pub use fork::fork;
pub use launcher::Launcher;
pub use plan::Plan;
pub use problem::Problem;
pub use process::Process;
pub use report::{CheckReport, Report, Verdict};
