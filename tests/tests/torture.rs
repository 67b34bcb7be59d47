//! Each check of `flagstaff torture` notices the defect that it is for, and nothing where there is none.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use flagstaff_tests::namespace::{in_namespace, is_root};
use flagstaff_tests::place::Place;
use flagstaff_torture::{CHECKS, CheckReport, Launcher, Plan, Verdict};

const ROLE: &str = env!("CARGO_BIN_EXE_flagstaff-test-role");

fn run(launcher: &Launcher, folder: &Path, check: &str) -> CheckReport {
    let plan = Plan::new(folder).seconds(1).seed(7).only(vec![check.to_owned()]);
    let report = plan.run(launcher, &AtomicBool::new(false), &|line| eprintln!("{line}"));
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing is left but the key of the tests");
    let report = report.checks.into_iter().find(|report| report.name == check).unwrap();
    eprintln!("{report:#?}");
    report
}

/// Runs one check with children that have the defect, and wants these words in what it finds.
fn finds(check: &str, defect: &str, words: &str) {
    let report = run(&Launcher::new(ROLE, ["defect", defect]), Place::new().folder(), check);
    if report.verdict == Verdict::Good && check == "full" && !report.notes.is_empty() {
        eprintln!("SKIPPED: no private mount namespace here, so there is no small disk to fill");
        return;
    }
    assert_eq!(report.verdict, Verdict::Bad);
    assert!(report.findings.iter().any(|finding| finding.contains(words)), "{:?}", report.findings);
    assert!(report.again.contains(&format!("--only {check} --seed 7")), "{}", report.again);
}

#[test]
fn with_nothing_wrong_every_check_says_what_it_did_and_finds_nothing() {
    for check in CHECKS {
        let report = run(&Launcher::new(ROLE, ["torture-child"]), Place::new().folder(), check.name);
        assert_eq!((report.verdict, report.findings.len()), (Verdict::Good, 0));
        assert!(!report.did.is_empty());
    }
}

#[test]
fn a_lock_that_excludes_nobody_is_found() {
    finds("lock", "no-lock", "does not exclude");
}

#[test]
fn a_lock_that_a_forked_child_keeps_is_found() {
    finds("lock", "inherited-lock", "with a forked child alive: publisher lock");
}

#[test]
fn a_lock_that_is_taken_over_late_is_found() {
    finds("lock", "slow-lock", "expected at most 50 ms");
}

#[test]
fn a_second_publisher_beside_the_first_is_found() {
    finds("lock", "two-publishers", "a second publisher started");
}

#[test]
fn files_that_each_process_has_a_copy_of_are_found() {
    finds("mapping", "own-copy", "is not seen through a mapping: found 0, expected 1");
}

#[test]
fn sleepers_that_nobody_wakes_are_found() {
    finds("mapping", "no-wake", "another process did not wake a sleep");
}

#[test]
fn a_disk_that_cannot_sync_is_found() {
    finds("disk", "no-sync", "a publisher that waits for the disk ended with");
}

#[test]
fn a_checkpoint_that_is_not_there_after_a_reboot_is_found() {
    finds("disk", "no-checkpoint", "a reader");
}

#[test]
fn a_publisher_that_a_limit_or_a_full_disk_kills_is_found() {
    finds("full", "killed", "with a limit of 1 MiB on files a publisher ended with signal");
}

#[test]
fn a_full_disk_that_kills_is_found() {
    finds("full", "killed-when-full", "on a full disk a publisher ended with");
}

#[test]
fn a_publisher_that_starts_over_is_found() {
    finds("death", "starts-over", "goes on from generation 0");
}

#[test]
fn torn_values_are_found_by_readers_of_publishers_that_die() {
    finds("death", "torn", "wrong: ");
}

#[test]
fn a_successor_that_publishes_a_mix_is_found() {
    finds("steps", "torn", "wrong: read() gave");
}

#[test]
fn a_step_at_which_nobody_dies_is_found() {
    finds("steps", "no-death", "that should die at");
}

#[test]
fn torn_values_are_found_by_one_of_many_readers() {
    finds("readers", "torn", "wrong: ");
}

#[test]
fn a_reader_that_crashes_is_found() {
    finds("readers", "crash", "ended with signal: 6");
}

#[test]
fn descriptors_that_stay_open_are_found() {
    finds("readers", "leak", "descriptors");
}

#[test]
fn a_crash_on_a_damaged_file_is_found_with_what_was_done_to_it() {
    finds("damage", "crash", "what was done last: bit 3 of byte 77 flipped");
}

#[test]
fn a_wrong_answer_from_a_damaged_file_is_found() {
    finds("damage", "wrong-answer", "wrong values");
}

/// What `flagstaff torture` says on a mount of its own, made by this script.
fn on_a_mount(script: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{script} && exec \"$1\" torture \"$0\" --seconds 2 --json 2>&1");
    let mut command: Command = in_namespace("-m", &script)?;
    let output = command.arg(folder.path()).arg(flagstaff_tests::binary()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    Some(said)
}

#[test]
fn a_full_and_a_read_only_file_system_are_found_by_the_command() {
    let full = "mount -t tmpfs -o size=256k tmpfs \"$0\" && head -c 256k /dev/zero >\"$0\"/hog";
    if let Some(said) = on_a_mount(full) {
        assert!(said.contains("\"verdict\":\"bad\"") && said.contains("not-run"), "{said}");
        assert!(said.contains("o space left") || said.contains("free space"), "{said}");
    }
    if let Some(said) = on_a_mount("mount -t tmpfs -o ro tmpfs \"$0\"") {
        assert!(
            said.contains("readers can use an existing snapshot file") && said.contains("not-run"),
            "{said}"
        );
    }
    if !is_root() {
        eprintln!("as an ordinary user, in a user namespace");
    }
}
