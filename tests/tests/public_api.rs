//! What each library offers, as a list beside it: `api.txt`. A change of it is seen in review.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use public_api::Builder;

/// Folders of the libraries, and what the compiler calls their crates.
const LIBRARIES: [(&str, &str, &str); 5] = [
    ("format", "flagstaff-format", "flagstaff_format"),
    ("reader", "flagstaff-reader", "flagstaff_reader"),
    ("publisher", "flagstaff-publisher", "flagstaff_publisher"),
    ("client", "flagstaff", "flagstaff"),
    ("server", "flagstaff-server", "flagstaff_server"),
];

/// What `public_api` reads.
const RUSTDOC_FORMAT: u64 = 57;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The documentation of a library as JSON, which the stable compiler makes if it is told to be a nightly one. Told only to rustdoc:
/// everything else would be built anew.
fn documentation(package: &str, library: &str, folder: &Path) -> String {
    let rustdoc = folder.join("rustdoc");
    fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n").unwrap();
    fs::set_permissions(&rustdoc, fs::Permissions::from_mode(0o755)).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustdoc", "--quiet", "--offline", "--locked", "--lib", "--package", package, "--"]);
    cargo.args(["-Zunstable-options", "--output-format=json"]);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    cargo.current_dir(root()).env("RUSTDOC", &rustdoc).env("CARGO_TARGET_DIR", &target);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{package}: {}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(target.join(format!("doc/{library}.json"))).unwrap()
}

fn format_of(json: &str) -> Option<u64> {
    let rest = json.split_once("\"format_version\":")?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn what_each_library_offers_is_what_its_list_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut differing = Vec::new();
    for (place, package, library) in LIBRARIES {
        let json = documentation(package, library, folder.path());
        if format_of(&json) != Some(RUSTDOC_FORMAT) {
            eprintln!(
                "LEFT OUT: this compiler's documentation has format {:?}, the library that reads it {RUSTDOC_FORMAT}",
                format_of(&json)
            );
            return;
        }
        let path = folder.path().join("documentation.json");
        fs::write(&path, json).unwrap();
        let api = Builder::from_rustdoc_json(path)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .unwrap();
        let found: String = api.items().map(|item| format!("{item}\n")).collect();
        let list = root().join(place).join("api.txt");
        if std::env::var_os("FLAGSTAFF_BLESS").is_some() {
            fs::write(&list, found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&list).unwrap_or_default();
        let lines = |from: &str, other: &str, sign| {
            let is_missing = |line: &&str| !other.lines().any(|known| known == *line);
            from.lines().filter(is_missing).map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
        };
        let (gone, new) = (lines(&expected, &found, '-'), lines(&found, &expected, '+'));
        if !gone.is_empty() || !new.is_empty() {
            differing.push(format!("{place}/api.txt:\n{}\n{}", gone.join("\n"), new.join("\n")));
        }
    }
    assert!(
        differing.is_empty(),
        "the public API changed; if that is meant, write the lists anew with \
         `FLAGSTAFF_BLESS=1 cargo test -p flagstaff-tests --test public_api`\n{}",
        differing.join("\n")
    );
}
