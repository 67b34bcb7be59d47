//! This workspace: its folders, its cargo, the command `flagstaff` built for the tasks that start it, and what other programs say.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::Steps;

/// Tests find the command by this variable.
pub(crate) const BINARY: &str = "FLAGSTAFF_BIN";

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // At run time first: the tree may have been moved since this was built.
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut root = PathBuf::from(here);
    root.pop();
    root
}

/// Cargo's target directory, wherever that is: this program lies in the folder of its profile there.
pub(crate) fn target_directory() -> PathBuf {
    let this = env::current_exe().ok();
    let target = this.as_deref().and_then(|this| this.ancestors().nth(2)).map(Path::to_owned);
    target.unwrap_or_else(|| root().join("target"))
}

/// The cargo that runs this task, started in the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Builds every test and the programs that tests start, and returns the path of the command. In one go: built by itself, a package gets
/// other features of its dependencies, which then are compiled once more.
pub(crate) fn build_tests(steps: &mut Steps) -> Option<PathBuf> {
    let mut build = cargo(&["build", "--workspace", "--tests", "--bin", "flagstaff"]);
    steps
        .run("build", build.args(["--bin", "flagstaff-test-role", "--locked"]))
        .then(|| target_directory().join("debug/flagstaff"))
}

/// Builds the command and returns its path. Other packages start it too, and cargo builds a package's binaries for its own
/// tests only.
pub(crate) fn build_command(steps: &mut Steps, profile: &str) -> Option<PathBuf> {
    let mut build = cargo(&["build", "--package", "flagstaff-cli", "--bin", "flagstaff", "--locked"]);
    let folder = if profile == "dev" { "debug" } else { profile };
    steps
        .run("build", build.args(["--profile", profile]))
        .then(|| target_directory().join(folder).join("flagstaff"))
}

/// Whether a command can be started and is good. Nothing of it is shown.
pub(crate) fn is_good(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub(crate) fn has_nextest() -> bool {
    is_good(&mut cargo(&["nextest", "--version"]))
}

/// What a command prints on stdout, if it is good.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
