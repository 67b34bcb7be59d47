//! `cargo xtask bench`: the benchmarks, with rivals beside us.

use crate::step::{Failures, Steps, cargo};

pub(crate) fn run(arguments: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    let mut command = cargo(&["bench", "--package", "vexil-benches", "--locked"]);
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    steps.run("benchmarks", &mut command);
    steps.finish()
}
