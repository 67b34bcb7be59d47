//! Benchmarks of Vexil beside rivals, in one run: `cargo bench -p vexil-benches`.
//!
//! Every figure is a ratio beside something measured in the same run, or an absolute time of a whole process, because the
//! machines this runs on differ and are shared. `flags` makes the input, `timing` times it; the other modules measure one
//! thing each and answer [`Figure`]s.

pub mod end_to_end;
pub mod figure;
pub mod flags;
pub mod machine;
pub mod memory;
pub mod opening;
pub mod publish;
pub mod read;
pub mod timing;

pub use figure::Figure;
