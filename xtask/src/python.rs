//! `cargo xtask test-python`: the Python package, as its users get it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Failures, Steps, root, target_directory};

/// What is missing if [`is_here`] says no.
pub(crate) const NEEDED: &str =
    "because they need Python 3.10 or newer with venv and pip; install it, or name one in PYTHON";

/// Whether there is an interpreter that can make a virtual environment.
pub(crate) fn is_here() -> bool {
    const QUESTION: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    let mut command = Command::new(interpreter());
    command.args(["-c", QUESTION]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Builds the wheel into a virtual environment under the target directory and runs pytest there.
pub(crate) fn run(filter: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    if !is_here() {
        steps.fail(format!("Python tests cannot run, {NEEDED}"));
        return steps.finish();
    }
    test(&mut steps, filter, None);
    steps.finish()
}

/// The same as steps of another task, which tells the tests where the command is.
pub(crate) fn test(steps: &mut Steps, filter: &[String], command: Option<(&str, &Path)>) {
    // Not the profile that ships: its whole-program inlining takes minutes.
    let Some(environment) = install(steps, "venv", "tests/requirements.txt", "dev") else { return };
    let bin = environment.join("bin");
    // Not `python -m pytest`: that puts the folder on the path.
    let mut pytest = Command::new(bin.join("python"));
    pytest.arg(bin.join("pytest")).args(filter).current_dir(package()).envs(command);
    steps.run("Python tests", &mut pytest);
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
    let python = environment.join("bin").join("python");
    let make = |steps: &mut Steps| {
        steps.run("virtual environment", Command::new(interpreter()).args(["-m", "venv"]).arg(&environment))
    };
    if !(python.exists() || make(steps)) || !install_needed(steps, &python, needed, &environment) {
        return None;
    }
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
    install.args(["--force-reinstall", "--find-links"]).arg(&wheels).arg("vexil");
    (steps.run("wheel", &mut build) && steps.run("install", &mut install)).then_some(environment)
}

/// Installs what a list of the package names, unless the same has been installed before: then no package index is needed.
fn install_needed(steps: &mut Steps, python: &Path, needed: &str, environment: &Path) -> bool {
    let needed = package().join(needed);
    let installed = environment.join("installed-requirements.txt");
    let list = std::fs::read(&needed);
    if list.as_ref().is_ok_and(|list| std::fs::read(&installed).is_ok_and(|before| before == *list)) {
        return true;
    }
    let mut install = Command::new(python);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&needed);
    if !steps.run("what is needed from the package index", &mut install) {
        return false;
    }
    // If this fails, it is installed again.
    let _ = list.and_then(|list| std::fs::write(&installed, list));
    true
}

/// The text of the Python code, as far as a machine can judge it.
pub(crate) fn lint(steps: &mut Steps) {
    let ruff = target_directory().join("python").join("venv").join("bin").join("ruff");
    if !ruff.exists() {
        println!("\n== Python code: left out, because `cargo xtask test-python` has not installed ruff yet");
        return;
    }
    let package = package();
    steps.run(
        "Python format",
        Command::new(&ruff).args(["format", "--check", "--quiet"]).current_dir(&package),
    );
    steps.run("Python lint", Command::new(&ruff).args(["check", "--quiet"]).current_dir(&package));
}

fn interpreter() -> PathBuf {
    env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}
