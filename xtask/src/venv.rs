//! Python for tasks: the interpreter, and virtual environments under the target directory.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::Steps;

/// What is missing if [`is_here`] says no.
pub(crate) const NEEDED: &str =
    "because they need Python 3.10 or newer with venv and pip; install it, or name one in PYTHON";

/// Whether there is a Python that can make virtual environments.
pub(crate) fn is_here() -> bool {
    const QUESTION: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    let mut command = Command::new(interpreter());
    command.args(["-c", QUESTION]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Makes a virtual environment with what a list of requirements names, and answers its interpreter. If the same has been
/// installed there before, no package index is needed.
pub(crate) fn make(steps: &mut Steps, environment: &Path, needed: &Path) -> Option<PathBuf> {
    let python = environment.join("bin").join("python");
    let make = |steps: &mut Steps| {
        steps.run("virtual environment", Command::new(interpreter()).args(["-m", "venv"]).arg(environment))
    };
    ((python.exists() || make(steps)) && install(steps, &python, needed, environment)).then_some(python)
}

fn install(steps: &mut Steps, python: &Path, needed: &Path, environment: &Path) -> bool {
    let installed = environment.join("installed-requirements.txt");
    let list = std::fs::read(needed);
    if list.as_ref().is_ok_and(|list| std::fs::read(&installed).is_ok_and(|before| before == *list)) {
        return true;
    }
    let mut install = Command::new(python);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(needed);
    if !steps.run("what is needed from the package index", &mut install) {
        return false;
    }
    // If this fails, it is installed again.
    let _ = list.and_then(|list| std::fs::write(&installed, list));
    true
}

fn interpreter() -> PathBuf {
    env::var_os("PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}
