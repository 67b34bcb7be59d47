//! The terminal, as the commands for people fill it.

use std::path::Path;

use crate::binary::Binary;
use crate::step::{Steps, cargo};

/// Takes all of them. Answers the names of the files.
pub(super) fn take(steps: &mut Steps, folder: &Path, command: &Binary) -> Vec<&'static str> {
    let (_, path) = command.variable();
    let mut program = cargo(&["run", "--package", "flagstaff-cli", "--example", "screens", "--locked", "--"]);
    if steps.run("pictures of the terminal", program.arg(path).arg(folder)) {
        vec!["status.svg", "watch.svg", "top.svg", "demo.svg"]
    } else {
        Vec::new()
    }
}
