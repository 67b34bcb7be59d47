//! Row 21: files of other users, and directories that everybody may write to.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use flagstaff_tests::place::{Answer, Place, answer};

use crate::support::{ALICE, MALLORY, by, give, has_other_users, set_mode};

/// A file of Mallory's under the name that Alice uses, in a directory of this mode.
fn planted(mode: u32) -> Place {
    let place = Place::new();
    place.publish(r#"{"n": 666}"#);
    set_mode(place.file(), 0o444);
    give(place.file(), MALLORY);
    give(place.lock(), MALLORY);
    set_mode(place.folder(), mode);
    place
}

fn get(place: &Place, user: u32) -> Option<Answer> {
    let mut get = place.flagstaff("get");
    get.arg("n");
    Some(answer(by(user, get)?))
}

fn publish(place: &Place, user: u32) -> Option<Answer> {
    let source = place.join("flags.json");
    fs::write(&source, r#"{"n": 1}"#).unwrap();
    set_mode(&source, 0o444);
    let mut publish = place.flagstaff("publish");
    publish.arg(&source);
    Some(answer(by(user, publish)?))
}

#[test]
fn row_21_a_planted_file_in_a_sticky_public_directory_is_refused_by_readers_and_publishers() {
    if !has_other_users() {
        return;
    }
    let place = planted(0o1777);
    let before = fs::metadata(place.file()).unwrap();
    for user in [ALICE, 0] {
        let Some(refused) = get(&place, user) else { return };
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains(&format!("belongs to user {MALLORY}")), "{refused:?}");
        assert!(refused.stderr.contains("move it to a directory of its own"), "{refused:?}");
        let refused = publish(&place, user).unwrap();
        assert_eq!(refused.code, 1, "{refused:?}");
    }
    let after = fs::metadata(place.file()).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()), "it was touched");
    // Who planted it reads it.
    assert_eq!(get(&place, MALLORY).unwrap().stdout, "666");
}

/// Symptom: the directory that was looked at was that of the link, and the file lay in /tmp. Fix: both are.
#[test]
fn row_21_a_planted_file_is_refused_through_a_link_of_the_administrator_too() {
    if !has_other_users() {
        return;
    }
    let (place, good) = (planted(0o1777), Place::new());
    set_mode(good.folder(), 0o755);
    symlink(place.file(), good.file()).unwrap();
    let Some(refused) = get(&good, ALICE) else { return };
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains(&format!("belongs to user {MALLORY}")), "{refused:?}");
}

/// A volume shared between containers: each has user ids of its own. Who can write to such a directory is trusted.
#[test]
fn row_21_in_a_shared_volume_that_is_not_sticky_files_of_other_users_are_read() {
    if !has_other_users() {
        return;
    }
    let place = planted(0o777);
    let Some(read) = get(&place, ALICE) else { return };
    assert_eq!((read.code, read.stdout.as_str()), (0, "666"), "{read:?}");
}

#[test]
fn row_21_a_file_of_root_in_a_sticky_public_directory_is_read_by_everybody_it_is_for() {
    if !has_other_users() {
        return;
    }
    let place = planted(0o1777);
    give(place.file(), 0);
    let Some(read) = get(&place, ALICE) else { return };
    assert_eq!((read.code, read.stdout.as_str()), (0, "666"), "{read:?}");
}

#[test]
fn row_21_files_are_made_for_owner_and_group_to_read_and_the_lock_for_the_owner() {
    let mode = |path| fs::metadata(path).unwrap().mode() & 0o7777;
    let place = Place::new();
    place.publish(r#"{"n": 1}"#);
    assert_eq!((mode(place.file()), mode(place.lock())), (0o440, 0o600));
    // A umask takes nothing away and gives nothing.
    for umask in ["000", "077"] {
        let place = Place::new();
        let source = place.join("flags.json");
        fs::write(&source, r#"{"n": 1}"#).unwrap();
        let publish = place.flagstaff("publish");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\"")]);
        shell.args(crate::support::arguments(&publish)).arg(&source);
        assert_eq!(answer(shell).code, 0);
        assert_eq!((mode(place.file()), mode(place.lock())), (0o440, 0o600), "umask {umask}");
    }
}

/// Whoever may read a file can lock it, and so keep publishers out: the lock file is not for readers.
#[test]
fn a_reader_can_neither_lock_nor_write_nor_remove_anything() {
    if !has_other_users() {
        return;
    }
    let place = Place::new();
    place.publish(r#"{"n": 1}"#);
    set_mode(place.folder(), 0o755);
    set_mode(place.file(), 0o444);
    assert_eq!(get(&place, MALLORY).map(|read| read.stdout), Some("1".to_owned()));
    for attempt in [
        "flock -n \"$0.lock\" true",
        ": > \"$0\"",
        ": >> \"$0\"",
        "rm -f \"$0\"",
        "mv \"$0\" \"$0.x\"",
        ": > \"$0.x\"",
    ] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", attempt]).arg(place.file());
        let failed = answer(by(MALLORY, shell).unwrap());
        assert_ne!(failed.code, 0, "{attempt}: {failed:?}");
    }
    assert_eq!(place.get("n"), "1");
}
