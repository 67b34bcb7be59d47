//! `cargo xtask test-python`: the Python package, as its users get it; and virtual environments for other tasks.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{Failures, Steps};
use crate::workspace::{is_good, root, target_directory};

/// Builds the wheel into a virtual environment under the target directory and runs pytest there.
pub(crate) fn run(filter: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    if !is_here() {
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
    command.args(PIP_INSTALL).arg(COMPILED);
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

pub(crate) fn package() -> PathBuf {
    root().join("python")
}

/// Makes a virtual environment under the target directory with what is needed and the package in it.
fn install(steps: &mut Steps, name: &str, needed: &str, profile: &str) -> Option<PathBuf> {
    let folder = target_directory().join("python");
    let environment = folder.join(name);
    let python = environment_with(steps, &environment, &package().join(needed))?;
    let wheels = folder.join("wheels");
    // What an earlier version left would be installed as well.
    let _ = std::fs::remove_dir_all(&wheels);
    let mut build = Command::new(&python);
    build.args(["-m", "maturin", "build", "--locked", "--profile", profile, "--out"]).arg(&wheels);
    build.current_dir(package()).env("CARGO_TARGET_DIR", target_directory());
    let mut install = Command::new(&python);
    install.args(PIP_INSTALL).args(["--no-index", "--no-deps", "--force-reinstall", "--find-links"]);
    install.arg(&wheels).arg("flagstaff");
    (steps.run("wheel", &mut build) && steps.run("install", &mut install)).then_some(environment)
}

const PIP_INSTALL: [&str; 5] = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];

/// What is missing if [`is_here`] says no.
pub(crate) const NEEDED: &str =
    "because they need Python 3.10 or newer with venv and pip; install it, or name one in PYTHON";

/// Whether there is a Python that can make virtual environments.
pub(crate) fn is_here() -> bool {
    const QUESTION: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    is_good(Command::new(interpreter()).args(["-c", QUESTION]))
}

/// Makes a virtual environment with what a list of requirements names, and returns its interpreter. If the same has been
/// installed there before, no package index is needed.
pub(crate) fn environment_with(steps: &mut Steps, environment: &Path, needed: &Path) -> Option<PathBuf> {
    let python = environment.join("bin").join("python");
    if !python.exists() {
        let mut make = Command::new(interpreter());
        if !steps.run("virtual environment", make.args(["-m", "venv"]).arg(environment)) {
            return None;
        }
    }
    let installed = environment.join("installed-requirements.txt");
    let list = std::fs::read(needed);
    if list.as_ref().is_ok_and(|list| std::fs::read(&installed).is_ok_and(|before| before == *list)) {
        return Some(python);
    }
    let mut install = Command::new(&python);
    install.args(PIP_INSTALL).arg("--requirement").arg(needed);
    if !steps.run("what is needed from the package index", &mut install) {
        return None;
    }
    // If this fails, it is installed again.
    let _ = list.and_then(|list| std::fs::write(&installed, list));
    Some(python)
}

fn interpreter() -> PathBuf {
    env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}
