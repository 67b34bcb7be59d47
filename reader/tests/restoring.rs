//! Readers that live on while the file is removed, restored or replaced by hand with no publisher running, and one starts then.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests, also outside of test functions")]

mod stage;

use std::fs;
use std::path::Path;

use flagstaff_format::{Writer, WriterOptions};
use flagstaff_reader::{BoolFlag, Generation, NumberFlag, PathState, Reader, StringFlag};
use stage::{DEADLINE, Stage, mv, publish_number, until};

/// A reader and handles of it, which have all been asked.
struct Subject {
    reader: Reader,
    parity: BoolFlag,
    number: NumberFlag,
    string: StringFlag,
}

impl Subject {
    fn new(reader: Reader) -> Subject {
        let parity = reader.bool_flag("the-parity");
        let (number, string) = (reader.number_flag("the-number"), reader.string_flag("the-string"));
        Subject { reader, parity, number, string }
    }

    /// Everything that it can be asked, one thing first.
    #[track_caller]
    fn answers(&self, first: usize, n: u64, what: &str) {
        for way in (0..8).map(|i| (first + i) % 8) {
            let answer = match way {
                0 => self.reader.get_u64("the-number"),
                1 => self.reader.get_string("the-string").parse().unwrap_or(0),
                2 => self.reader.snapshot().get_number("the-number") as u64,
                3 => self.reader.read(|view| view.get_u64("the-number")),
                4 => self.number.get() as u64,
                5 => self.string.get().parse().unwrap_or(0),
                6 if self.parity.get() == (n % 2 == 1) => n,
                7 => self.reader.get_json("the-json-value").map_or(0, |list: Vec<u64>| list[0]),
                _ => 0,
            };
            assert_eq!(answer, n, "way {way} first {first}: {what}");
        }
    }
}

/// What people do with a file that nobody publishes into.
const BY_HAND: [&str; 5] =
    ["remove", "restore", "move aside", "put garbage there", "put an empty file there"];

fn by_hand(what: &str, stage: &Stage, backup: &Path) {
    let arrived = stage.dir.path().join("arrived");
    match what.split(',').next().unwrap() {
        "remove" => return fs::remove_file(&stage.path).unwrap(),
        "move aside" => return mv(&stage.path, &stage.dir.path().join("aside")),
        "restore" => drop(fs::copy(backup, &arrived).unwrap()),
        "put garbage there" => fs::write(&arrived, vec![0xa5; 10_000]).unwrap(),
        "put an empty file there" => fs::write(&arrived, "").unwrap(),
        other => panic!("nobody does {other}"),
    }
    mv(&arrived, &stage.path);
}

/// Symptom: a publisher was stopped, the snapshot removed or replaced with `mv`, and a publisher started: readers and handles that had
/// the file before answered its values for ever. Cause: a reader looks at its path when the file that it has mapped is marked, and nobody
/// could mark a file that has no name any more. Fix: a file in use has a hidden second name, by which the next publisher finds it.
#[test]
fn readers_of_a_file_that_was_restored_or_removed_by_hand_follow_the_next_publisher_at_their_next_read() {
    let mut n = 0;
    let mut publish = |writer: &mut Writer| {
        n += 1;
        publish_number(writer, n);
        n
    };
    for what in BY_HAND {
        let (stage, mut writer) = Stage::with_writer();
        publish(&mut writer);
        let backup = stage.dir.path().join("backup");
        fs::copy(&stage.path, &backup).unwrap();
        let mut subjects = vec![Subject::new(Reader::open(&stage.path).unwrap())];
        // What is restored is of an earlier generation.
        let mut last = publish(&mut writer);
        drop(writer);
        for round in 0..8 {
            let what = format!("{what}, round {round}");
            by_hand(&what, &stage, &backup);
            if round % 3 == 2 {
                subjects.iter().for_each(|before| before.answers(round, last, &what));
            }
            subjects.push(Subject::new(Reader::attach(&stage.path)));
            let mut writer = stage.writer();
            for _ in 0..1 + round % 2 {
                last = publish(&mut writer);
                subjects.iter().for_each(|before| before.answers(round, last, &what));
            }
            assert_eq!(subjects[0].reader.status().path, PathState::Same, "{what}");
        }
    }
}

/// Who removes the file while no publisher runs loses no more than with one that runs: the flags are found again.
#[test]
fn a_removed_file_comes_back_with_its_flags_when_a_publisher_starts() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let generation = publish_number(&mut writer, 2);
    drop(writer);
    let before = Subject::new(Reader::open(&stage.path).unwrap());
    fs::remove_file(&stage.path).unwrap();
    let writer = stage.writer();
    let reader = Reader::open(&stage.path).unwrap();
    assert_eq!((reader.get_u64("the-number"), reader.generation()), (2, generation.next()));
    before.answers(0, 2, "the flags of before");
    assert_eq!(before.reader.generation(), generation.next());
    drop(writer);
    // With its second name it is gone, and nothing is left.
    stage.remove();
    let opened = Writer::open(&stage.path, &WriterOptions::default()).unwrap();
    assert!(opened.snapshot.is_none() && opened.writer.generation() == Generation(0));
}

/// Symptom: a copy from before the first publish was put at the path. The next publisher carried "no flags" on, and readers of the old
/// file kept theirs, marked, and followed up to 100 ms after the next publish instead of at their next read. Cause: what was left behind
/// was not looked into when the file at the path was whole. Fix: a file without flags has nothing to carry on, so theirs are.
#[test]
fn a_copy_from_before_the_first_publish_does_not_take_the_flags_away() {
    let (stage, mut writer) = Stage::with_writer();
    let backup = stage.dir.path().join("backup");
    fs::copy(&stage.path, &backup).unwrap();
    publish_number(&mut writer, 1);
    let generation = publish_number(&mut writer, 2);
    drop(writer);
    let before = Subject::new(Reader::open(&stage.path).unwrap());
    before.answers(0, 2, "before");
    by_hand("restore", &stage, &backup);
    let mut writer = stage.writer();
    let reader = Reader::open(&stage.path).unwrap();
    assert_eq!((reader.get_u64("the-number"), reader.generation()), (2, generation.next()));
    before.answers(1, 2, "a publisher has started");
    for n in 3..6 {
        publish_number(&mut writer, n);
        before.answers(n as usize, n, "it publishes");
    }
}

/// On a file system without hard links, or if somebody removes both names, nobody can mark the old file. Who looks at the path moves.
#[test]
fn readers_of_a_file_without_a_second_name_follow_when_they_look_at_the_path() {
    let (stage, mut writer) = Stage::with_writer();
    for n in 1..=5 {
        publish_number(&mut writer, n);
    }
    let waiter = Subject::new(Reader::open(&stage.path).unwrap());
    let asker = Subject::new(Reader::open(&stage.path).unwrap());
    drop(writer);
    stage.remove();
    let mut writer = stage.writer();
    assert_eq!(publish_number(&mut writer, 101), Generation(1));
    until("waiting moves the reader", || {
        waiter.reader.wait_for_change(Generation(5), DEADLINE);
        waiter.reader.generation() == Generation(1)
    });
    waiter.answers(0, 101, "waited");
    assert_eq!(asker.reader.status().generation, Generation(1));
    asker.answers(0, 101, "asked for the status");
}

/// A reader that waits sleeps on the file of before.
#[test]
fn a_waiter_wakes_when_a_publisher_starts_after_a_restore() {
    let (stage, mut writer) = Stage::with_writer();
    let seen = publish_number(&mut writer, 1);
    drop(writer);
    let reader = Reader::open(&stage.path).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| reader.wait_for_change(seen, DEADLINE));
        fs::remove_file(&stage.path).unwrap();
        let mut writer = stage.writer();
        let now = publish_number(&mut writer, 2);
        assert!(waiter.join().unwrap() > seen);
        assert_eq!((reader.get_u64("the-number"), reader.generation()), (2, now));
    });
}

#[test]
fn a_second_name_that_somebody_removed_is_given_back() {
    let (stage, mut writer) = Stage::with_writer();
    publish_number(&mut writer, 1);
    let live = stage.path.with_file_name(".flags.flagstaff.live");
    for round in 0..3 {
        fs::remove_file(&live).unwrap();
        // By the publisher that runs, or by the one that starts.
        if round == 0 {
            writer.keep_live_link();
        } else {
            writer = stage.writer();
        }
        assert!(live.exists());
        writer.supersede().unwrap();
    }
    let reader = Reader::open(&stage.path).unwrap();
    drop(writer);
    fs::remove_file(&stage.path).unwrap();
    publish_number(&mut stage.writer(), 2);
    assert_eq!(reader.get_u64("the-number"), 2);
}
