//! The hidden second name of a snapshot, among names that are like it, behind links, and while publishers die.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests, also outside of test functions")]

mod stage;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use flagstaff_format::layout::word;
use flagstaff_format::{FileOp, Generation, Hooks, Observer, Writer, WriterOptions};
use flagstaff_reader::Reader;
use stage::{Stage, mv, publish_number};

fn open(path: &Path) -> Writer {
    Writer::open(path, &WriterOptions::default()).unwrap().writer
}

/// Dies at a step: this one and all that follow are not made, and nothing is cleaned up either.
#[derive(Debug)]
struct Dies {
    /// Steps that are still made.
    left: AtomicUsize,
}

impl Dies {
    fn at(step: usize) -> Arc<Dies> {
        Arc::new(Dies { left: AtomicUsize::new(step) })
    }

    fn is_dead(&self) -> bool {
        self.left.load(SeqCst) == 0
    }
}

impl Observer for Dies {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        if matches!(step, FileOp::Failpoint(_)) {
            return Ok(());
        }
        match self.left.fetch_update(SeqCst, SeqCst, |left: usize| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("dead")),
        }
    }
}

/// As people do it, which leaves holes where there are holes.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}

/// What a person does after a publisher has died.
const BY_HAND: [&str; 3] = ["nothing", "remove", "restore"];

fn by_hand(what: &str, stage: &Stage, backup: &Path) {
    match what {
        "nothing" => {}
        "remove" => fs::remove_file(&stage.path).unwrap(),
        "restore" => {
            let arrived = stage.dir.path().join("arrived");
            copy(backup, &arrived);
            mv(&arrived, &stage.path);
        }
        other => panic!("nobody does {other}"),
    }
}

/// A publisher dies at each step of a move; then somebody does something by hand; then the next publisher starts. Whoever reads since
/// before all of that follows at the next read.
#[test]
fn readers_follow_whatever_step_a_publisher_died_at_and_whatever_was_done_by_hand_then() {
    die_at_each_step(|_, _, options, path| {
        if let Ok(mut opened) = Writer::open(path, options) {
            // Its death is the only way in which this fails.
            let _ = opened.writer.supersede();
        }
    });
}

/// The same for one that dies while it starts with a restored file.
#[test]
fn readers_follow_whatever_step_a_publisher_died_at_that_found_a_restored_file() {
    die_at_each_step(|stage, backup, options, path| {
        by_hand("restore", stage, backup);
        drop(Writer::open(path, options));
    });
}

fn die_at_each_step(live: impl Fn(&Stage, &Path, &WriterOptions, &Path) + Sync) {
    std::thread::scope(|scope| {
        for what in BY_HAND {
            let live = &live;
            scope.spawn(move || {
                let deaths = (0..).take_while(|step| dies_at(*step, what, live)).count();
                assert!(deaths > 10, "{deaths} steps are no move");
            });
        }
    });
}

/// False, if there is no such step.
fn dies_at(step: usize, what: &str, live: impl Fn(&Stage, &Path, &WriterOptions, &Path)) -> bool {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let backup = stage.dir.path().join("backup");
    copy(&stage.path, &backup);
    publish_number(&mut writer, 2);
    drop(writer);
    let reader = Reader::open(&stage.path).unwrap();
    let handle = reader.number_flag("the-number");
    assert_eq!(handle.get(), 2.0);
    let dies = Dies::at(step);
    let options = WriterOptions::default().hooks(Hooks::new(dies.clone()));
    live(&stage, &backup, &options, &stage.path);
    by_hand(what, &stage, &backup);
    let story = format!("dead at step {step}, then {what}");
    let mut writer = open(&stage.path);
    publish_number(&mut writer, 3);
    assert_eq!((reader.get_u64("the-number"), handle.get()), (3, 3.0), "{story}");
    // And this one has left everything as it should be.
    drop(writer);
    fs::remove_file(&stage.path).unwrap();
    publish_number(&mut open(&stage.path), 4);
    assert_eq!((reader.get_u64("the-number"), handle.get()), (4, 4.0), "{story}");
    dies.is_dead()
}

/// Symptom: two snapshots in one folder whose names differ only in bytes that are no UTF-8 shared their hidden names, and so did `a` and
/// `a.live`: one publisher could put its file at the path of the other, and a third name brought flags of the first. Cause: the hidden names
/// were made of the readable form of a name, and the ending `.live.new` was also the ending `.new` behind a name that ends in `.live`.
#[test]
fn snapshots_with_names_alike_have_nothing_in_common() {
    let folder = tempfile::tempdir().unwrap();
    let names: [&[u8]; 9] =
        [b"a", b"a.live", b"a.link", b"a.new", b".a", b"a.live.new", b"\xff", b"\xfe", b"\xef\xbf\xbd"];
    let paths = names.map(|name| folder.path().join(OsStr::from_bytes(name)));
    let mut lives = Vec::new();
    for (n, path) in (1..).zip(&paths) {
        let opened = Writer::open(path, &WriterOptions::default()).unwrap();
        let mut writer = opened.writer;
        assert_eq!((writer.generation(), opened.snapshot.is_some()), (Generation(0), false), "{path:?}");
        publish_number(&mut writer, n);
        lives.push((n, Reader::open(path).unwrap(), writer));
    }
    for round in 0..3 {
        for (n, reader, writer) in &mut lives {
            writer.supersede().unwrap();
            writer.keep_live_link();
            assert_eq!(reader.get_u64("the-number"), *n, "round {round}");
        }
    }
    for (path, (n, reader, writer)) in paths.iter().zip(lives) {
        drop(writer);
        fs::remove_file(path).unwrap();
        let mut writer = open(path);
        assert_eq!(reader.get_u64("the-number"), n, "{path:?} brought flags of another one");
        publish_number(&mut writer, n + 100);
        assert_eq!(reader.get_u64("the-number"), n + 100, "{path:?}");
    }
}

/// Symptom: a publisher was given a symbolic link to a snapshot. The hard link that it made was one of the symbolic link, which was not
/// believed later, so the readers of a file that was replaced by hand stayed on it. Fix: second names are beside what a link leads to.
#[test]
fn readers_follow_a_publisher_that_was_given_a_symbolic_link() {
    for what in ["remove", "restore"] {
        let (stage, mut writer) = Stage::with_writer();
        publish_number(&mut writer, 1);
        let backup = stage.dir.path().join("backup");
        copy(&stage.path, &backup);
        publish_number(&mut writer, 2);
        drop(writer);
        // As if an older version had made it: the publisher behind the link is to give it its second name.
        fs::remove_file(stage.path.with_file_name(".flags.flagstaff.live")).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (first, second) = (elsewhere.path().join("first"), elsewhere.path().join("second"));
        symlink("second", &first).unwrap();
        symlink(&stage.path, &second).unwrap();
        let mut writer = open(&first);
        publish_number(&mut writer, 3);
        writer.keep_live_link();
        drop(writer);
        assert!(second.is_symlink() && first.is_symlink(), "publishing goes on in the file itself");
        let reader = Reader::open(&first).unwrap();
        assert_eq!(reader.get_u64("the-number"), 3);
        by_hand(what, &stage, &backup);
        let mut writer = open(&first);
        publish_number(&mut writer, 4);
        assert_eq!(reader.get_u64("the-number"), 4, "{what}");
    }
}

/// A file that was renamed for good and has a publisher under its new name, while the old name gets one as well: each has its own.
#[test]
fn a_file_that_lives_on_under_another_name_is_made_anew_by_its_own_publisher() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    drop(writer);
    let moved = stage.dir.path().join("moved.flagstaff");
    mv(&stage.path, &moved);
    let mut of_moved = open(&moved);
    publish_number(&mut of_moved, 2);
    let reader = Reader::open(&moved).unwrap();
    let mut of_old_name = stage.writer();
    publish_number(&mut of_old_name, 100);
    // What a publisher does that finds its file touched, twice a second.
    assert!(of_moved.damage().is_some());
    of_moved.supersede().unwrap();
    publish_number(&mut of_moved, 3);
    assert_eq!(reader.get_u64("the-number"), 3);
    publish_number(&mut of_old_name, 101);
    assert!(of_old_name.damage().is_none() && of_moved.damage().is_none());
    assert_eq!(reader.get_u64("the-number"), 3);
    assert_eq!(Reader::open(&stage.path).unwrap().get_u64("the-number"), 101);
}

/// `.NAME.live` must be a name as well. Longer ones publish as ever, without a second name.
#[test]
fn the_longest_name_with_a_second_one_has_249_bytes() {
    for bytes in [249, 250] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(bytes));
        let mut writer = open(&path);
        publish_number(&mut writer, 1);
        writer.keep_live_link();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), if bytes == 249 { 2 } else { 1 });
        writer.supersede().unwrap();
        publish_number(&mut writer, 2);
        assert_eq!(reader.get_u64("the-number"), 2);
        drop(writer);
        fs::remove_file(&path).unwrap();
        let mut writer = open(&path);
        publish_number(&mut writer, 3);
        assert_eq!(reader.get_u64("the-number"), if bytes == 249 { 3 } else { 2 });
        assert_eq!(
            (reader.status().path, reader.get_u64("the-number")),
            (flagstaff_reader::PathState::Same, 3)
        );
    }
}

/// What takes the place of the second name: a folder, a symbolic link, any file. The name that it has while it is made does as well then.
#[test]
fn readers_follow_although_something_else_has_the_second_name() {
    for what in ["a folder", "a link", "a text", "a snapshot of others"] {
        let (stage, mut writer) = Stage::with_writer();
        publish_number(&mut writer, 1);
        let live = stage.path.with_file_name(".flags.flagstaff.live");
        fs::remove_file(&live).unwrap();
        let other = Stage::new();
        publish_number(&mut other.writer(), 77);
        match what {
            "a folder" => fs::create_dir(&live).unwrap(),
            "a link" => symlink(&stage.path, &live).unwrap(),
            "a text" => fs::write(&live, "text").unwrap(),
            _ => copy(&other.path, &live),
        }
        writer.keep_live_link();
        let reader = Reader::open(&stage.path).unwrap();
        drop(writer);
        let backup = stage.dir.path().join("backup");
        copy(&stage.path, &backup);
        by_hand("restore", &stage, &backup);
        let mut writer = stage.writer();
        assert_eq!(reader.get_u64("the-number"), 1, "{what}");
        publish_number(&mut writer, 2);
        assert_eq!(reader.get_u64("the-number"), 2, "{what}");
    }
}

/// A file of another version of this program is not written to, under its second name no more than under its first.
#[test]
fn a_second_name_of_a_file_of_another_format_is_left_alone() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    drop(writer);
    let kept = stage.dir.path().join("kept");
    fs::hard_link(&stage.path, &kept).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o640)).unwrap();
    // Another version, in a header whose checksum is not that of this version.
    stage.set_word(word::VERSION, 0xffff);
    stage.set_word(word::CHECKSUM, 0x5a);
    let header = || {
        let mut bytes = [0; 4096];
        fs::File::open(&kept).unwrap().read_exact(&mut bytes).unwrap();
        bytes
    };
    let before = header();
    assert!(Reader::open(&stage.path).unwrap_err().to_string().contains("65535"));
    fs::remove_file(&stage.path).unwrap();
    let mut writer = stage.writer();
    assert_eq!(writer.generation(), Generation(0));
    publish_number(&mut writer, 5);
    assert_eq!(Reader::open(&stage.path).unwrap().get_u64("the-number"), 5);
    assert!(before == header(), "it was written to");
}
