//! `cargo xtask test-python`: the Python package, as its users get it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::browser;
use crate::step::{Failures, Steps, root, target_directory};
use crate::venv::{self, NEEDED};

/// Builds the wheel into a virtual environment under the target directory and runs pytest there.
pub(crate) fn run(filter: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    if !venv::is_here() {
        steps.fail(format!("Python tests cannot run, {NEEDED}"));
        return steps.finish();
    }
    test(&mut steps, filter, &[]);
    steps.finish()
}

/// The same as steps of another task, which tells the tests more: where the command is, or that their long form is wanted.
pub(crate) fn test(steps: &mut Steps, filter: &[String], variables: &[(&str, &OsStr)]) {
    // Not the profile that ships: its whole-program inlining takes minutes.
    let Some(environment) = install(steps, "venv", "tests/requirements.txt", "dev") else { return };
    let bin = environment.join("bin");
    compile(&bin.join("python"));
    // Not `python -m pytest`: that puts the folder on the path.
    let mut pytest = Command::new(bin.join("python"));
    pytest.arg(bin.join("pytest")).args(filter).current_dir(package()).envs(variables.iter().copied());
    steps.run("Python tests", &mut pytest);
}

/// What the package index has as sources alone. Where it cannot be compiled, its tests say that they are left out.
const COMPILED: &str = "uwsgi";

fn compile(python: &Path) {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", COMPILED]);
    if !command.stdin(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!(
            "\n== {COMPILED}: LEFT OUT, it cannot be installed here; it needs a C compiler and the headers of Python"
        );
    }
}

/// Measures the package, built as it ships, and writes a file that the benchmark program reads.
pub(crate) fn bench(steps: &mut Steps, record: &Path) -> bool {
    let Some(environment) = install(steps, "bench-venv", "benches/requirements.txt", "dist") else {
        return false;
    };
    let mut command = Command::new(environment.join("bin").join("python"));
    command.arg(package().join("benches").join("records.py")).arg("--out").arg(record);
    steps.run("Python benchmarks", &mut command)
}

fn package() -> PathBuf {
    root().join("python")
}

/// Makes a virtual environment under the target directory with what is needed and the package in it.
fn install(steps: &mut Steps, name: &str, needed: &str, profile: &str) -> Option<PathBuf> {
    let folder = target_directory().join("python");
    let environment = folder.join(name);
    let python = venv::make(steps, &environment, &package().join(needed))?;
    let wheels = folder.join("wheels");
    // What an earlier version left would be installed as well.
    let _ = std::fs::remove_dir_all(&wheels);
    let mut build = Command::new(&python);
    build.args(["-m", "maturin", "build", "--locked", "--profile", profile, "--out"]).arg(&wheels);
    build.current_dir(package()).env("CARGO_TARGET_DIR", target_directory());
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]);
    install.args(["--force-reinstall", "--find-links"]).arg(&wheels).arg("flagstaff");
    (steps.run("wheel", &mut build) && steps.run("install", &mut install)).then_some(environment)
}

/// The text of the Python code, as far as a machine can judge it.
pub(crate) fn lint(steps: &mut Steps) {
    let ruff = target_directory().join("python").join("venv").join("bin").join("ruff");
    if !ruff.exists() {
        println!("\n== Python code: left out, because `cargo xtask test-python` has not installed ruff yet");
        return;
    }
    for folder in [package(), browser::tests()] {
        let mut format = Command::new(&ruff);
        steps.run("Python format", format.args(["format", "--check", "--quiet"]).current_dir(&folder));
        steps.run("Python lint", Command::new(&ruff).args(["check", "--quiet"]).current_dir(&folder));
    }
}
