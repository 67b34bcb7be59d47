//! `cargo xtask torture`: the long form of everything that can be lost, torn or crashed.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::python;
use crate::step::{Failures, Steps};
use crate::workspace::{BINARY, build_command, cargo};

/// Tests of `flagstaff-tests` that have a long form, one after the other: they want the machine for themselves.
const TESTS: [&str; 7] = ["many", "kill", "steps", "crash", "bits", "torture", "lives"];

/// The test of the Python package that has a long form.
const PYTHON_LIVES: &str = "tests/test_random_lives.py";

/// No new random life begins after that, for each kind of life: then it says how far it came.
const LIVES_SECONDS: &str = "1800";

/// For each run of `flagstaff torture`.
const SECONDS: &str = "180";

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    let Some(path) = build_command(&mut steps, "dev") else { return steps.finish() };
    for test in TESTS {
        let mut command = cargo(&["test", "--package", "flagstaff-tests", "--test", test, "--locked", "--"]);
        command
            .args(["--test-threads=1", "--nocapture", "--include-ignored"])
            .env(BINARY, &path)
            .env("FLAGSTAFF_LIVES_SECONDS", LIVES_SECONDS)
            .env("FLAGSTAFF_LONG", "1");
        steps.run(test, &mut command);
    }
    if python::is_here() {
        let limit = OsStr::new(LIVES_SECONDS);
        let variables = [("FLAGSTAFF_LONG", OsStr::new("1")), ("FLAGSTAFF_LIVES_SECONDS", limit)];
        python::test(&mut steps, &["-s".to_owned(), PYTHON_LIVES.to_owned()], &variables);
    } else {
        println!("\n== random lives in Python: LEFT OUT, {}", python::NEEDED);
    }
    let mut fuzz = cargo(&["test", "--package", "flagstaff-fuzz", "--locked", "--", "--nocapture"]);
    steps.run("fuzz", fuzz.env("FLAGSTAFF_LONG", "1"));
    let temporary = env::temp_dir();
    for folder in [temporary.as_path(), Path::new("/dev/shm")] {
        if folder.is_dir() {
            let mut command = Command::new(&path);
            command.arg("torture").arg(folder).args(["--seconds", SECONDS]);
            steps.run(&format!("flagstaff torture {}", folder.display()), &mut command);
        } else {
            println!("\n== flagstaff torture {}: LEFT OUT, there is no such directory", folder.display());
        }
    }
    steps.finish()
}
