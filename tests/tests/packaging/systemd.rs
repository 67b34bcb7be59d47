//! The unit and what belongs to it, judged by systemd's own tools; its filter of system calls is compared with the calls that are made.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use flagstaff_tests::binary;
use flagstaff_tests::flag_server::FlagServer;
use flagstaff_tests::namespace::is_root;
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::DEADLINE;
use rustix::process::{Pid, Signal, kill_process};

use crate::{has, packaging, text};

const UNIT: &str = "systemd/flagstaff.service";

fn security(threshold: u32) -> bool {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager", &format!("--threshold={threshold}")]);
    command.arg(packaging().join(UNIT)).output().unwrap().status.success()
}

#[test]
fn the_unit_is_exposed_to_2_of_10_at_most() {
    if has("systemd-analyze") {
        assert!(security(20), "see `systemd-analyze security --offline=true packaging/{UNIT}`");
        assert!(!security(1), "the tool says yes to everything");
    }
}

#[test]
fn systemd_finds_no_mistake_in_the_unit() {
    if !has("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let verified = |unit: &str| {
        let path = folder.path().join("flagstaff.service");
        fs::write(&path, unit).unwrap();
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(path).output().unwrap()
    };
    // The command need not be installed.
    let program = binary().canonicalize().unwrap();
    let unit = text(UNIT).replace("/usr/bin/flagstaff", program.to_str().unwrap());
    let good = verified(&unit);
    let said = String::from_utf8_lossy(&good.stderr);
    assert!(good.status.success() && !said.contains("flagstaff.service"), "{said}");
    let wrong = verified(&unit.replace("WatchdogSec=30", "WatchdogSek=30"));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("WatchdogSek"), "a mistake is not found");
}

#[test]
fn every_line_of_the_unit_has_its_reason_above_it() {
    let mut is_explained = false;
    for line in
        text(UNIT).lines().skip_while(|line| *line != "[Service]").take_while(|line| *line != "[Install]")
    {
        match line {
            "" => is_explained = false,
            line if line.starts_with('#') => is_explained = true,
            line if line.starts_with('[') => {}
            line => assert!(is_explained, "{line}"),
        }
    }
}

#[test]
fn the_user_and_the_folders_are_made_with_the_rights_that_the_unit_needs() {
    if !is_root() || !has("systemd-sysusers") || !has("systemd-tmpfiles") {
        return eprintln!("SKIPPED: users and folders of systemd; only root can make them");
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    for (tool, file) in [("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")] {
        let mut command = Command::new(tool);
        command.arg("--root").arg(root.path()).args(if tool.ends_with("files") {
            &["--create"][..]
        } else {
            &[]
        });
        let made =
            command.arg(packaging().join("systemd").join(file).join("flagstaff.conf")).output().unwrap();
        assert!(made.status.success() && made.stdout.is_empty(), "{made:?}");
    }
    let users = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let user = users.lines().find(|line| line.starts_with("flagstaff:")).expect("the user of the unit");
    assert!(user.ends_with(":/run/flagstaff:/usr/sbin/nologin"), "{user}");
    for (folder, mode) in [("run/flagstaff", 0o755), ("etc/flagstaff", 0o750)] {
        let found = fs::metadata(root.path().join(folder)).unwrap();
        assert_eq!(found.permissions().mode() & 0o7777, mode, "{folder}");
        assert_ne!(found.gid(), 0, "{folder}");
    }
}

/// The calls of a set, with those of the sets in it.
fn calls_of(set: &str, all: &mut BTreeSet<String>) {
    let output = Command::new("systemd-analyze").args(["syscall-filter", set]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for call in
        text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|call| !call.starts_with('#'))
    {
        if call.starts_with('@') {
            calls_of(call, all);
        } else {
            all.insert(call.to_owned());
        }
    }
}

/// What the lines `SystemCallFilter=` of the unit let through.
fn allowed() -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for filter in text(UNIT).lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let mut calls = BTreeSet::new();
        filter.trim_start_matches('~').split(' ').for_each(|set| calls_of(set, &mut calls));
        if filter.starts_with('~') {
            allowed.retain(|call| !calls.contains(call));
        } else {
            allowed.extend(calls);
        }
    }
    assert!(allowed.len() > 100 && allowed.contains("read"), "{allowed:?}");
    allowed
}

#[test]
fn a_publisher_makes_no_system_call_that_the_unit_forbids() {
    if !is_root() || !has("systemd-analyze") || !has("strace") {
        return eprintln!("SKIPPED: system calls of a publisher; it takes root, systemd-analyze and strace");
    }
    let place = Place::new();
    fs::write(place.join("flags.json"), r#"{"n":1}"#).unwrap();
    let server = FlagServer::with_file(&place.join("flags.json"));
    fs::write(place.key_file(), "dev\n").unwrap();
    let run = place.run_command(&server.url().replace("127.0.0.1", "localhost"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "--output"]).arg(place.join("calls"));
    strace.arg(run.get_program()).args(run.get_args()).args(["--listen", "127.0.0.1:0"]);
    let mut publisher = Process::start(strace);
    publisher.expect_log("published");
    // Payloads, an override, a file that is made anew, a checkpoint.
    assert_eq!(server.put("n", "2").status, 200);
    place.wait_for_n(2);
    assert_eq!(place.answer("override", ["n", "3", "--for", "1m", "--reason", "test"]).code, 0);
    fs::remove_file(place.file()).unwrap();
    publisher.expect_log("snapshot file");
    place.wait_for_n(3);
    let pid = place.status()["publisher_process"]["pid"].as_i64().unwrap() as i32;
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert!(publisher.wait(DEADLINE).success());

    let calls = fs::read_to_string(place.join("calls")).unwrap();
    let made: BTreeSet<&str> = calls
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1)?.split_once('(').map(|(call, _)| call))
        .filter(|call| !call.is_empty())
        .collect();
    assert!(made.contains("mlock") && made.contains("futex") && made.contains("close_range"), "{made:?}");
    let allowed = allowed();
    // The first one is made by strace.
    let forbidden: Vec<_> =
        made.iter().filter(|call| **call != "execve" && !allowed.contains(**call)).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}
