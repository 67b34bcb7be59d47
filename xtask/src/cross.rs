//! `cargo xtask cross`: the code for the other 64-bit little-endian architecture of servers.
//!
//! Compiled with the standard library of that target if the toolchain has one, else with one that is built from its sources
//! if those are there; run where there are a linker and an emulator. What cannot be done is said, and fails nothing: a
//! machine of that architecture runs `cargo xtask test`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Failures, Steps};
use crate::workspace::{cargo, is_good, output};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// Where Debian's cross compiler has the C library.
const ROOT: &str = "/usr/aarch64-linux-gnu";

/// What is pure Rust, and what needs a C compiler for the target as well (cryptography).
const PURE: [&str; 2] = ["flagstaff-format", "flagstaff-reader"];
const REST: [&str; 4] = ["flagstaff-publisher", "flagstaff", "flagstaff-server", "flagstaff-cli"];

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    let Some(library) = Library::find() else {
        println!(
            "\n== {TARGET}: LEFT OUT, the toolchain has no standard library for it; `rustup target add {TARGET}`, or its \
             sources: `rustup component add rust-src`"
        );
        return steps.finish();
    };
    steps.run("check of what only reads", library.cargo("check", &PURE).args(["--lib", "--tests"]));
    if !is_good(Command::new(LINKER).arg("--version")) {
        println!(
            "\n== {TARGET}: everything else LEFT OUT, there is no {LINKER} (Debian: gcc-aarch64-linux-gnu)"
        );
        return steps.finish();
    }
    steps.run("build of everything that ships", &mut library.cargo("build", &REST));
    if !is_good(Command::new(EMULATOR).arg("--version")) {
        println!("\n== {TARGET}: tests LEFT OUT, there is no {EMULATOR} (Debian: qemu-user)");
        return steps.finish();
    }
    // Those that start this very program again cannot: the kernel would have to know the emulator. Those that count how
    // much was done in a time cannot either.
    let mut tests = library.cargo("test", &PURE);
    tests.args(["--no-fail-fast", "--lib"]).args(EMULATED.iter().flat_map(|test| ["--test", test]));
    steps.run("tests under emulation", &mut tests);
    steps.finish()
}

/// Tests of the packages that only read: bytes, look-ups, damage, typed getters, handles.
const EMULATED: [&str; 6] = ["golden", "hostile", "repair", "getters", "handles", "status"];

/// Where the standard library for the target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    Installed,
    FromSources,
}

impl Library {
    fn find() -> Option<Library> {
        let installed = rustc_says(&["--print", "target-libdir", "--target", TARGET])?;
        let sources = rustc_says(&["--print", "sysroot"])?.join("lib/rustlib/src/rust/library/std");
        Library::of(&installed, &sources)
    }

    fn of(installed: &Path, sources: &Path) -> Option<Library> {
        if installed.is_dir() {
            return Some(Library::Installed);
        }
        sources.is_dir().then_some(Library::FromSources)
    }

    fn cargo(self, task: &str, packages: &[&str]) -> Command {
        let mut command = cargo(&[task, "--locked", "--target", TARGET]);
        command.args(packages.iter().flat_map(|package| ["--package", package]));
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -L {ROOT}"));
        if self == Library::FromSources {
            // Building the standard library is an unstable feature of cargo, which a stable toolchain has under this name.
            command.arg("-Zbuild-std=std,panic_unwind").env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }
}

fn rustc_says(arguments: &[&str]) -> Option<PathBuf> {
    Some(PathBuf::from(output(Command::new("rustc").args(arguments)).ok()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_library_is_preferred_then_its_sources_and_without_both_nothing_is_done() {
        let (here, nowhere) = (Path::new(env!("CARGO_MANIFEST_DIR")), Path::new("/no/such/folder"));
        assert_eq!(Library::of(here, here), Some(Library::Installed));
        assert_eq!(Library::of(nowhere, here), Some(Library::FromSources));
        assert_eq!(Library::of(nowhere, nowhere), None);
    }
}
