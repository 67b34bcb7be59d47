//! Benchmarks of Flagstaff beside rivals, in one run: `cargo xtask bench`, or `cargo bench -p flagstaff-benches` for one build.
//!
//! Every figure is a ratio beside something measured in the same run, or an absolute time of a whole process, because the
//! machines this runs on differ and are shared. A wrong or torn answer ends the run.
//!
//! # Map
//! `program` reads the command line. `flags` and `queries` make the input, `timing` and `histogram` measure. `rivals`
//! are all who can be asked for a flag; `read`, `typed`, `keyed`, `many`, `handles`, `processes`, `publish`, `phases`, `flip`, `opening`, `commands`,
//! `end_to_end`, `fan_out`, `memory` each return the records of one section, as `record` defines them. `document`
//! and `plot` show the records. `machine` says where they come from, `scale` how long a run takes.
//! `bin/flagstaff-calls` makes the calls whose instructions are counted; it is built without the feature `rivals`, and so without this crate.

#![cfg(feature = "rivals")]

mod child;
mod commands;
mod document;
mod end_to_end;
mod fan_out;
mod flags;
mod flip;
mod handles;
mod histogram;
mod keyed;
mod machine;
mod many;
mod memory;
mod opening;
mod phases;
mod plot;
mod processes;
pub mod program;
mod publish;
mod queries;
mod read;
mod record;
mod rivals;
mod scale;
mod text;
mod timing;
mod typed;

/// What can fail in a benchmark needs no type of its own: whoever started it reads the text.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
