//! `cargo xtask test`: every test of the workspace.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::python;
use crate::step::{Failures, Steps, cargo};

/// Tests that start the command line find it here.
pub(crate) const BINARY: &str = "VEXIL_BIN";

pub(crate) fn run(filter: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    // Tests of other packages start this binary, and cargo builds a package's binaries for its own tests only.
    if !steps.run("build", &mut cargo(&["build", "--package", "vexil-cli", "--bin", "vexil", "--locked"])) {
        return steps.finish();
    }
    let binary = match binary_beside_this() {
        Ok(binary) => binary,
        Err(message) => {
            steps.fail(message);
            return steps.finish();
        }
    };
    steps.run("tests", test_command(filter).env(BINARY, &binary));
    if filter.is_empty() {
        let mut command = cargo(&["test", "--doc", "--workspace", "--locked"]);
        steps.run("documentation tests", command.env(BINARY, &binary));
        if python::is_here() {
            python::test(&mut steps, &[], Some((BINARY, &binary)));
        } else {
            println!("\n== Python tests: LEFT OUT, {}", python::NEEDED);
        }
    } else {
        println!("\n== documentation and Python tests: left out, because there is a filter");
    }
    steps.finish()
}

fn test_command(filter: &[String]) -> Command {
    if has_nextest() {
        let mut command = cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
        command.args(filter);
        return command;
    }
    println!("\n== cargo-nextest is not installed; using `cargo test`");
    // The targets are named because the documentation tests are a step of their own, and benchmarks are none.
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(["--lib", "--bins", "--tests", "--examples"]);
    if !filter.is_empty() {
        command.arg("--").args(filter);
    }
    command
}

fn has_nextest() -> bool {
    let mut command = cargo(&["nextest", "--version"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Both are built by the same cargo into the same folder, wherever the target directory is.
pub(crate) fn binary_beside_this() -> Result<PathBuf, String> {
    let path = env::current_exe()
        .map(|this| this.with_file_name("vexil"))
        .map_err(|error| format!("this program does not know where it lies: {error}"))?;
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(format!(
            "{} is missing after the build; run tasks as `cargo xtask`, in the dev profile",
            path.display()
        )),
        Err(error) => Err(format!("cannot look for {}: {error}", path.display())),
    }
}
