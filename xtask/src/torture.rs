//! `cargo xtask torture`: the long form of everything that can be lost, torn or crashed.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::step::{Failures, Steps, cargo};
use crate::test::{BINARY, binary_beside_this};

/// Tests of `vexil-tests` that have a long form, one after the other: they want the machine for themselves.
const TESTS: [&str; 6] = ["many", "kill", "steps", "crash", "bits", "torture"];

/// For each run of `vexil torture`.
const SECONDS: &str = "180";

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
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
    for test in TESTS {
        let mut command = cargo(&["test", "--package", "vexil-tests", "--test", test, "--locked", "--"]);
        command.args(["--test-threads=1", "--nocapture"]).env(BINARY, &binary).env("VEXIL_LONG", "1");
        steps.run(test, &mut command);
    }
    let mut fuzz = cargo(&["test", "--package", "vexil-fuzz", "--locked", "--", "--nocapture"]);
    steps.run("fuzz", fuzz.env("VEXIL_LONG", "1"));
    let temporary = env::temp_dir();
    for folder in [temporary.as_path(), Path::new("/dev/shm")] {
        if folder.is_dir() {
            let mut command = Command::new(&binary);
            command.arg("torture").arg(folder).args(["--seconds", SECONDS]);
            steps.run(&format!("vexil torture {}", folder.display()), &mut command);
        } else {
            println!("\n== vexil torture {}: LEFT OUT, there is no such directory", folder.display());
        }
    }
    steps.finish()
}
