//! Which compilers this machine has for fuzzing.

use std::env;
use std::fmt;
use std::process::Command;

use crate::workspace::{cargo, is_good, output, root};

/// A C++ compiler, for libFuzzer itself.
pub(crate) fn compiler() -> Option<String> {
    let named = env::var("CXX").ok().into_iter();
    let mut names = named.chain(["c++", "g++", "clang++"].map(str::to_owned));
    names.find(|name| is_good(Command::new(name).arg("--version")))
}

/// The Rust toolchain for the targets: a nightly one with AddressSanitizer if it is here, else the one that runs this.
#[derive(Debug)]
pub(crate) struct Toolchain {
    version: Version,
    /// Whether it is the nightly one of rustup, and not the one that runs this.
    is_rustup: bool,
    pub(crate) has_sanitizer: bool,
}

impl Toolchain {
    pub(crate) fn find() -> Toolchain {
        let own = Version::of(|| Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())));
        let nightly = Version::of(|| {
            let mut rustup = Command::new("rustup");
            rustup.args(["run", "nightly", "rustc"]);
            rustup
        });
        match (own, nightly) {
            (Some(version), _) if version.can_sanitize() => {
                Toolchain { version, is_rustup: false, has_sanitizer: true }
            }
            // An old one could not build the project.
            (own, Some(version))
                if version.can_sanitize() && own.as_ref().is_none_or(|own| own.minor <= version.minor) =>
            {
                Toolchain { version, is_rustup: true, has_sanitizer: true }
            }
            (own, _) => {
                Toolchain { version: own.unwrap_or_default(), is_rustup: false, has_sanitizer: false }
            }
        }
    }

    pub(crate) fn cargo(&self) -> Command {
        if !self.is_rustup {
            return cargo(&[]);
        }
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]).current_dir(root());
        command
    }

    pub(crate) fn host(&self) -> &str {
        &self.version.host
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sanitizer = if self.has_sanitizer {
            "with AddressSanitizer"
        } else {
            "WITHOUT AddressSanitizer, which needs a nightly toolchain as new as this one"
        };
        write!(f, "rustc {}: guided by coverage, {sanitizer}", self.version.release)
    }
}

/// What `rustc -vV` says, and whether the sanitizer's runtime is there.
#[derive(Debug, Default)]
struct Version {
    host: String,
    release: String,
    minor: u32,
    has_runtime: bool,
}

impl Version {
    fn of(rustc: impl Fn() -> Command) -> Option<Version> {
        let text = output(rustc().arg("-vV")).ok()?;
        let libraries = output(rustc().args(["--print", "target-libdir"])).ok()?;
        let mut entries = std::fs::read_dir(libraries.trim_end()).into_iter().flatten().flatten();
        let has_runtime = entries.any(|entry| entry.file_name().to_string_lossy().ends_with("_rt.asan.a"));
        Version::parse(&text, has_runtime)
    }

    fn parse(text: &str, has_runtime: bool) -> Option<Version> {
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let release = line("release:")?;
        Some(Version {
            host: line("host:")?.to_owned(),
            release: release.to_owned(),
            minor: release.split('.').nth(1)?.parse().ok()?,
            has_runtime,
        })
    }

    /// The flag for it is refused by a toolchain that is not nightly.
    fn can_sanitize(&self) -> bool {
        self.has_runtime && self.release.contains("nightly")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_nightly_toolchain_with_the_runtime_has_a_sanitizer() {
        let text =
            |release: &str| format!("rustc {release}\nhost: x86_64-unknown-linux-gnu\nrelease: {release}\n");
        let nightly = Version::parse(&text("1.97.0-nightly"), true).unwrap();
        assert!(nightly.can_sanitize() && nightly.minor == 97 && nightly.host == "x86_64-unknown-linux-gnu");
        assert!(!Version::parse(&text("1.97.0-nightly"), false).unwrap().can_sanitize());
        assert!(!Version::parse(&text("1.97.0"), true).unwrap().can_sanitize());
        assert!(Version::parse("rustc\n", true).is_none());
    }
}
