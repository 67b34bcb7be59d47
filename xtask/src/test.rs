//! `cargo xtask test`: every test of the workspace.

use std::process::Command;

use crate::browser::{self, Browser};
use crate::step::{Failures, Steps};
use crate::workspace::{BINARY, build_tests, cargo, has_nextest};
use crate::{lint, package, python};

pub(crate) fn run(filter: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    let Some(path) = build_tests(&mut steps) else { return steps.finish() };
    steps.run("tests", test_command(filter).env(BINARY, &path));
    if filter.is_empty() {
        let mut command = cargo(&["test", "--doc", "--workspace", "--locked"]);
        steps.run("documentation tests", command.env(BINARY, &path));
        if python::is_here() {
            python::test(&mut steps, &[], &[(BINARY, path.as_os_str())]);
            // Here as well: in a fresh clone, the linter comes with the tests.
            lint::python(&mut steps);
        } else {
            println!("\n== Python tests: LEFT OUT, {}", python::NEEDED);
        }
        match Browser::find() {
            Ok(browser) => browser::test(&mut steps, &browser, &[], &path),
            Err(missing) => println!("\n== browser tests: LEFT OUT, {missing}"),
        }
        package::check(&mut steps, &path);
    } else {
        println!(
            "\n== documentation, Python and browser tests, linters of packaging/: left out, because there is a filter"
        );
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
