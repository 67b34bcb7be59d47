//! The command `flagstaff`, built for the tasks that start it.

use std::env;
use std::path::{Path, PathBuf};

use crate::step::{Steps, cargo, target_directory};

/// The command, built.
pub(crate) struct Binary(PathBuf);

impl Binary {
    /// Builds it. Other packages start it too, and cargo builds a package's binaries for its own tests only.
    pub(crate) fn build(steps: &mut Steps) -> Option<Binary> {
        if !steps.run(
            "build",
            &mut cargo(&["build", "--package", "flagstaff-cli", "--bin", "flagstaff", "--locked"]),
        ) {
            return None;
        }
        match beside_this() {
            Ok(path) => Some(Binary(path)),
            Err(message) => {
                steps.fail(message);
                None
            }
        }
    }

    /// Builds it in a profile of its own, for measuring.
    pub(crate) fn build_in(steps: &mut Steps, profile: &str) -> Option<Binary> {
        let mut command = cargo(&["build", "--package", "flagstaff-cli", "--bin", "flagstaff", "--locked"]);
        if !steps.run("build", command.args(["--profile", profile])) {
            return None;
        }
        Some(Binary(target_directory().join(profile).join("flagstaff")))
    }

    /// The variable by which tests find it.
    pub(crate) fn variable(&self) -> (&'static str, &Path) {
        ("FLAGSTAFF_BIN", &self.0)
    }
}

/// Both are built by the same cargo into the same folder, wherever the target directory is.
fn beside_this() -> Result<PathBuf, String> {
    let path = env::current_exe()
        .map(|this| this.with_file_name("flagstaff"))
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
