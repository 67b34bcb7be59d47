//! The shell examples of README.md do what the README says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The fenced `sh` blocks of a section.
fn examples(section: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let start = readme.find(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let body = &readme[start + 4..];
    let body = &body[..body.find("\n## ").unwrap_or(body.len())];
    let blocks = body.split("```sh\n").skip(1).map(|rest| rest[..rest.find("```").unwrap()].to_owned());
    blocks.collect()
}

fn run(script: &str, folder: &Path) -> Output {
    let binary = flagstaff_tests::binary();
    let mut path = vec![PathBuf::from(binary.parent().unwrap())];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    Command::new("sh")
        .args(["-euc", script])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .output()
        .unwrap()
}

#[test]
fn the_shell_examples_publish_and_read_what_they_show() {
    let folder = tempfile::tempdir().unwrap();
    for script in examples("Publish") {
        let output = run(&script, folder.path());
        assert!(output.status.success(), "{script}: {output:?}");
    }
    let read = examples("Read in the shell").concat();
    assert!(!read.is_empty());
    // `status` may say that nobody publishes any more; it does not ask for that with --check.
    let output = run(&read, folder.path());
    assert!(output.status.success(), "{read}: {output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut lines = printed.lines();
    assert_eq!((lines.next(), lines.next()), (Some("50"), Some("true")));
    assert!(printed.contains("\"banner\""), "{printed}");
}
