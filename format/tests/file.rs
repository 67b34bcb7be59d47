//! Writer and view on real files: what is found at a path, what is kept of it, and what goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

mod poke;

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use flagstaff_format::Records as _;
use flagstaff_format::layout::{Area, FILE_BYTES, word as at};
use flagstaff_format::{
    Archive, Facts, Generation, Hashed, Hit, Opening, PathCheck, Value, WriteError, Writer, WriterOptions,
    check_current, newest, open_view,
};
use poke::{
    damage, flag, live_link, look_up, mode, names_beside, open, place, published, set_word, snapshot, told,
    view, word, writable,
};

/// Runs one test of this file again in a process of its own, through `around` where it takes one.
fn in_child(test: &str, directory: &Path, around: impl FnOnce(PathBuf) -> Command) -> std::process::Output {
    let mut command = around(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env("FLAGSTAFF_TEST_CHILD", directory);
    command.output().unwrap()
}

/// The directory of the parent, in a process started by [`in_child`].
fn child() -> Option<PathBuf> {
    std::env::var_os("FLAGSTAFF_TEST_CHILD").map(PathBuf::from)
}

fn assert_success(output: &std::process::Output) {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_new_file_is_whole_sparse_and_read_only_and_holds_nothing() {
    let place = place();
    let opened = open(&place.path);
    assert_eq!((opened.found, opened.snapshot.is_none()), (Opening::Nothing, true));
    let metadata = fs::metadata(&place.path).unwrap();
    assert_eq!((metadata.len(), mode(&place.path)), (FILE_BYTES, 0o440));
    assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    let view = view(&place.path);
    assert_eq!(check_current(view.map()), Ok(None));
    assert_eq!(look_up(&view, "on"), None);
    assert!(view.probe(&Hashed::new(b"generation")).is_none());
    let expected = [live_link(&place.path), place.path.clone()];
    assert_eq!(names_beside(&place.path), expected, "nothing but its second name is left beside it");
    assert_eq!(fs::metadata(&expected[0]).unwrap().ino(), metadata.ino());
}

#[test]
fn a_reopened_file_goes_on_from_its_generation() {
    let place = place();
    drop(published(&place.path, 3));
    let mut again = open(&place.path);
    assert_eq!((again.found, told(&again.snapshot.unwrap())), (Opening::Good, Some(3)));
    assert_eq!(again.writer.publish(&mut snapshot(4)).unwrap(), Generation(4));
    assert_eq!(told(&again.writer.current().unwrap()), Some(4));
}

#[test]
fn a_publish_that_died_halfway_is_repeated_under_the_same_generation() {
    let place = place();
    drop(published(&place.path, 3));
    let view = view(&place.path);
    // The odd word, and half of a record in the slot of generation 4.
    set_word(&place.path, at::GENERATION, 7);
    writable(&place.path).write_all_at(&[0xa5; 300], Area::Slot(0).offset()).unwrap();
    assert_eq!(look_up(&view, "generation"), Some(3), "readers notice nothing");
    let mut again = open(&place.path);
    assert_eq!((again.found, told(&again.snapshot.unwrap())), (Opening::Good, Some(3)));
    assert_eq!(again.writer.publish(&mut snapshot(4)).unwrap(), Generation(4));
    assert_eq!((look_up(&view, "generation"), word(&place.path, at::GENERATION)), (Some(4), 8));
}

#[test]
fn a_first_publish_that_died_halfway_leaves_a_file_with_nothing() {
    let place = place();
    drop(published(&place.path, 1));
    set_word(&place.path, at::GENERATION, 1);
    damage(&place.path, Area::Slot(1));
    let mut again = open(&place.path);
    assert_eq!((again.found, again.snapshot.is_none()), (Opening::Good, true));
    assert_eq!(again.writer.publish(&mut snapshot(1)).unwrap(), Generation(1));
}

/// Symptom: a publisher was killed in its first publish, after the bytes and before the word. A reader that opened the file
/// answered from it, and the next publisher started from nothing. Cause: readers take a good snapshot in a file for one that
/// was published, the publisher looked at the word alone. Fix: it does as readers do.
#[test]
fn a_first_publish_that_died_with_all_its_bytes_written_is_finished_by_the_next_publisher() {
    let place = place();
    drop(published(&place.path, 1));
    set_word(&place.path, at::GENERATION, 1);
    let again = open(&place.path);
    assert!(matches!(again.found, Opening::Repaired(_)), "{:?}", again.found);
    assert_eq!((told(&again.snapshot.unwrap()), again.writer.generation()), (Some(1), Generation(1)));
    assert_eq!(look_up(&view(&place.path), "generation"), Some(1));
}

/// Root writes to everything, so the owner's way is tried by a process without its rights.
#[test]
fn the_owner_publishes_into_a_file_that_its_mode_makes_read_only() {
    if let Some(directory) = child() {
        let path = directory.join("flags.flagstaff");
        drop(published(&path, 1));
        assert_eq!(mode(&path), 0o440);
        assert_eq!(writable_error(&path), Some(ErrorKind::PermissionDenied));
        let mut again = open(&path).writer;
        assert_eq!(again.publish(&mut snapshot(2)).unwrap(), Generation(2));
        assert_eq!(mode(&path), 0o440, "the mode is as before");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "the_owner_publishes_into_a_file_that_its_mode_makes_read_only";
    let output = in_child(test, directory.path(), |program| {
        let mut command = Command::new(program);
        if fs::metadata(directory.path()).unwrap().uid() == 0 {
            std::os::unix::fs::chown(directory.path(), Some(65534), Some(65534)).unwrap();
            command.uid(65534).gid(65534);
        }
        command
    });
    assert_success(&output);
}

fn writable_error(path: &Path) -> Option<ErrorKind> {
    fs::OpenOptions::new().write(true).open(path).err().map(|e| e.kind())
}

#[test]
fn a_file_replaced_or_removed_by_hand_is_noticed_and_readers_are_moved() {
    let place = place();
    let mut writer = published(&place.path, 3);
    let (old, old_id) = (view(&place.path), open_view(&place.path).unwrap().file());
    assert_eq!(writer.path_state(), PathCheck::Same);
    let other = place.path.with_file_name("other");
    fs::write(&other, "by hand").unwrap();
    fs::rename(&other, &place.path).unwrap();
    assert_eq!(writer.path_state(), PathCheck::Replaced);
    fs::remove_file(&place.path).unwrap();
    assert_eq!(writer.path_state(), PathCheck::Missing);
    let event = old.map().event().load();

    writer.supersede().unwrap();

    assert_eq!((writer.path_state(), writer.generation()), (PathCheck::Same, Generation(4)));
    let seen = old.observe();
    assert!(seen.is_superseded());
    assert_eq!(old.map().event().load(), event + 1);
    assert!(old.probe(&Hashed::new(b"generation")).is_none());
    assert_eq!(look_up(&old, "generation"), Some(3), "until the reader has moved");
    let new = view(&place.path);
    assert_ne!(new.file(), old_id);
    assert_eq!((new.observe().generation(), look_up(&new, "generation")), (Generation(4), Some(3)));
    writer.publish(&mut snapshot(5)).unwrap();
    assert_eq!((look_up(&new, "generation"), look_up(&old, "generation")), (Some(5), Some(3)));
}

#[test]
fn a_file_superseded_while_its_current_slot_is_damaged_keeps_the_newest_good_snapshot() {
    let place = place();
    let mut writer = published(&place.path, 3);
    damage(&place.path, Area::Slot(1));
    writer.supersede().unwrap();
    assert_eq!(writer.generation(), Generation(4));
    assert_eq!(told(&writer.current().unwrap()), Some(2));
}

#[test]
fn a_snapshot_that_outgrows_the_bounds_of_a_reader_is_found_after_a_look_at_the_header() {
    let place = place();
    let mut writer = published(&place.path, 2);
    let view = view(&place.path);
    let flags: Vec<_> = (0..5000).map(|i| flag(&format!("flag-{i}"), Value::I64(i))).collect();
    let mut publish =
        || writer.publish(&mut Archive::build(&flags, Generation(0), Facts::default()).unwrap()).unwrap();
    publish();
    assert_eq!(look_up(&view, "flag-4999"), None, "outside of the bounds");
    assert!(view.refresh_bounds());
    assert_eq!(look_up(&view, "flag-4999"), Some(4999));
    publish();
    assert_eq!(look_up(&view, "flag-4999"), Some(4999), "both slots were reserved at once");
    assert!(!view.refresh_bounds(), "nothing more to raise");
    assert!(check_current(view.map()).unwrap().is_some());
}

/// Every key of up to three of 93 bytes, `"k":1,` each: nothing makes more flags of 5 MiB.
#[test]
fn the_payload_with_the_most_flags_fits_a_slot_and_is_published() {
    let place = place();
    let mut writer = published(&place.path, 1);
    let alphabet: Vec<char> = (' '..='~').filter(|c| *c != '"' && *c != '\\').collect();
    let n = alphabet.len();
    let key = |i: usize| -> String {
        let digits = [i / n / n, i / n % n, i % n];
        digits.iter().map(|digit| alphabet[*digit]).collect()
    };
    let flags: Vec<_> = (0..655_000).map(|i| flag(&key(i), Value::Bool(i % 2 == 0))).collect();
    let mut archive = Archive::build(&flags, Generation(1), Facts::default()).unwrap();
    writer.publish(&mut archive).unwrap();
    let view = view(&place.path);
    let frame = check_current(view.map()).unwrap().unwrap();
    assert_eq!(frame.flags, 655_000);
    for i in [0, 1, 327_001, 654_999] {
        let (key, seen) = (key(i), view.observe());
        let found = view.attempt(seen, &key, &Hashed::new(key.as_bytes())).unwrap();
        assert_eq!(found.bool(), Some(i % 2 == 0));
    }
}

#[test]
fn checkpoints_alternate_and_the_newest_good_one_is_never_written_over() {
    let place = place();
    let mut writer = published(&place.path, 0);
    let checkpoint = |writer: &mut Writer, generation| {
        let mut archive = snapshot(generation);
        writer.publish(&mut archive).unwrap();
        // Made anew each time, as after a restart: the file alone says which region is next.
        writer.checkpoints().unwrap().write(&archive).unwrap();
        assert_eq!(word(&place.path, at::DURABLE), generation);
    };
    let in_regions = || {
        let view = open_view(&place.path).unwrap();
        [0, 1].map(|i| {
            flagstaff_format::frame_of(view.map(), Area::Checkpoint(i)).map_or(0, |frame| frame.generation.0)
        })
    };
    let mut seen = Vec::new();
    for generation in 1..=4 {
        checkpoint(&mut writer, generation);
        seen.push(in_regions());
    }
    assert_eq!(seen, [[1, 0], [1, 2], [3, 2], [3, 4]]);
    // The newest is damaged: the other one is now the newest good one and stays.
    damage(&place.path, Area::Checkpoint(1));
    checkpoint(&mut writer, 5);
    assert_eq!(in_regions(), [3, 5]);
    // Slots gone: the newest checkpoint is what is left.
    damage(&place.path, Area::Slot(0));
    damage(&place.path, Area::Slot(1));
    let (area, archive) = newest(open_view(&place.path).unwrap().map()).unwrap();
    assert_eq!((area, told(&archive)), (Area::Checkpoint(1), Some(5)));
}

/// Symptom: after a sync that failed and a restart, the next checkpoint went over the only one that was on the disk. Cause:
/// a region whose sync failed looks whole in memory. Fix: only what was called durable counts.
#[test]
fn a_checkpoint_that_no_sync_vouched_for_does_not_count() {
    let place = place();
    let mut writer = published(&place.path, 1);
    for generation in 1..=2 {
        writer.checkpoints().unwrap().write(&writer.current().unwrap()).unwrap();
        writer.publish(&mut snapshot(generation + 1)).unwrap();
    }
    // As if the second sync had failed.
    set_word(&place.path, at::DURABLE, 1);
    writer.checkpoints().unwrap().write(&writer.current().unwrap()).unwrap();
    let view = open_view(&place.path).unwrap();
    let regions =
        [0, 1].map(|i| flagstaff_format::frame_of(view.map(), Area::Checkpoint(i)).unwrap().generation.0);
    assert_eq!(regions, [1, 3], "the durable one stays");
}

/// Symptom: a checkpoint that came late, after the file was superseded, put older flags on the disk. Fix: what is not newer
/// than the newest checkpoint is not written.
#[test]
fn an_older_snapshot_never_becomes_a_checkpoint_after_a_newer_one() {
    let place = place();
    let mut writer = published(&place.path, 3);
    let view = open_view(&place.path).unwrap();
    let old = flagstaff_format::copy(view.map(), Area::Slot(0)).unwrap();
    assert_eq!((old.generation(), old.frame()), (Generation(2), writer.previous().unwrap().frame()));
    writer.supersede().unwrap();
    let mut checkpoints = writer.checkpoints().unwrap();
    checkpoints.write(&old).unwrap();
    checkpoints.write(&writer.current().unwrap()).unwrap();
    assert_eq!(word(&place.path, at::DURABLE), 4);
    let view = open_view(&place.path).unwrap();
    assert!(flagstaff_format::frame_of(view.map(), Area::Checkpoint(1)).is_err(), "nothing was written");
}

/// Symptom: after each reboot, readers of more than a few hundred flags were on the slow path until the next change. Cause:
/// the other slot of a new file was small, and readers have one bound for both. Fix: both are reserved alike.
#[test]
fn look_ups_in_a_superseding_file_are_on_the_fast_path_at_once() {
    let place = place();
    let mut writer = published(&place.path, 1);
    let flags: Vec<_> = (0..20_000).map(|i| flag(&format!("a-flag-{i}"), Value::I64(i))).collect();
    writer.publish(&mut Archive::build(&flags, Generation(0), Facts::default()).unwrap()).unwrap();
    writer.supersede().unwrap();
    let key = Hashed::new(b"a-flag-19999");
    let probe = view(&place.path).probe(&key);
    assert_eq!(probe.and_then(Hit::i64), Some(19_999));
}

/// Symptom: readers that opened a snapshot which somebody had put at the path, just before the publisher made its own
/// file anew there, stayed on it for ever. Cause: only the publisher's file was marked. Fix: both are.
#[test]
fn a_snapshot_that_somebody_put_at_the_path_is_marked_before_it_is_replaced() {
    let (here, there) = (place(), place());
    let mut writer = published(&here.path, 2);
    drop(published(&there.path, 9));
    fs::rename(&there.path, &here.path).unwrap();
    let opened_meanwhile = open_view(&here.path).unwrap();
    assert_eq!(writer.path_state(), PathCheck::Replaced);
    writer.supersede().unwrap();
    assert!(opened_meanwhile.observe().is_superseded());
    assert_eq!((writer.generation(), writer.path_state()), (Generation(10), PathCheck::Same));
    assert_eq!(told(&writer.current().unwrap()), Some(2));
}

/// Symptom: a file whose owner had changed its mode came back with the old mode, and its readers could not open it. Cause:
/// the rights were those of the moment at which the publisher had opened it. Fix: they are asked for when it is replaced.
#[test]
fn the_rights_carried_over_are_those_of_the_moment() {
    let place = place();
    let mut writer = published(&place.path, 1);
    fs::set_permissions(&place.path, Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(&place.path).unwrap();
    writer.supersede().unwrap();
    assert_eq!(mode(&place.path), 0o644);
}

#[test]
fn a_full_disk_is_an_error_and_readers_keep_what_they_have() {
    const TEST: &str = "a_full_disk_is_an_error_and_readers_keep_what_they_have";
    if let Some(directory) = child() {
        let path = directory.join("flags.flagstaff");
        let mut writer = published(&path, 1);
        let view = view(&path);
        let big = Value::String("x".repeat(3 << 20).into());
        let mut archive = Archive::build(&[flag("big", big)], Generation(1), Facts::default()).unwrap();
        for _ in 0..2 {
            let error = writer.publish(&mut archive).unwrap_err();
            let WriteError::Io { source, .. } = &error else { panic!("{error:?}") };
            assert_eq!(source.kind(), ErrorKind::StorageFull);
            assert!(error.to_string().contains("free space"), "{error}");
            assert_eq!((look_up(&view, "generation"), writer.generation()), (Some(1), Generation(1)));
            assert!(check_current(view.map()).unwrap().is_some());
        }
        assert_eq!(writer.publish(&mut snapshot(2)).unwrap(), Generation(2));
        assert_eq!(look_up(&view, "generation"), Some(2));
        // Superseding needs room for two copies; without it the old file stays and nothing is left beside it.
        fs::write(directory.join("ballast"), vec![1; 1 << 20]).unwrap();
        fs::write(directory.join("more"), vec![1; 1 << 20]).unwrap_err();
        writer.supersede().unwrap_err();
        assert!(!view.observe().is_superseded());
        assert!(!directory.join(".flags.flagstaff.new").exists(), "a failed new file is removed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=2m none \"$FLAGSTAFF_TEST_CHILD\" || exit 77; exec \"$0\" \"$@\"";
    let output = in_child(TEST, directory.path(), |program| {
        let mut command = Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", script]).arg(program);
        command
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || stderr.starts_with("unshare:") {
        eprintln!("SKIPPED {TEST}: no mount namespace: {stderr}");
        return;
    }
    assert_success(&output);
}

/// Symptom: a publisher with a small limit on file sizes was killed by SIGXFSZ at its first publish into a file that
/// another one had made. Cause: the limit was looked at only where a file is made. Fix: looked at on opening as well.
#[test]
fn a_small_file_size_limit_is_an_error_and_no_signal() {
    const TEST: &str = "a_small_file_size_limit_is_an_error_and_no_signal";
    if let Some(directory) = child() {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let old = directory.join("old.flagstaff");
        drop(published(&old, 1));
        let limit = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
        setrlimit(Resource::Fsize, limit).unwrap();
        for path in [old, directory.join("new.flagstaff")] {
            let error = Writer::open(&path, &WriterOptions::default()).map(|mut opened| {
                let _ = opened.writer.publish(&mut snapshot(2));
            });
            let error = error.unwrap_err();
            assert!(matches!(error, WriteError::FileSizeLimit { limit: 0x10_0000, .. }), "{error}");
            assert!(error.to_string().contains("ulimit"), "{error}");
        }
        let old = directory.join("old.flagstaff");
        assert_eq!(names_beside(&old), [live_link(&old), old], "nothing was made");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    assert_success(&in_child(TEST, directory.path(), Command::new));
}
