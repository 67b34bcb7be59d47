//! `cargo xtask lint`: what a machine can judge about the text of the code.

use std::path::PathBuf;
use std::process::Command;

use crate::browser;
use crate::python::package;
use crate::step::{Failures, Steps};
use crate::workspace::{cargo, is_good, target_directory};

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    steps.run("format", &mut cargo(&["fmt", "--all", "--check"]));
    steps.run(
        "clippy",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    );
    steps.run(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"),
    );
    python(&mut steps);
    advisories(&mut steps);
    steps.finish()
}

/// The text of the Python code, as far as a machine can judge it.
pub(crate) fn python(steps: &mut Steps) {
    let ruff = target_directory().join("python").join("venv").join("bin").join("ruff");
    if !ruff.exists() {
        println!(
            "\n== Python code: left out, because ruff is not installed yet; `cargo xtask test` installs it and lints"
        );
        return;
    }
    for folder in [package(), browser::tests()] {
        let mut format = Command::new(&ruff);
        steps.run("Python format", format.args(["format", "--check", "--quiet"]).current_dir(&folder));
        steps.run("Python lint", Command::new(&ruff).args(["check", "--quiet"]).current_dir(&folder));
    }
}

/// What deny.toml says, and known weaknesses of the packages of others, from a database that has to be fetched once. Licences, sources and
/// double versions are also a test that needs nothing installed: tests/tests/dependencies.rs.
fn advisories(steps: &mut Steps) {
    if !is_good(&mut cargo(&["deny", "--version"])) {
        println!(
            "\n== LEFT OUT, advisories: cargo-deny is not installed; `cargo install --locked cargo-deny`"
        );
        return;
    }
    steps.run("licences and sources", &mut cargo(&["deny", "check", "licenses", "bans", "sources"]));
    if has_database() {
        steps.run("advisories", &mut cargo(&["deny", "check", "advisories"]));
    } else {
        println!("\n== LEFT OUT, advisories: there is no database yet; `cargo deny fetch` gets it");
    }
}

fn has_database() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.is_some_and(|home| home.join("advisory-dbs").exists())
}
