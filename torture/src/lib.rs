//! Shows with real processes, on the machine and the file system where it runs, that nothing is lost, torn or crashed.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use flagstaff_torture::{Launcher, Plan};
//!
//! // A program that hands what follows `torture-child` to `flagstaff_torture::role::main`.
//! let children = Launcher::new("/usr/local/bin/flagstaff", ["torture-child"]);
//! let report = Plan::new("/var/lib/flagstaff").seconds(30).run(&children, &AtomicBool::new(false), &|line| println!("{line}"));
//! assert!(report.is_good());
//! ```
//!
//! # Guarantees
//! - Everything happens in a fresh folder inside of the one that is named, which is removed at the end.
//! - No child outlives the process that started it, and a stopped one neither: the kernel kills it with its parent.
//! - What is found is said with the way to see it again. The choices follow from a seed; the scheduler's do not.
//! - The disk of the user is never filled: what happens then is tried on a small one in memory.
//!
//! # Limits
//! It finds what happens, not what could: a file system that passes has passed so many tries. A power loss cannot be tried from
//! inside; `tests/tests/crash` of the project replays them.
//!
//! # Map
//! `plan` and `check/` are the checks and their order, `stage` what each of them has, `report` what comes out, `problem` what
//! ends one. `role/` is what the children do, `launcher` and `process` start them, `crowd` very many of them, `pace` measures a
//! publisher, `many` puts both together. `numbered` and `steady` are flags that show what is wrong with them, `calls` all that a
//! reader can be asked, `steps` the steps of a publisher, `boots` a file from before a reboot, `kinds` what is known of file
//! systems, `figures` numbers about processes.

pub mod boots;
mod calls;
mod check;
pub mod crowd;
pub mod figures;
#[allow(unsafe_code, reason = "no crate has fork, alarm and _exit safe")]
mod fork;
pub mod kinds;
mod launcher;
pub mod many;
pub mod numbered;
pub mod pace;
mod plan;
mod problem;
mod process;
mod report;
pub mod role;
mod stage;
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
