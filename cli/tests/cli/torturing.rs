//! `torture`.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::program::{Folder, Running, answer, flagstaff, until};

/// Command lines of processes that work in a folder.
fn workers(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let bytes = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    });
    lines.filter(|line| line.contains("torture-child") && line.contains(name)).collect()
}

#[test]
fn one_check_says_what_it_did_for_machines_and_for_people_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let only = ["--seconds", "2", "--seed", "5", "--only", "mapping"];
    let json = answer(flagstaff(["torture", "--json"]).arg(folder.path()).args(only));
    assert_eq!(json.code, Some(0), "{json:?}");
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&report["seed"], &report["interrupted"]), (&5.into(), &false.into()));
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str()).collect();
    assert_eq!(names, [Some("file-system"), Some("mapping")]);
    assert_eq!(report["checks"][1]["verdict"], "good");
    assert!(json.err.contains("mapping: good"), "{}", json.err);

    let plain = answer(flagstaff(["torture"]).arg(folder.path()).args(only));
    println!("{}", plain.out);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(plain.out.contains("mapping      good") && plain.out.contains("nothing found"), "{}", plain.out);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_is_not_there_is_wrong_use_and_is_not_made() {
    let folder = Folder::new();
    let missing = folder.path().join("missing");
    let answer = answer(flagstaff(["torture"]).arg(&missing));
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("a directory that exists") && !missing.exists(), "{answer:?}");
}

#[test]
fn ctrl_c_ends_it_with_its_children_and_its_folder() {
    let folder = Folder::new();
    let mut torture = Running::start(flagstaff(["torture", "--seconds", "600"]).arg(folder.path()));
    until("children that crowd", || workers(folder.path()).iter().any(|line| line.contains(" check ")));
    torture.signal(Signal::INT);
    assert_eq!(torture.end().code(), Some(1));
    until("the children are gone", || workers(folder.path()).is_empty());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{}", torture.everything());
}

#[test]
fn children_do_not_outlive_a_killed_parent() {
    let folder = Folder::new();
    let mut torture = Running::start(flagstaff(["torture", "--seconds", "600"]).arg(folder.path()));
    until("children that crowd", || workers(folder.path()).iter().any(|line| line.contains(" check ")));
    torture.signal(Signal::KILL);
    torture.end();
    until("the children are gone", || workers(folder.path()).is_empty());
}
