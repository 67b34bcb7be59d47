//! `cargo xtask package`: the Debian package; and what linters say about the files in packaging/.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python;
use crate::step::{Failures, Steps};
use crate::workspace::{build_command, cargo, is_good, root, target_directory};

/// Builds the command as it ships and puts it into a package.
pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    if !has_cargo_deb() {
        steps.fail(format!("there is no package without {CARGO_DEB}"));
    } else if let Some(command) = build_command(&mut steps, "dist") {
        deb(&mut steps, &command, "dist");
    }
    steps.finish()
}

/// What [`check`] does, by itself.
pub(crate) fn run_check() -> Result<(), Failures> {
    let mut steps = Steps::default();
    if let Some(command) = build_command(&mut steps, "dev") {
        check(&mut steps, &command);
    }
    steps.finish()
}

/// The linters of the files, and the package of the command that the tests use.
pub(crate) fn check(steps: &mut Steps, command: &Path) {
    if python::is_here() {
        lint(steps);
    } else {
        println!("\n== linters of packaging/: LEFT OUT, {}", python::NEEDED);
    }
    if has_cargo_deb() {
        deb(steps, command, "dev");
    } else {
        println!("\n== Debian package: LEFT OUT, it needs {CARGO_DEB}");
    }
}

const CARGO_DEB: &str = "cargo-deb; `cargo install --locked cargo-deb`";

fn has_cargo_deb() -> bool {
    is_good(&mut cargo(&["deb", "--version"]))
}

fn lint(steps: &mut Steps) {
    let files = root().join("packaging");
    let environment = target_directory().join("package").join("venv");
    let Some(python) = python::environment_with(steps, &environment, &files.join("requirements.txt")) else {
        return;
    };
    let lines: [(&str, &[&str]); 4] = [
        ("yamllint", &["--strict", "--config-file", "yamllint.yml", "."]),
        ("check-jsonschema", &["--builtin-schema", "vendor.compose-spec", "docker/compose.yaml"]),
        (
            "kubernetes-validate",
            &["--strict", "--quiet", "kubernetes/daemonset.yaml", "kubernetes/sidecar.yaml"],
        ),
        ("hadolint", &["--failure-threshold", "style", "docker/Dockerfile"]),
    ];
    for (linter, arguments) in lines {
        let mut command = Command::new(python.with_file_name(linter));
        steps.run(linter, command.args(arguments).current_dir(&files));
    }
}

/// Manual pages and completions of the command, then the package, then what lintian says of it.
fn deb(steps: &mut Steps, command: &Path, profile: &str) {
    let folder = target_directory().join("package");
    if let Err(error) = write_documents(command, &folder) {
        return steps.fail(format!("manual pages and completions: {error}"));
    }
    let package = folder.join("flagstaff.deb");
    let mut deb = cargo(&["deb", "--package", "flagstaff-cli", "--no-build", "--locked", "--quiet"]);
    deb.args(["--profile", profile, "--strip", "--output"]).arg(&package);
    if !steps.run("Debian package", &mut deb) {
        return;
    }
    if is_good(Command::new("lintian").arg("--version")) {
        let mut lintian = Command::new("lintian");
        lintian.args(["--pedantic", "--allow-root", "--fail-on", "error,warning,pedantic"]);
        steps.run("lintian", lintian.arg(&package));
    } else {
        println!("\n== lintian: LEFT OUT, it is not installed (Debian: lintian)");
    }
}

fn write_documents(command: &Path, folder: &Path) -> std::io::Result<()> {
    let manual = folder.join("man");
    // A command that is no more would leave its page.
    let _ = fs::remove_dir_all(&manual);
    let completions = folder.join("completions");
    for folder in [&manual, &completions] {
        fs::create_dir_all(folder)?;
    }
    let good = |mut command: Command| match command.status()? {
        status if status.success() => Ok(()),
        status => Err(std::io::Error::other(format!("{command:?}: {status}"))),
    };
    let mut man = Command::new(command);
    man.arg("man").arg(&manual);
    good(man)?;
    let shells: [(&str, &str); 3] =
        [("bash", "flagstaff.bash"), ("zsh", "_flagstaff"), ("fish", "flagstaff.fish")];
    for (shell, name) in shells {
        let file: PathBuf = completions.join(name);
        let mut complete = Command::new(command);
        complete.args(["completions", shell]).stdout(File::create(file)?);
        good(complete)?;
    }
    Ok(())
}
