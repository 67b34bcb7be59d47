//! Which compilers this machine has for fuzzing.

use std::env;
use std::fmt;
use std::process::Command;

use crate::workspace::{cargo, is_good, output, root};

/// A C++ compiler, for libFuzzer itself.
#[derive(Debug)]
pub(crate) struct Compiler(String);

impl Compiler {
    pub(crate) fn find() -> Option<Compiler> {
        let named = env::var("CXX").ok().into_iter();
        let names = named.chain(["c++", "g++", "clang++"].map(str::to_owned));
        names.into_iter().find(|name| is_good(Command::new(name).arg("--version"))).map(Compiler)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// The Rust toolchain for the targets: a nightly one with AddressSanitizer if it is here, else the one that runs this.
#[derive(Debug)]
pub(crate) struct Toolchain {
    host: String,
    release: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The one that runs this, if it is a nightly one.
    Own { has_sanitizer: bool },
    /// The nightly one of rustup, with its sanitizer.
    Nightly,
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
            (Some(own), _) if own.can_sanitize() => own.toolchain(Kind::Own { has_sanitizer: true }),
            // An old one could not build the project.
            (own, Some(nightly))
                if nightly.can_sanitize() && own.as_ref().is_none_or(|own| own.minor <= nightly.minor) =>
            {
                nightly.toolchain(Kind::Nightly)
            }
            (own, _) => own.unwrap_or_default().toolchain(Kind::Own { has_sanitizer: false }),
        }
    }

    pub(crate) fn cargo(&self) -> Command {
        match self.kind {
            Kind::Own { .. } => cargo(&[]),
            Kind::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo"]).current_dir(root());
                command
            }
        }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn has_sanitizer(&self) -> bool {
        self.kind != Kind::Own { has_sanitizer: false }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sanitizer = if self.has_sanitizer() {
            "with AddressSanitizer"
        } else {
            "WITHOUT AddressSanitizer, which needs a nightly toolchain as new as this one"
        };
        write!(f, "rustc {}: guided by coverage, {sanitizer}", self.release)
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

    fn toolchain(self, kind: Kind) -> Toolchain {
        Toolchain { host: self.host, release: self.release, kind }
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
