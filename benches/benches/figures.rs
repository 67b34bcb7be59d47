//! `cargo bench -p flagstaff-benches`: the benchmark program in one build. `cargo xtask bench` runs it in both.

use std::process::{Command, ExitCode};

fn main() -> std::io::Result<ExitCode> {
    let status =
        Command::new(env!("CARGO_BIN_EXE_flagstaff-bench")).args(std::env::args_os().skip(1)).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
