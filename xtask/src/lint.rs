//! `cargo xtask lint`: what a machine can judge about the text of the code.

use crate::python;
use crate::step::{Failures, Steps, cargo};

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    steps.run("format", &mut cargo(&["fmt", "--all", "--check"]));
    steps.run(
        "clippy",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    );
    steps.run(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"),
    );
    python::lint(&mut steps);
    steps.finish()
}
