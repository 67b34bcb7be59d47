//! Row 21: links to the snapshot, to its lock and to its directory.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use flagstaff_tests::place::{Place, answer};
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::DEADLINE;

use crate::support::{ALICE, MALLORY, by, give, has_other_users, set_mode};

fn run(place: &Place, file: &str) -> Command {
    let source = place.join("flags.json");
    fs::write(&source, r#"{"n": 2}"#).unwrap();
    let mut command = flagstaff_tests::place::flagstaff();
    command.args(["run", "--no-wait", "--source"]).arg(source).arg("--file").arg(place.join(file));
    command
}

/// Symptom: two publishers wrote into one file at once. Cause: each took the lock beside the name it was given, and one of the names
/// was a link to the other. Fix: the lock is that of the file behind the link.
#[test]
fn row_21_publishers_that_know_a_file_by_a_link_and_by_its_name_exclude_each_other() {
    let place = Place::new();
    place.publish(r#"{"n": 1}"#);
    symlink(place.file(), place.join("link.flagstaff")).unwrap();
    fs::create_dir(place.join("folder")).unwrap();
    symlink("../link.flagstaff", place.join("folder/far.flagstaff")).unwrap();
    symlink(place.folder(), place.join("same")).unwrap();
    let names = [
        "flags.flagstaff",
        "link.flagstaff",
        "folder/far.flagstaff",
        "same/flags.flagstaff",
        "same/link.flagstaff",
    ];
    for first in names {
        let publisher = Process::start(run(&place, first));
        publisher.expect_log("goes on with the snapshot file");
        place.wait_for_n(2);
        for second in names {
            let refused = answer(run(&place, second));
            assert_eq!(refused.code, 1, "{first}, then {second}: {refused:?}");
            assert!(refused.stderr.contains("flags.flagstaff.lock"), "{first}, then {second}: {refused:?}");
        }
        drop(publisher);
        place.publish(r#"{"n": 1}"#);
    }
    assert!(!place.join("link.flagstaff.lock").exists() && !place.join("folder/far.flagstaff.lock").exists());
}

/// Symptom: after `rm` of the file behind a link, or another reason to make it anew, the link was replaced by a file, and readers
/// that knew the file by its name stayed on the old one for ever. Fix: as above.
#[test]
fn row_21_a_file_that_is_made_anew_takes_the_place_of_the_file_and_not_of_a_link_to_it() {
    let place = Place::new();
    place.publish(r#"{"n": 1}"#);
    symlink("flags.flagstaff", place.join("link.flagstaff")).unwrap();
    let reader = place.reader();
    let publisher = Process::start(run(&place, "link.flagstaff"));
    place.wait_for_n(2);
    fs::remove_file(place.file()).unwrap();
    publisher.expect_log("changed by another program");
    fs::write(place.join("flags.json"), r#"{"n": 3}"#).unwrap();
    place.wait_for_n(3);
    flagstaff_tests::wait::wait_until("the old reader", DEADLINE, || reader.get_i64("n") == 3);
    assert!(fs::symlink_metadata(place.join("link.flagstaff")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(place.file()).unwrap().is_file());
}

#[test]
fn row_21_a_link_that_leads_nowhere_is_replaced_and_what_it_named_is_not_made() {
    let place = Place::new();
    symlink("elsewhere.flagstaff", place.file()).unwrap();
    let _publisher = Process::start(run(&place, "flags.flagstaff"));
    place.wait_for_n(2);
    assert!(fs::symlink_metadata(place.file()).unwrap().is_file());
    assert!(!place.join("elsewhere.flagstaff").exists());
}

#[test]
fn row_21_a_link_in_the_place_of_the_lock_is_refused_and_what_it_leads_to_is_not_touched() {
    let place = Place::new();
    let precious = place.join("precious");
    fs::write(&precious, "precious").unwrap();
    set_mode(&precious, 0o644);
    for target in ["precious", "nothing-yet"] {
        symlink(target, place.lock()).unwrap();
        let refused = answer(run(&place, "flags.flagstaff"));
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("it is a symbolic link"), "{refused:?}");
        fs::remove_file(place.lock()).unwrap();
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!place.join("nothing-yet").exists() && !place.file().exists());
}

/// What a publisher that died may have left lies under a name that anybody can guess.
#[test]
fn row_21_a_link_in_the_place_of_the_next_file_is_removed_and_not_followed() {
    let place = Place::new();
    let precious = place.join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, place.join(".flags.flagstaff.new")).unwrap();
    let _publisher = Process::start(run(&place, "flags.flagstaff"));
    place.wait_for_n(2);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!place.join(".flags.flagstaff.new").exists());
}

/// Mallory makes a link in a directory like /tmp, under the name that Alice's programs use, to another snapshot of Alice's. Where the
/// kernel does not follow such links, this is refused by it.
#[test]
fn row_21_a_link_of_somebody_else_in_a_sticky_public_directory_leads_nobody() {
    if !has_other_users() {
        return;
    }
    let (alice, public) = (Place::new(), Place::new());
    set_mode(alice.folder(), 0o755);
    alice.publish(r#"{"n": 1}"#);
    give(alice.file(), ALICE);
    set_mode(public.folder(), 0o1777);
    symlink(alice.file(), public.file()).unwrap();
    give(public.file(), MALLORY);
    let mut get = public.flagstaff("get");
    get.arg("n");
    let Some(get) = by(ALICE, get) else { return };
    let refused = answer(get);
    assert_eq!(refused.code, 1, "{refused:?}");
    let said = format!("belongs to user {MALLORY}");
    assert!(refused.stderr.contains(&said) || refused.stderr.contains("ermission denied"), "{refused:?}");
    let mut publish = public.flagstaff("publish");
    let source = public.join("flags.json");
    fs::write(&source, r#"{"n": 666}"#).unwrap();
    set_mode(&source, 0o644);
    publish.arg(&source);
    let refused = answer(by(ALICE, publish).unwrap());
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(alice.get("n"), "1");
    assert!(!alice.lock().exists() || fs::read(alice.lock()).unwrap().is_empty());
}
