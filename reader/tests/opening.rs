//! Opening what a path leads to, and attaching to a path without a file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, also outside of test functions"
)]

mod stage;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use flagstaff_format::layout::{FILE_BYTES, HEADER_BYTES, VERSION, word};
use flagstaff_reader::{Generation, OpenError, PathState, Reader, ReaderOptions, Verify};
use stage::{Stage, bools, publish, publish_number, role, succeeds, until};

#[test]
fn a_missing_file_is_an_error_that_names_the_path_and_what_to_start() {
    let stage = Stage::new();
    let error = Reader::open(&stage.path).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(stage.path.to_str().unwrap()) && text.contains("flagstaff run --file"), "{text}");
}

#[test]
fn files_that_are_no_snapshot_are_refused_with_what_was_found() {
    let stage = Stage::new();
    for content in [&b""[..], b"flags", &[0; 4096], &[0xff; 10_000], b"{\"a\":true}"] {
        std::fs::write(&stage.path, content).unwrap();
        let error = Reader::open(&stage.path).unwrap_err();
        assert!(matches!(error, OpenError::NotASnapshot { .. }), "{error:?}");
        assert!(error.to_string().contains(stage.path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn directories_fifos_and_devices_are_refused_at_once() {
    let stage = Stage::new();
    let fifo = stage.dir.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let start = Instant::now();
    for (path, word) in
        [(stage.dir.path(), "a directory"), (&fifo, "a fifo"), ("/dev/null".as_ref(), "a device")]
    {
        let error = Reader::open(path).unwrap_err();
        assert!(matches!(error, OpenError::NotAFile { .. }) && error.to_string().contains(word), "{error}");
        assert!(!Reader::attach(path).get_bool("a"));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

#[test]
fn a_newer_version_is_refused_with_the_advice_to_upgrade_and_left_alone() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    stage.scribble(8, &(u64::from(VERSION + 1) | HEADER_BYTES << 32).to_le_bytes());
    // A whole header of another format: were only the number different, it would be taken for damage.
    stage.scribble(word::CHECKSUM as u64 * 8, &[7; 8]);
    let before = std::fs::metadata(&stage.path).unwrap().modified().unwrap();
    let error = Reader::open(&stage.path).unwrap_err();
    assert!(matches!(error, OpenError::Version { .. }), "{error:?}");
    assert!(error.to_string().contains("upgrade this program"), "{error}");
    assert_eq!(std::fs::metadata(&stage.path).unwrap().modified().unwrap(), before);
}

#[test]
fn a_file_of_another_length_or_with_a_damaged_header_is_refused() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    drop(writer);
    for (offset, length) in [(24, FILE_BYTES), (96, FILE_BYTES), (4000, FILE_BYTES - 4096)] {
        let copy = stage.dir.path().join("copy");
        std::fs::copy(&stage.path, &copy).unwrap();
        std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o600)).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&copy).unwrap();
        file.set_len(length).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0xa5; 8], offset).unwrap();
        let error = Reader::open(&copy).unwrap_err();
        assert!(matches!(error, OpenError::Header { .. }), "{error:?}");
    }
}

#[test]
fn a_file_that_everybody_may_write_to_is_refused() {
    let (stage, _writer) = Stage::with_writer();
    std::fs::set_permissions(&stage.path, PermissionsExt::from_mode(0o666)).unwrap();
    let error = Reader::open(&stage.path).unwrap_err();
    assert!(matches!(error, OpenError::WorldWritable { mode: 0o666, .. }), "{error:?}");
}

#[test]
fn an_unreadable_file_is_an_error_for_who_may_not_read_it() {
    if let Some(path) = role() {
        let error = Reader::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Io { .. }) && error.to_string().contains(&path), "{error:?}");
        assert!(!Reader::attach(&path).get_bool("always-true"));
        return;
    }
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    std::fs::set_permissions(stage.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&stage.path, PermissionsExt::from_mode(0o000)).unwrap();
    let mut child = stage::again("an_unreadable_file_is_an_error_for_who_may_not_read_it", &stage.path);
    if rustix::process::geteuid().is_root() {
        std::os::unix::process::CommandExt::uid(&mut child, 65534);
    }
    succeeds(child);
}

#[test]
fn a_symlink_to_a_snapshot_is_followed() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let link = stage.dir.path().join("link");
    std::os::unix::fs::symlink(&stage.path, &link).unwrap();
    let reader = Reader::open(&link).unwrap();
    assert!(reader.get_bool("always-true"));
    writer.supersede().unwrap();
    publish_number(&mut writer, 2);
    assert_eq!(reader.get_u64("the-number"), 2);
}

#[test]
fn an_attached_reader_answers_defaults_and_then_follows_the_file_that_appears() {
    let stage = Stage::new();
    let reader = Reader::attach(&stage.path);
    let handle = reader.bool_flag("always-true");
    assert!(!reader.get_bool("always-true") && !handle.get() && reader.get_bool_or("always-true", true));
    assert_eq!((reader.generation(), reader.snapshot().len()), (Generation(0), 0));
    let status = reader.status();
    assert!(!status.is_cold && status.is_stale());
    assert_eq!(status.path, PathState::Missing);

    // What is no snapshot is not followed and keeps nothing from being followed later.
    std::fs::write(&stage.path, "garbage").unwrap();
    assert_eq!((reader.get_bool("always-true"), reader.status().path), (false, PathState::Stuck));
    std::fs::remove_file(&stage.path).unwrap();

    let mut writer = stage.writer();
    publish_number(&mut writer, 7);
    until("the file is followed", || reader.get_bool("always-true"));
    assert!(handle.get());
    assert_eq!((reader.get_u64("the-number"), reader.generation()), (7, Generation(1)));
    publish_number(&mut writer, 8);
    assert_eq!(reader.get_u64("the-number"), 8);
}

#[test]
fn a_file_in_which_nothing_was_published_answers_defaults_until_something_is() {
    let (stage, mut writer) = Stage::with_writer();
    let reader = Reader::open(&stage.path).unwrap();
    let handle = reader.number_flag_or("the-number", 5.0);
    assert_eq!((reader.get("the-number"), handle.get()), (None, 5.0));
    let status = reader.status();
    assert_eq!((status.generation, status.is_cold, status.path), (Generation(0), false, PathState::Same));
    publish_number(&mut writer, 1);
    assert_eq!((reader.get_u64("the-number"), handle.get()), (1, 1.0));
}

#[test]
fn a_relative_path_is_followed_after_the_directory_changed() {
    if let Some(directory) = role() {
        std::env::set_current_dir(&directory).unwrap();
        let stage_path = std::path::Path::new("flags.flagstaff");
        let open = || flagstaff_format::Writer::open(stage_path, &Default::default()).unwrap().writer;
        let mut writer = open();
        publish(&mut writer, &bools(&[("the-boolean", false)]));
        let reader = Reader::open("flags.flagstaff").unwrap();
        assert!(!reader.get_bool("the-boolean"));
        writer.supersede().unwrap();
        publish(&mut writer, &bools(&[("the-boolean", true)]));
        std::env::set_current_dir("/").unwrap();
        assert!(reader.get_bool("the-boolean"));
        assert_eq!(reader.status().path, PathState::Same);
        return;
    }
    let stage = Stage::new();
    succeeds(stage::again("a_relative_path_is_followed_after_the_directory_changed", stage.dir.path()));
}

#[test]
fn verifying_the_header_only_opens_the_same_file() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 3);
    let reader = Reader::open_with(&stage.path, &ReaderOptions::new().verify(Verify::Header)).unwrap();
    assert_eq!(reader.get_u64("the-number"), 3);
    assert_eq!(reader.path(), stage.path);
}
