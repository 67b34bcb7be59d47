//! Full disks, and directories that cannot be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flagstaff_format::{FailureKind, Generation, WriteError};
use flagstaff_publisher::{CloseError, PublishError, Publisher, PublisherOptions};
use flagstaff_reader::Reader;

use crate::place::{DEADLINE, Place, again, assert_success, path_of_parent, published, wait_until};

/// Nobody's user and group id.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// This executable on a tmpfs of 4 MiB at the place's folder that only it sees; `None` where that is not permitted.
fn on_a_small_disk(place: &Place) -> Option<Command> {
    let mount = "mount -t tmpfs -o size=4m tmpfs \"$0\"";
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.arg(if is_root() { "-m" } else { "-rm" }).args(["sh", "-c", script]).arg(place.folder.path());
        command
    };
    if !namespace(mount).output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut command = namespace(&format!("{mount} && exec \"$@\""));
    command.arg(std::env::current_exe().unwrap());
    Some(command)
}

#[test]
fn a_full_disk_is_an_error_the_old_flags_stay_and_it_heals_when_there_is_space() {
    if let Some(path) = path_of_parent() {
        return fill_the_disk(&path);
    }
    let place = Place::new();
    match on_a_small_disk(&place) {
        Some(command) => assert_success(&again(
            command,
            "room::a_full_disk_is_an_error_the_old_flags_stay_and_it_heals_when_there_is_space",
            &place,
        )),
        None => eprintln!("SKIPPED: no private mount namespace here, so there is no small disk to fill"),
    }
}

fn fill_the_disk(path: &Path) {
    let payload = |n: u64, bytes: usize| format!("{{\"n\": {n}, \"filler\": \"{}\"}}", "x".repeat(bytes));
    let options = PublisherOptions::default().checkpoint_every(Duration::from_millis(50));
    let mut publisher = Publisher::open(path, &options).unwrap();
    published(&mut publisher, &payload(1, 10));
    let reader = Reader::open(path).unwrap();
    wait_until("the first checkpoint", DEADLINE, || reader.status().durable == Generation(1));
    let hog = fill_up(path);
    for _ in 0..3 {
        let error = publisher.publish(&payload(2, 500_000)).unwrap_err();
        let PublishError::File(WriteError::Io { source, .. }) = &error else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("free space"), "{error}");
        assert_eq!(reader.status().last_failure.unwrap().kind, FailureKind::DiskFull);
        assert_eq!((reader.get_u64("n"), reader.generation()), (1, Generation(1)));
        assert_eq!(Reader::open(path).unwrap().get_u64("n"), 1);
    }
    // What fits into the space reserved before is still published.
    assert_eq!(published(&mut publisher, &payload(3, 20)), Generation(2));
    assert_eq!(reader.get_u64("n"), 3);
    fs::remove_file(&hog).unwrap();
    let healed = published(&mut publisher, &payload(4, 500_000));
    assert_eq!((reader.get_u64("n"), reader.generation()), (4, healed));
    assert_eq!(reader.with_str("filler", |text| text.map(str::len)), Some(500_000));
    wait_until("checkpoints work again", DEADLINE, || reader.status().durable == healed);
}

/// Takes all that is left of the small disk, with the file that it names.
fn fill_up(path: &Path) -> std::path::PathBuf {
    let hog = path.with_file_name("hog");
    let mut filled = 0;
    for block in [64 * 1024, 4096] {
        while fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&hog)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![1; block]))
            .is_ok()
        {
            filled += 1;
            assert!(filled < 1000, "this is no small disk");
        }
    }
    hog
}

/// Symptom: `flagstaff publish` answered 0 although nothing had reached the disk. Cause: a clean stop told a checkpoint that
/// failed as if it had been written. Fix: the answer of the disk comes back, and `close` hands it on.
#[test]
fn a_close_says_that_the_last_checkpoint_failed() {
    if let Some(path) = path_of_parent() {
        let mut publisher = Publisher::open(&path, &PublisherOptions::default()).unwrap();
        published(&mut publisher, r#"{"n": 1}"#);
        let reader = Reader::open(&path).unwrap();
        wait_until("the first checkpoint", DEADLINE, || reader.status().durable == Generation(1));
        let hog = fill_up(&path);
        // It fits into its slot. The other checkpoint region has no space yet.
        published(&mut publisher, r#"{"n": 2}"#);
        let error = publisher.close().unwrap_err();
        let CloseError::Disk(WriteError::Io { source, .. }) = &error else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        assert_eq!((reader.get_i64("n"), reader.status().durable), (2, Generation(1)));
        assert_eq!(reader.status().last_failure.unwrap().kind, FailureKind::DiskFull);
        assert!(reader.status().publisher_uptime.is_none(), "it has stopped cleanly all the same");
        fs::remove_file(hog).unwrap();
        Publisher::open(&path, &PublisherOptions::default()).unwrap().close().unwrap();
        assert_eq!(reader.status().durable, Generation(2));
        return;
    }
    let place = Place::new();
    match on_a_small_disk(&place) {
        Some(command) => {
            assert_success(&again(command, "room::a_close_says_that_the_last_checkpoint_failed", &place));
        }
        None => eprintln!("SKIPPED: no private mount namespace here, so there is no small disk to fill"),
    }
}

#[test]
fn a_disk_too_full_for_a_new_file_is_an_error_and_leaves_nothing_behind() {
    if let Some(path) = path_of_parent() {
        fs::write(path.with_file_name("hog"), vec![1; (4 << 20) - 16 * 1024]).unwrap();
        let error = Publisher::open(&path, &PublisherOptions::default()).unwrap_err();
        assert!(error.to_string().contains("free space"), "{error}");
        let left: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "hog" || name == "flags.flagstaff.lock"), "{left:?}");
        return;
    }
    let place = Place::new();
    match on_a_small_disk(&place) {
        Some(command) => assert_success(&again(
            command,
            "room::a_disk_too_full_for_a_new_file_is_an_error_and_leaves_nothing_behind",
            &place,
        )),
        None => eprintln!("SKIPPED: no private mount namespace here, so there is no small disk to fill"),
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_a_clear_error() {
    if let Some(path) = path_of_parent() {
        let error = Publisher::open(&path, &PublisherOptions::default()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(path.to_str().unwrap()), "{message}");
        assert!(message.contains("this user must be able to write"), "{message}");
        assert!(std::error::Error::source(&error).is_some() || message.contains("ermission"), "{message}");
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    if is_root() {
        // Root may write everywhere, so somebody else has to try.
        command.uid(NOBODY).gid(NOBODY);
        let may_start = Command::new(std::env::current_exe().unwrap()).arg("--list").uid(NOBODY).output();
        if !may_start.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: nobody's user may not start this executable where it lies");
            return;
        }
    }
    assert_success(&again(command, "room::a_directory_that_cannot_be_written_is_a_clear_error", &place));
}

#[test]
fn a_directory_that_does_not_exist_is_a_clear_error() {
    let place = Place::new();
    let path = place.folder.path().join("none/flags.flagstaff");
    let message = Publisher::open(&path, &PublisherOptions::default()).unwrap_err().to_string();
    assert!(
        message.contains("none/flags.flagstaff.lock") && message.contains("directory must exist"),
        "{message}"
    );
}
