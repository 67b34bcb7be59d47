//! The benchmark program as a whole.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn bench(words: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flagstaff-bench")).args(words).current_dir(folder).output().unwrap()
}

#[test]
fn the_quick_form_measures_everything_and_writes_the_document_with_its_plots() {
    let folder = tempfile::tempdir().unwrap();
    let output = bench(&["--quick", "--record", "plain.jsonl"], folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The other build is of the same form.
    let plain = fs::read_to_string(folder.path().join("plain.jsonl")).unwrap();
    fs::write(folder.path().join("fat.jsonl"), plain.replacen("\"plain\"", "\"fat\"", 1)).unwrap();
    let report = ["--report", "plain.jsonl", "--report", "fat.jsonl", "--write", "figures.md"];
    let output = bench(&report, folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let text = fs::read_to_string(folder.path().join("figures.md")).unwrap();
    for heading in [
        "Reading, one thread",
        "Reading, many processes",
        "Getters of every type",
        "`Key`",
        "Handles",
        "Publishing",
        "Publishing, phase by phase",
        "First reads after a publish",
        "Opening",
        "From server to reader",
        "Flag server",
        "Memory",
    ] {
        assert!(text.contains(&format!("\n## {heading}\n")), "{heading} is missing");
    }
    assert!(text.contains("QUICK"), "the document must say that its figures are worth little");
    for rival in ["SipHash", "RwLock", "ArcSwap", "DashMap", "papaya", "rkyv", "mmap-sync", "LMDB", "redis"] {
        assert!(text.contains(rival), "{rival} is missing");
    }
    for plot in ["read", "processes", "percentiles"] {
        assert!(text.contains(&format!("](plots/{plot}.svg)")), "{plot} is not shown");
        let svg = fs::read_to_string(folder.path().join(format!("plots/{plot}.svg"))).unwrap();
        assert!(svg.contains("<polyline"), "{plot} has no curve");
    }
}

#[test]
fn a_torn_value_ends_the_run_and_leaves_no_document() {
    let folder = tempfile::tempdir().unwrap();
    let output = bench(&["processes", "--quick", "--wrong", "--write", "figures.md"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("torn read"), "{said}");
    assert!(!folder.path().join("figures.md").exists());
}

#[test]
fn wrong_use_is_told() {
    let output = bench(&["raed"], Path::new("."));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`raed`"));
}
